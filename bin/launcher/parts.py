"""Several commands side by side, no more at once than the computer has cores for.

What they say is shown in the order of the list: of the first that has not ended as it comes, of
those after it in one piece when it is their turn.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

LOOK_SECONDS = 0.1
END_SECONDS = 60.0
"""For an interrupted command to stop the servers that it has started."""


@dataclass(frozen=True)
class Part:
    """A command; ``environment`` is added to that of this process."""

    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


class _Run:
    """One part: not started yet, at work, or ended."""

    def __init__(self, part: Part, output: Path) -> None:
        self.part = part
        self.process: subprocess.Popen[bytes] | None = None
        self.seconds = 0.0
        """How long it took."""
        self._began = 0.0
        self._output = output
        output.touch()
        self._shown: BinaryIO = output.open("rb")

    def start(self, folder: Path) -> None:
        self._began = time.monotonic()
        with self._output.open("wb") as stream:
            self.process = subprocess.Popen(
                self.part.command,
                cwd=folder,
                env=os.environ | self.part.environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C comes here alone; ``end`` passes it on
                preexec_fn=_heed_interrupts,  # no thread runs here
            )

    def works(self) -> bool:
        """Whether it has begun and not ended."""
        if self.process is None or self.process.returncode is not None:
            return False
        if self.process.poll() is None:
            return True
        self.seconds = time.monotonic() - self._began
        return False

    def show(self) -> None:
        """Pass on what it has said since the last time."""
        shutil.copyfileobj(self._shown, sys.stdout.buffer)
        sys.stdout.buffer.flush()

    def end(self) -> None:
        """Interrupt it where it works, and wait for its end."""
        self._shown.close()
        if self.process is None or not self.works():
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _heed_interrupts() -> None:
    """Where a shell has started us in the background, they are ignored by inheritance."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_all(parts: Sequence[Part], folder: Path, at_once: int) -> list[int]:
    """Run every part in ``folder``, begun in their order; the exit status of each."""
    with _runs(parts) as runs:
        for shown in runs:
            print(f"== {shown.part.title}", flush=True)
            while _begin(runs, folder, at_once) or shown.process is None or shown.works():
                shown.show()
                time.sleep(LOOK_SECONDS)
            shown.show()
            print(f"== {shown.part.title}: {shown.seconds:.0f} s\n", flush=True)
        return [run.process.returncode for run in runs if run.process]


def _begin(runs: list[_Run], folder: Path, at_once: int) -> bool:
    """Start what is next where there is room; whether something was started."""
    waiting = [run for run in runs if run.process is None]
    if not waiting or sum(run.works() for run in runs) >= at_once:
        return False
    waiting[0].start(folder)
    return True


@contextmanager
def _runs(parts: Sequence[Part]) -> Iterator[list[_Run]]:
    """The parts, not started yet; none of them works any more afterwards."""
    with tempfile.TemporaryDirectory(prefix="aistempre-parts-") as kept:
        runs = [_Run(part, Path(kept) / str(number)) for number, part in enumerate(parts)]
        try:
            yield runs
        finally:
            for run in runs:
                run.end()
