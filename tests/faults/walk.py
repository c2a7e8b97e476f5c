"""The random fault walk: random actions of users and random faults, in an order fixed by a seed.

What the machine does between two actions is not fixed, so a seed that fails replays the same
actions and faults, not the same nanoseconds.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import psutil
import redis

from runs_app.choices import FINAL, LIVE, RESUMABLE
from runs_app.models import TrainingRun
from tests.faults import trainers
from tests.faults.cases.broker import broker
from tests.faults.laboratory import LEASE_SECONDS, Laboratory
from tests.faults.runs import cancel_all
from tests.faults.waiting import ask

MOST_RUNS = 30
PAUSE_SECONDS = 1.0
PROGRAMS = (
    *(trainers.short,) * 6, trainers.slow_save, trainers.steady, trainers.raising, trainers.odd,
    trainers.last_word, trainers.instant, trainers.deaf, trainers.flood,
)  # fmt: skip
FAULTS_SHARE = 0.25
ANY_SHARE = 0.2
ACTIONS = ("launch",) * 5 + ("cancel", "resume", "delete") * 2 + ("purge",)


class Walk:
    """Walks for some minutes; counts what was done and what was survived."""

    def __init__(self, laboratory: Laboratory, seed: int) -> None:
        self._laboratory = laboratory
        self._dice = random.Random(seed)
        self._uids: list[str] = []
        self.actions: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self._kinds: dict[str, Callable[[], bool]] = {
            "trainer killed": self._kill_trainer,
            "trainer stopped and continued": self._pause_trainer,
            "worker killed": self._kill_worker,
            "worker asked to end": self._end_worker,
            "worker stopped beyond its lease": self._pause_worker,
            "fork server killed": self._kill_fork_server,
            "every worker killed": self._kill_host,
            "web killed": lambda: self._kill("web"),
            "valkey killed": lambda: self._kill("valkey"),
            "beat killed": lambda: self._kill("beat"),
            "valkey emptied": self._flush,
            "valkey stopped": self._pause_valkey,
        }
        if laboratory.postgres:
            self._kinds["connections cut"] = self._cut_connections
            self._kinds["postgres restarted"] = self._restart_postgres

    def go(self, seconds: float) -> None:
        """Walk for so long, then bring everything to rest."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            # Drawn before anything is done, so that no answer of the machine moves the dice.
            draw = self._dice.random()
            kind = self._dice.choice(sorted(self._kinds))
            action = self._dice.choice(ACTIONS)
            if draw < FAULTS_SHARE:
                if self._kinds[kind]():
                    self.faults[kind] += 1
                    print(f"  {time.strftime('%H:%M:%S')} {kind}", flush=True)
            else:
                self._act(action)
            time.sleep(self._dice.uniform(0, PAUSE_SECONDS))
        self._laboratory.wait_until_up()
        cancel_all(self._laboratory)

    def _act(self, action: str) -> None:
        user = self._laboratory.user
        program, parameter = self._dice.choice(PROGRAMS), self._dice.randrange(1, 4)
        place = self._dice.random()
        if action == "launch":
            live = ask(lambda: TrainingRun.objects.filter(status__in=LIVE).count())
            if live >= MOST_RUNS:
                return
            uid = user.launch(program, parameter)
            if uid:
                self._uids.append(uid)
                self.actions[action] += 1
        elif fit := self._fit_for(action):
            uid = fit[int(place * len(fit))]
            status = user.act(action, uid)
            self.actions[f"{action} {'done' if 200 <= status < 300 else 'refused'}"] += 1

    def _fit_for(self, action: str) -> list[str]:
        """Runs of which the action makes sense, and now and then any."""
        states = {"cancel": LIVE, "resume": RESUMABLE}.get(action, FINAL)
        if self._dice.random() < ANY_SHARE:
            return self._uids
        found = TrainingRun.objects.filter(uid__in=self._uids, status__in=states)
        found = found.filter(trashed_at__isnull=action != "purge")
        return ask(lambda: list(found.order_by("pk").values_list("uid", flat=True)))

    def _some(self, found: list[psutil.Process]) -> psutil.Process | None:
        place = self._dice.random()
        return found[int(place * len(found))] if found else None

    def _kill_one(self, process: psutil.Process | None) -> bool:
        if process is None:
            return False
        try:
            process.kill()
            psutil.wait_procs([process], timeout=10)
        except psutil.NoSuchProcess:
            return False
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE

    def _leaders(self) -> list[psutil.Process]:
        found = []
        for process in self._laboratory.trainers():
            with suppress(psutil.Error, ProcessLookupError):
                if os.getsid(process.pid) == process.pid:
                    found.append(process)
        return found

    def _kill_trainer(self) -> bool:
        return self._kill_one(self._some(self._leaders()))

    def _pause_trainer(self) -> bool:
        return self._pause(self._some(self._leaders()), 1.0)

    def _kill_worker(self) -> bool:
        done = self._kill_one(self._some(self._laboratory.workers()))
        self._laboratory.wait_until_up()
        return done

    def _end_worker(self) -> bool:
        worker = self._some(self._laboratory.workers())
        if worker is None:
            return False
        worker.terminate()
        psutil.wait_procs([worker], timeout=60)
        self._laboratory.wait_until_up()
        return not worker.is_running()

    def _pause_worker(self) -> bool:
        return self._pause(self._some(self._laboratory.workers()), 1.5 * LEASE_SECONDS)

    def _kill_fork_server(self) -> bool:
        worker = self._some(self._laboratory.workers())
        found = [] if worker is None else worker.children()
        return self._kill_one(self._some(found))

    def _kill_host(self) -> bool:
        doomed = [p for w in self._laboratory.workers() for p in (w, *w.children(recursive=True))]
        for process in doomed:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _, left = psutil.wait_procs(doomed, timeout=10)
        self._laboratory.wait_until_up()
        return bool(doomed) and not [p for p in left if p.status() != psutil.STATUS_ZOMBIE]

    def _kill(self, name: str) -> bool:
        done = self._kill_one(self._laboratory.process(name))
        self._laboratory.wait_until_up()
        return done

    def _flush(self) -> bool:
        try:
            return bool(broker().flushall())
        except redis.ConnectionError:
            return False  # it was killed a moment ago

    def _pause_valkey(self) -> bool:
        return self._pause(self._laboratory.process("valkey"), 3.0)

    def _pause(self, process: psutil.Process | None, seconds: float) -> bool:
        if process is None:
            return False
        try:
            with self._laboratory.paused(process):
                time.sleep(seconds)
        except psutil.NoSuchProcess:
            return False
        return True

    def _cut_connections(self) -> bool:
        postgres = self._laboratory.postgres
        return bool(postgres and postgres.terminate_connections())

    def _restart_postgres(self) -> bool:
        postgres = self._laboratory.postgres
        if postgres is None:
            return False
        postgres.stop()
        postgres.start()
        return True
