"""Second half of ``bin/start``, in ``.venv``: starts the Procfile's processes and keeps them up.

The Procfile is honcho's, so ``honcho start`` runs the same processes. This adds what that does not
have: one line when all is ready, a log per process, a new start of what died with a sentence about
it, and an end within ten seconds that also reaches children in sessions of their own.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType

from honcho.environ import parse_procfile

from aistempre import env as environment
from launcher import ends, schema, valkey
from launcher.checkout import PYTHON, ROOT, VENV
from launcher.orphans import adopt_orphans, kill_descendants, reap
from launcher.processes import Processes
from launcher.question import Going, Pulse, Question, Sign, page
from launcher.supervised import Ready, Supervised

WORKER_READY = " ready."
"""What Celery prints when a worker takes messages."""
BEAT_READY = " is starting."
READY_SECONDS = 60.0
LAST_LINES = 15
TRIM_SECONDS = 60.0
LOOK_SECONDS = 0.25
ALIVE = "/alive"
"""Answered without the database, so that waiting for that one is not taken for silence."""


class Stopped(Exception):
    """SIGINT, SIGTERM or SIGHUP has come."""


class Died(Exception):
    """A process has ended by itself before all were ready; ``str(error)`` says which and why."""


class Launcher:
    """One run of the product, from its first process to the end of its last."""

    def __init__(self, *, verbose: bool) -> None:
        self._env = environment.read()
        self._commands = parse_procfile((ROOT / "Procfile").read_text()).processes
        self._verbose = verbose
        self._signals = 0
        variables = os.environ | {
            "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
            "PORT": str(self._env.port),
            "DJANGO_SETTINGS_MODULE": "aistempre.settings",
            "PYTHONUNBUFFERED": "1",
            # Django's checks import all pages: 90 MB and a second in each process of Celery. They
            # are run once by the preparation.
            "CELERY_SKIP_CHECKS": "1",
        }
        self._variables = variables
        self._processes = Processes(self._env.home / "log", variables)
        self._page = page(self._env.port, "/", rb"[1-4]\d\d")
        self._ping = valkey.ping(self._env.valkey_socket)
        self._told: dict[str, ends.End] = {}

    def run(self) -> int:
        """Start, say ready, keep up; returns the exit status once nothing is left."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        adopt_orphans()
        self._env.ends_file.unlink(missing_ok=True)
        try:
            self._start()
            say(f"Ready: http://127.0.0.1:{self._env.port}/")
            self._keep_up()
        except Stopped:
            return 0
        except Died as fault:
            print(fault, file=sys.stderr, flush=True)
            return 1
        finally:
            self._processes.stop("valkey", hurried=lambda: self._signals > 1)
            kill_descendants()
            self._env.ends_file.unlink(missing_ok=True)
        return 0

    def _start(self) -> None:
        if self._env.own_valkey:
            self._processes.start("valkey", self._commands["valkey"])
        if not schema.is_prepared(self._env):
            self._prepare()
            schema.remember(self._env)
        while self._env.own_valkey and not self._ping.is_answered(_now()):
            self._look()
            time.sleep(0.01)
        self._processes.start("web", self._commands["web"])
        self._processes.start("worker", self._commands["worker"])
        deadline = _now() + READY_SECONDS
        while not (self._has_said("worker", WORKER_READY) and self._page.is_answered(_now())):
            self._look()
            if _now() > deadline:
                raise Died(f"Nothing was ready after {READY_SECONDS:.0f} s; {self._where()}.")
            time.sleep(0.05)
        # Beat only repeats wake-ups, so it need not compete for the processor before this.
        self._processes.start("beat", self._commands["beat"])

    def _prepare(self) -> None:
        preparing = subprocess.Popen(
            [str(PYTHON), "-m", "launcher.prepare"],
            cwd=ROOT,
            env=self._variables | {"PYTHONPATH": str(ROOT / "bin")},
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C comes here alone; the stop ends it
        )
        while preparing.poll() is None:
            self._look()
            time.sleep(0.02)
        if preparing.returncode:
            raise Died("The database or the sample data could not be prepared; see above.")

    def _look(self) -> None:
        """Raises ``Stopped`` or ``Died`` where it is time to end, before all were ready."""
        self._listen()
        ended = self._processes.ended()
        if ended is not None:
            name, status = ended
            lines = self._processes.output(name).splitlines()[-LAST_LINES:]
            said = "\n".join(f"  {line}" for line in lines) or "  (it printed nothing)"
            raise Died(
                f"The {name} process {ends.in_words(status)}, so everything is stopped. "
                f"It said last:\n{said}"
            )

    def _listen(self) -> None:
        """Show news; raises ``Stopped`` where it is time to end."""
        if self._verbose:
            for line in self._processes.news():
                say(line)
        if self._signals:
            raise Stopped

    def _keep_up(self) -> None:
        supervised = self._supervised()
        for each in supervised:
            each.begin(_now())
        trimmed = _now()
        while True:
            self._listen()
            for each in supervised:
                each.look(_now())
            reap(self._processes.own)
            self._tell({each.name: each.end for each in supervised if each.end})
            if _now() - trimmed > TRIM_SECONDS:
                self._processes.trim_logs()
                trimmed = _now()
            time.sleep(LOOK_SECONDS)

    def _supervised(self) -> list[Supervised]:
        alive = page(self._env.port, ALIVE, rb"\d")
        ping = valkey.ping(self._env.valkey_socket)
        moves = Sign(
            lambda: self._env.run_directory / f"worker-{self._processes.pid('worker')}.alive"
        )

        def one(name: str, ready: Ready, question: Question | Sign | None = None) -> Supervised:
            return Supervised(
                name,
                self._commands[name],
                self._processes,
                ready=ready,
                pulse=Pulse(question or Going(lambda: self._processes.pid(name))),
                say=say,
                before_restart=self._forget_schedule if name == "beat" else lambda: None,
            )

        return [
            *([one("valkey", self._ping.is_answered, ping)] if self._env.own_valkey else []),
            one("web", self._page.is_answered, alive),
            one("worker", lambda _: self._has_said("worker", WORKER_READY), moves),
            one("beat", lambda _: self._has_said("beat", BEAT_READY)),
        ]

    def _forget_schedule(self) -> None:
        """What beat was writing when it was killed may be torn, and then it could never start."""
        for part in self._env.run_directory.glob(f"{self._env.beat_schedule.name}*"):
            part.unlink()

    def _tell(self, told: dict[str, ends.End]) -> None:
        if told != self._told:
            ends.write(self._env.ends_file, told)
            self._told = told

    def _has_said(self, name: str, words: str) -> bool:
        return words in self._processes.output(name)

    def _where(self) -> str:
        return f"the logs are in {self._env.home / 'log'}"

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1


def say(line: str) -> None:
    """Print it where somebody still reads; the product does not end with its terminal's pipe."""
    with suppress(OSError):
        print(line, flush=True)


def _now() -> float:
    return time.monotonic()


if __name__ == "__main__":
    # What a process said last may hold what this terminal cannot show.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(Launcher(verbose="--verbose" in sys.argv[1:]).run())
