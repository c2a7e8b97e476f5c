"""Children of the fencing tests: ``python -m ...lonely WHAT RUN_DIR [ATTEMPT]``."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from runs_app.forecasting.progress import advance, marking
from runs_app.forecasting.training.durable import write_durably
from runs_app.forecasting.training.fencing import holding
from runs_app.forecasting.training.stacks import shown_on_request

LONG = 60


def main(what: str, run_dir: Path, attempt: int) -> None:
    """Hold the directory, say so, and do ``what``."""
    work: dict[str, Callable[[], object]] = {
        "hold": lambda: time.sleep(LONG),
        "stuck": lambda: ctypes.CDLL(None).sleep(LONG),
        "stuck-with-the-lock": lambda: ctypes.PyDLL(None).sleep(LONG),
    }
    if what == "name":
        with holding(run_dir, attempt) as fence:
            # Stopped before the name is given, and gone on after it was replaced: no thread looks.
            say("ready")
            sys.stdin.readline()
            write_durably(run_dir / "late.ckpt", memoryview(b"late"), before_naming=fence.check)
        return
    watched = holding(run_dir, attempt) if what == "hold" else nullcontext()
    with watched, shown_on_request(), marking(run_dir):
        heart = threading.Thread(target=time.sleep, args=(LONG,), name="heartbeat", daemon=True)
        heart.start()
        advance()
        say("ready")
        work[what]()


def say(word: str) -> None:
    """One line for the test."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
