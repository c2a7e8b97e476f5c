"""Second half of ``bin/start``, in ``.venv``: starts the Procfile's processes and watches them.

The Procfile is honcho's, so ``honcho start`` runs the same processes. This adds what that does not
have: one line when all is ready, a log per process, an end within ten seconds that also reaches
children in sessions of their own, and a sentence about the process that died.
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from types import FrameType

from honcho.environ import parse_procfile

from aistempre import env as environment
from launcher import schema, valkey
from launcher.checkout import PYTHON, ROOT, VENV
from launcher.processes import Processes, adopt_orphans, kill_descendants

WORKER_READY = " ready."
"""What Celery prints when a worker takes messages."""
READY_SECONDS = 60.0
LAST_LINES = 15
TRIM_SECONDS = 60.0


class Stopped(Exception):
    """SIGINT, SIGTERM or SIGHUP has come."""


class Died(Exception):
    """A process has ended by itself; ``str(error)`` says which and why."""


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

    def run(self) -> int:
        """Start, say ready, watch; returns the exit status once nothing is left."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        adopt_orphans()
        try:
            self._start()
            print(f"Ready: http://127.0.0.1:{self._env.port}/", flush=True)
            self._watch()
        except Stopped:
            return 0
        except Died as fault:
            print(fault, file=sys.stderr, flush=True)
            return 1
        finally:
            self._processes.stop("valkey", hurried=lambda: self._signals > 1)
            kill_descendants()
        return 0

    def _start(self) -> None:
        if self._env.own_valkey:
            self._processes.start("valkey", self._commands["valkey"])
        if not schema.is_prepared(self._env):
            self._prepare()
            schema.remember(self._env)
        while not self._valkey_answers():
            self._look()
            time.sleep(0.01)
        self._processes.start("web", self._commands["web"])
        self._processes.start("worker", self._commands["worker"])
        deadline = time.monotonic() + READY_SECONDS
        while not (self._worker_is_ready() and self._web_answers()):
            self._look()
            if time.monotonic() > deadline:
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

    def _valkey_answers(self) -> bool:
        return not self._env.own_valkey or valkey.answers(self._env.valkey_socket)

    def _watch(self) -> None:
        trimmed = time.monotonic()
        while True:
            self._look()
            if time.monotonic() - trimmed > TRIM_SECONDS:
                self._processes.trim_logs()
                trimmed = time.monotonic()
            time.sleep(0.25)

    def _look(self) -> None:
        """Raises ``Stopped`` or ``Died`` where it is time to end."""
        if self._verbose:
            for line in self._processes.news():
                print(line, flush=True)
        if self._signals:
            raise Stopped
        ended = self._processes.ended()
        if ended is not None:
            name, status = ended
            how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
            lines = self._processes.output(name).splitlines()[-LAST_LINES:]
            said = "\n".join(f"  {line}" for line in lines) or "  (it printed nothing)"
            raise Died(f"The {name} process {how}, so everything is stopped. It said last:\n{said}")

    def _worker_is_ready(self) -> bool:
        return WORKER_READY in self._processes.output("worker")

    def _web_answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._env.port, timeout=5)
        try:
            connection.request("GET", "/", headers={"Accept": "text/html"})
            return connection.getresponse().status < 500
        except OSError:
            return False
        finally:
            connection.close()

    def _where(self) -> str:
        return f"the logs are in {self._env.home / 'log'}"

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1


if __name__ == "__main__":
    sys.exit(Launcher(verbose="--verbose" in sys.argv[1:]).run())
