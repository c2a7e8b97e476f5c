"""Small trainers for the supervisor's tests: each does one thing, chosen by ``RUN_DIR/program``."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from runs_app.forecasting import events
from runs_app.forecasting.events import EXIT_CODES, Reason
from runs_app.forecasting.progress import advance, marking

ENTRY = "tests.execution.programs:main"
FLOOD_LINES = 20_000
ODD_BYTES = b"\xff\xfe bytes \x00 \x1b[31mred\x1b[0m\n 10%\r 50%\r100%\n\nno newline at the end"


def main(run_dir: Path, data_root: Path, *, progress: bool, resuming: bool, attempt: int) -> int:
    """Entry with the signature of ``training.fit.run``."""
    program: Callable[[], int] = globals()[(run_dir / "program").read_text()]
    return program()


def write(event: events.Event) -> None:
    """Append one event line, as the trainer does."""
    with Path(events.EVENTS_FILE).open("ab", buffering=0) as stream:
        stream.write(events.to_line(event))


def say(*words: object) -> None:
    """One line on the console."""
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")


def step(number: int, loss: float = 0.5) -> events.StepTaken:
    """A step event."""
    return events.StepTaken(epoch=1, step=number, train_loss=loss, learning_rate=1e-3)


def finished(reason: Reason = Reason.COMPLETED) -> int:
    """Say that the fit ended by itself; the exit code for it."""
    write(events.FitFinished(reason=reason, message=f"Ended: {reason}."))
    return EXIT_CODES[reason]


def complete() -> int:
    """A short fit with one checkpoint."""
    say("hello from the trainer")
    write(
        events.FitStarted(
            device="CPU (1 thread)",
            parameters=10,
            train_samples=100,
            validation_samples=20,
            test_samples=20,
            steps_per_epoch=3,
            max_epochs=1,
        )
    )
    for number in range(1, 4):
        write(step(number, 1.0 / number))
    write(
        events.EpochFinished(
            epoch=1,
            step=3,
            train_loss=0.4,
            learning_rate=1e-3,
            metrics={"val_loss": 0.25, "val_da": 0.5, "val_nll": float("nan"), "val_f1": None},
            seconds=0.1,
            eta_seconds=90.0,
        )
    )
    Path("checkpoints").mkdir()
    Path("checkpoints/checkpoint-epoch1.ckpt").write_bytes(b"weights")
    Path("checkpoints/best.ckpt").hardlink_to("checkpoints/checkpoint-epoch1.ckpt")
    write(
        events.CheckpointSaved(
            path="checkpoints/checkpoint-epoch1.ckpt",
            epoch=1,
            step=3,
            val_loss=0.25,
            size_bytes=7,
            sha256="9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c",
            is_best=True,
        )
    )
    Path(events.METRICS_FILE).write_text("{}")
    return finished()


def slow_steps() -> int:
    """A step every 20 ms until SIGTERM, then a cancelled fit."""
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    number = 0
    while not asked and number < 1500:
        number += 1
        write(step(number))
        time.sleep(0.02)
    return finished(Reason.CANCELLED if asked else Reason.COMPLETED)


def hangs() -> int:
    """A step, then nothing more, with a thread that only lives."""
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    write(step(1))
    threading.Thread(target=time.sleep, args=(120,), daemon=True, name="heart").start()
    time.sleep(120)
    return 0


def never_begins() -> int:
    """Writes nothing and works at nothing."""
    time.sleep(120)
    return 0


def slow_but_sure() -> int:
    """Works through four pieces, each shorter than the stall limit, all together longer."""
    with marking(Path()):
        for _ in range(4):
            time.sleep(1.2)
            advance()
    return finished()


def half_second() -> int:
    """Completes after half a second."""
    time.sleep(0.5)
    return finished()


def exit_one() -> int:
    """An exception nobody caught."""
    raise RuntimeError("the numbers do not add up")


def bad_data() -> int:
    """A fit that reports its fault."""
    write(events.FitFailed(reason=Reason.DATA, message="Row 7 has no close."))
    return EXIT_CODES[Reason.DATA]


def silent_zero() -> int:
    """Exit code 0 without a last word."""
    return 0


def killed() -> int:
    """SIGKILL from outside."""
    write(step(1))
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def killed_in_a_save() -> int:
    """SIGKILL while a checkpoint has its temporary name."""
    Path("checkpoints").mkdir()
    Path("checkpoints/.last.ckpt.new").write_bytes(b"half of it")
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def segfault() -> int:
    """A crash in native code."""
    os.kill(os.getpid(), signal.SIGSEGV)
    return 0


def deaf() -> int:
    """Ignores SIGTERM, and has a child of its own that does too."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = os.fork()
    if child:
        Path("child-pid").write_text(f"{child}")
        write(step(1))
    time.sleep(120)
    return 0


def odd_bytes() -> int:
    """Bytes that are not text, colours, a progress bar, a last line without an end."""
    os.write(1, ODD_BYTES)
    return finished()


def long_line() -> int:
    """One console line of 200 KiB."""
    os.write(1, b"x" * 200 * 1024 + b"\n")
    return finished()


def flood() -> int:
    """Many console lines and events at once."""
    for number in range(FLOOD_LINES):
        sys.stdout.write(f"line {number}\n")
    for number in range(1, 2001):
        write(step(number))
    return finished()


def torn() -> int:
    """A line that is no event, and a last one that was never finished."""
    with Path(events.EVENTS_FILE).open("ab") as stream:
        stream.write(b'{"kind": "nonsense"}\n')
    write(step(1))
    with Path(events.EVENTS_FILE).open("ab") as stream:
        stream.write(b'{"kind": "step", "epo')
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def surroundings() -> int:
    """Prints what it can see of its surroundings."""
    say("cwd", Path.cwd())
    say("environ", sorted(os.environ))
    say("session", os.getsid(0) == os.getpid())
    say("umask", oct(os.umask(0)))
    say("modules", sorted(m for m in ("django", "celery", "torch") if m in sys.modules))
    say("descriptors", sorted(entry.name for entry in Path("/proc/self/fd").iterdir()))
    return finished()


def tampered() -> int:
    """A whole fit; then its checkpoint is changed, another one is torn, and one is gone."""
    code = complete()
    changed = Path("checkpoints/checkpoint-epoch1.ckpt")
    for name in ("torn", "gone"):
        write(
            events.CheckpointSaved(
                path=f"checkpoints/{name}.ckpt", epoch=1, step=2, val_loss=None, size_bytes=7,
                sha256="0" * 64, is_best=False, is_last=False,
            )
        )  # fmt: skip
    changed.write_bytes(b"WEIGHTS")
    Path("checkpoints/torn.ckpt").write_bytes(b"PK\x03\x04 the first part of an archive")
    return code


def endless_flood() -> int:
    """Lines as fast as they can be written, until SIGTERM; then a last word."""
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    number = 0
    while not asked:
        sys.stdout.write("".join(f"flood {number + n}\n" for n in range(1000)))
        number += 1000
    say(f"wrote {number}")
    return finished(Reason.CANCELLED)


def families() -> int:
    """A child writes, its own child writes later, and nobody waits for the last line's newline."""
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.2)
            os.write(1, b"from the grandchild")
            Path("done").touch()
            time.sleep(60)
        os.write(2, b"from the child\n")
        os._exit(0)
    os.wait()
    while not Path("done").exists():
        time.sleep(0.01)
    return finished()
