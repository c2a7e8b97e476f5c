"""Scripted trainers for a whole product: each does one thing, chosen by the seed of its run.

``train.seed`` is ``1000 * place in PROGRAMS + parameter``: a run that is launched through the
product's own doors says by it what its trainer is to do. They are entries with the signature of
``training.fit.run``, hold their directory, mark their progress and report events as that does.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from runs_app.forecasting import events
from runs_app.forecasting.config.document import from_yaml
from runs_app.forecasting.errors import DirectoryHeld
from runs_app.forecasting.events import CONFIG_FILE, EXIT_CODES, HELD_EXIT, Reason
from runs_app.forecasting.progress import advance, marking
from runs_app.forecasting.training.fencing import Fence, holding
from runs_app.forecasting.training.stacks import shown_on_request
from runs_app.forecasting.whole_file import remove_unfinished
from tests.faults.truth import FLOOD_EVERY, TruthWriter, loss_at, write_all

ENTRY = "tests.faults.trainers:main"
FOR_EVER = 600.0
STEPS_PER_SECOND = 25.0
ODD_BYTES = b"\xff\xfe bytes \x00 \x1b[31mred\x1b[0m\n 10%\r 50%\r100%\n\n"
ODD_VALUES = (float("nan"), float("inf"), float("-inf"), 1e308, 5e-324, float(2**53 + 1))


class Fit:
    """What every scripted fit has: its truth, its events, its stop wish."""

    def __init__(self, run_dir: Path, attempt: int, parameter: int, fence: Fence) -> None:
        self.fence = fence
        self.run_dir = run_dir
        self.attempt = attempt
        self.parameter = parameter
        self.dice = random.Random(f"{parameter} {attempt}")
        self.truth = TruthWriter(run_dir, attempt)
        self.step_taken = 0
        self.asked = False
        signal.signal(signal.SIGTERM, self._on_stop)

    def _on_stop(self, number: int, frame: object) -> None:
        self.asked = True

    def write(self, event: events.Event) -> None:
        """One whole line of ``events.jsonl``."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open(self.run_dir / events.EVENTS_FILE, flags, 0o600)
        try:
            write_all(descriptor, events.to_line(event))
        finally:
            os.close(descriptor)

    def begin(self, *, resuming: bool) -> None:
        """Go on from the newest checkpoint that is whole, as the real trainer does."""
        resumed = self._newest() if resuming else None
        self.step_taken = resumed or 0
        self.write(
            events.FitStarted(
                device="CPU (1 thread)", parameters=10, train_samples=100, validation_samples=20,
                test_samples=20, steps_per_epoch=10, max_epochs=1000, resumed_from_step=resumed,
                resume="exact" if resumed else None,
            )
        )  # fmt: skip

    def step(self) -> None:
        """A console line and a step."""
        self.fence.check()
        self.truth.line()
        self.step_taken += 1
        loss = loss_at(self.attempt, self.step_taken)
        self.write(
            events.StepTaken(
                epoch=1 + self.step_taken // 10, step=self.step_taken, train_loss=loss,
                learning_rate=1e-3,
            )
        )  # fmt: skip
        self.truth.step(self.step_taken)
        advance()

    def save(self, *, padding: int = 2_000, pause: float = 0.0) -> None:
        """A checkpoint: whole under its final name, or not at all."""
        folder = self.run_dir / events.CHECKPOINT_DIR
        folder.mkdir(exist_ok=True)
        name = f"checkpoint-epoch{self.step_taken}.ckpt"
        draft = folder / f".{name}.{os.getpid()}.new"
        try:
            with zipfile.ZipFile(draft, "w") as archive:
                archive.writestr("step", str(self.step_taken))
                for part in range(4):
                    archive.writestr(f"weights{part}", os.urandom(padding // 4))
                    time.sleep(pause / 4)
            content = draft.read_bytes()
            draft.replace(folder / name)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        self.write(
            events.CheckpointSaved(
                path=f"{events.CHECKPOINT_DIR}/{name}", epoch=1 + self.step_taken // 10,
                step=self.step_taken, val_loss=loss_at(self.attempt, self.step_taken),
                size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest(),
                is_best=True,
            )
        )  # fmt: skip
        advance()

    def end(self, reason: Reason = Reason.COMPLETED) -> int:
        """Say that the fit ended by itself; the exit code for it."""
        self.write(events.FitFinished(reason=reason, message=f"The script ended: {reason}."))
        return EXIT_CODES[reason]

    def steps(self, seconds: float, *, rate: float = STEPS_PER_SECOND) -> bool:
        """Take steps for so long; True where it was asked to stop meanwhile."""
        until = time.monotonic() + seconds
        while not self.asked and time.monotonic() < until:
            self.step()
            time.sleep(1 / rate)
        return self.asked

    def cancelled(self) -> int:
        """Save and end on request, as the real trainer does."""
        self.save()
        return self.end(Reason.CANCELLED)

    def _newest(self) -> int | None:
        files = (self.run_dir / events.CHECKPOINT_DIR).glob("checkpoint-epoch*.ckpt")
        for path in sorted(files, key=lambda p: int(p.stem[16:]), reverse=True):
            with suppress(OSError, zipfile.BadZipFile, KeyError), zipfile.ZipFile(path) as archive:
                if archive.testzip() is None:
                    return int(archive.read("step"))
        return None


def main(
    run_dir: Path, data_root: Path, *, progress: bool, resuming: bool = False, attempt: int = 0
) -> int:
    """Entry with the signature of ``training.fit.run``."""
    seed = from_yaml((run_dir / CONFIG_FILE).read_text(encoding="utf-8")).train.seed
    place, parameter = divmod(seed, 1000)
    if PROGRAMS[place] is real:
        return real(run_dir, data_root, progress=progress, resuming=resuming, attempt=attempt)
    try:
        with holding(run_dir, attempt) as fence, marking(run_dir), shown_on_request():
            remove_unfinished(run_dir)
            remove_unfinished(run_dir / events.CHECKPOINT_DIR)
            fit = Fit(run_dir, attempt, parameter, fence)
            fit.begin(resuming=resuming)
            return _ended(fit, PROGRAMS[place])
    except DirectoryHeld:
        return HELD_EXIT


def _ended(fit: Fit, program: Callable[[Fit], int]) -> int:
    """The program's own exit code, or that of a full disk."""
    try:
        return program(fit)
    except OSError as error:
        message = f"The disk is full ({error.strerror}). Delete old runs, then use Retry."
        with suppress(OSError):
            fit.write(events.FitFailed(reason=Reason.DISK_FULL, message=message))
        return EXIT_CODES[Reason.DISK_FULL]


def short(fit: Fit) -> int:
    """A second or a few, with two checkpoints; length and pace by its parameter."""
    for _ in range(2):
        if fit.steps(fit.dice.uniform(0.3, 1.5), rate=fit.dice.choice((10, 25, 100))):
            return fit.cancelled()
        fit.save()
    Path(events.METRICS_FILE).write_text("{}")
    return fit.end()


def steady(fit: Fit) -> int:
    """Steps and a checkpoint each second, until it is asked to stop."""
    until = time.monotonic() + FOR_EVER
    while time.monotonic() < until and not fit.steps(1.0):
        fit.save()
    return fit.cancelled() if fit.asked else fit.end()


def deaf(fit: Fit) -> int:
    """Ignores SIGTERM, and so does a child of its own."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        time.sleep(FOR_EVER)
        os._exit(0)
    fit.steps(FOR_EVER)
    return fit.end()


def stuck(fit: Fit) -> int:
    """Two seconds of work, then a lock for ever, while another thread still prints."""
    fit.steps(2.0)

    def chatter() -> None:
        while True:
            fit.truth.line()
            time.sleep(0.2)

    threading.Thread(target=chatter, daemon=True).start()
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
    return fit.end()


def raising(fit: Fit) -> int:
    """An exception nobody caught."""
    fit.steps(0.5)
    raise RuntimeError("the numbers do not add up")


def odd(fit: Fit) -> int:
    """Values that JSON has no words for, and bytes that are not text."""
    os.write(1, ODD_BYTES)
    for number, value in enumerate(ODD_VALUES, start=1):
        fit.write(
            events.EpochFinished(
                epoch=number, step=0, train_loss=value, learning_rate=1e-3,
                metrics={"val_loss": value, "val_nll": value}, seconds=0.1,
            )
        )  # fmt: skip
    return fit.end()


def slow_save(fit: Fit) -> int:
    """Writes checkpoints slowly, so that most moments lie inside a save."""
    until = time.monotonic() + FOR_EVER
    while time.monotonic() < until and not fit.steps(0.1):
        fit.save(padding=200_000, pause=0.4)
    return fit.cancelled() if fit.asked else fit.end()


def flood(fit: Fit) -> int:
    """10,000 lines for each unit of its parameter, at full speed."""
    for _ in range(10_000 * fit.parameter // FLOOD_EVERY):
        fit.truth.lines(FLOOD_EVERY)
        advance()
    return fit.end()


def last_word(fit: Fit) -> int:
    """Says that it has ended, and takes its time to leave."""
    fit.steps(0.5)
    fit.save()
    code = fit.end()
    time.sleep(2.0)
    return code


def large(fit: Fit) -> int:
    """Checkpoints of its parameter in megabytes, twice a second, until the disk has no room."""
    until = time.monotonic() + FOR_EVER
    while time.monotonic() < until and not fit.steps(0.5):
        fit.save(padding=1_000_000 * fit.parameter)
    return fit.cancelled() if fit.asked else fit.end()


def instant(fit: Fit) -> int:
    """A few milliseconds of work, so that a cancel meets its end."""
    fit.steps(fit.parameter / 1000)
    return fit.end()


def slow(fit: Fit) -> int:
    """Real progress every two seconds, below a stall limit of three."""
    fit.steps(9.0, rate=0.5)
    return fit.end()


def endless(fit: Fit) -> int:
    """A line of its parameter in megabytes that never ends."""
    for _ in range(fit.parameter):
        write_all(1, b"x" * 1_000_000)
        advance()
    return fit.end()


def real(
    run_dir: Path, data_root: Path, *, progress: bool, resuming: bool = False, attempt: int = 0
) -> int:
    """The product's own trainer."""
    # torch takes seconds to load, and the scripted ones do without it.
    from runs_app.forecasting.training import fit  # noqa: PLC0415

    return fit.run(run_dir, data_root, progress=progress, resuming=resuming, attempt=attempt)


PROGRAMS: list[Callable[..., int]] = [
    real, short, steady, deaf, stuck, raising, odd, slow_save, flood, last_word, large, instant,
    slow, endless,
]  # fmt: skip


def seed_of(program: Callable[..., int], parameter: int = 0) -> int:
    """The seed by which a run asks for a program."""
    return 1000 * PROGRAMS.index(program) + parameter
