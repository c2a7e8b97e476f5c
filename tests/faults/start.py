"""``bin/start`` with the worker of ``tests.faults.worker``: ``python -m tests.faults.start``."""

from __future__ import annotations

import sys

from launcher import preflight
from launcher.start import Launcher

COMMAND = (sys.executable, "-m", "tests.faults.start")


class ScriptedLauncher(Launcher):
    """Starts and looks after the same processes."""

    def __init__(self) -> None:
        super().__init__(verbose=False)
        worker = self._commands["worker"]
        self._commands["worker"] = worker.replace("-A aistempre", "-A tests.faults.worker")
        if self._commands["worker"] == worker:
            raise RuntimeError(f"the Procfile's worker is not known any more: {worker}")


if __name__ == "__main__":
    preflight.check()
    sys.exit(ScriptedLauncher().run())
