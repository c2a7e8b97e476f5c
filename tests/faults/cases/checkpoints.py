"""Damaged checkpoints of the product's own trainer, then Resume (AC-24)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runs_app.choices import RunStatus
from runs_app.forecasting.events import CHECKPOINT_DIR
from tests.faults import trainers
from tests.faults.cases.registry import Scene, case
from tests.faults.runs import ended, expect, launched, run_of, trains
from tests.faults.waiting import prove, wait_for

REAL_SECONDS = 240.0
REAL: dict[str, Any] = {"max_epochs": 1000, "overrides": ["train.keep_checkpoints=3"]}


Damage = Callable[[bytes, bytes], bytes]
"""From the content of the newest checkpoint and of the one before it."""


def truncated(newest: bytes, before: bytes) -> bytes:
    """Half of it."""
    return newest[: len(newest) // 2]


def flipped(newest: bytes, before: bytes) -> bytes:
    """One bit in the middle."""
    middle = len(newest) // 2
    return newest[:middle] + bytes([newest[middle] ^ 1]) + newest[middle + 1 :]


def zeroed(newest: bytes, before: bytes) -> bytes:
    """As long, and empty."""
    return bytes(len(newest))


def swapped(newest: bytes, before: bytes) -> bytes:
    """Another checkpoint, whole, under its name."""
    return before


@case()
def checkpoints_damaged(scene: Scene) -> None:
    """The newest checkpoint is cut, flipped, emptied, swapped: Resume takes the one before it."""
    lab = scene.laboratory
    uid = launched(lab, trainers.real, **REAL)
    wait_for("two checkpoints", lambda: run_of(uid).checkpoints.count() >= 2, REAL_SECONDS)
    damages: tuple[Damage, ...] = (truncated, flipped, zeroed, swapped)
    folder = lab.runs_root / uid
    for damage in damages if scene.full else damages[1:2]:
        _rest(scene, uid)
        newest, before = run_of(uid).checkpoints.order_by("-step")[:2]
        original = (folder / newest.path).read_bytes()
        _replace(folder / newest.path, damage(original, (folder / before.path).read_bytes()))
        prove((folder / newest.path).read_bytes() != original, "the file was changed")
        attempt = run_of(uid).attempt
        expect(lab.user.act("resume", uid) < 300, f"run {uid} cannot be resumed")
        trains_real(uid, attempt + 1)
        step = run_of(uid).metrics.get("resumed_from_step")
        expect(
            step == before.step,
            f"{damage.__name__}: went on from {step}, not {before.step} ({newest.step})",
        )


@case()
def checkpoints_all_damaged(scene: Scene) -> None:
    """No checkpoint can be read: Resume says so and never begins at the first step."""
    lab = scene.laboratory
    uid = launched(lab, trainers.real, **REAL)
    wait_for("a checkpoint", lambda: run_of(uid).checkpoints.exists(), REAL_SECONDS)
    _rest(scene, uid)
    files = list((lab.runs_root / uid / CHECKPOINT_DIR).glob("*.ckpt"))
    originals = [path.read_bytes() for path in files]
    for path in files:
        _replace(path, zeroed(path.read_bytes(), b""))
    attempt = run_of(uid).attempt
    expect(lab.user.act("resume", uid) < 300, f"run {uid} cannot be resumed")
    run = ended(uid, REAL_SECONDS)
    expect(run.status == RunStatus.FAILED, f"run {uid}: {run.status}")
    expect("checkpoint" in run.message, f"run {uid} does not say why: {run.message}")
    again = run.events.filter(attempt=attempt + 1, kind="metrics").exists()
    expect(not again, f"run {uid} trained on nothing")
    for path, content in zip(files, originals, strict=True):
        _replace(path, content)


def _rest(scene: Scene, uid: str) -> None:
    scene.laboratory.user.act("cancel", uid)
    run = ended(uid)
    expect(run.status == RunStatus.CANCELLED, f"run {uid}: {run.message}")


def _replace(path: Path, content: bytes) -> None:
    """In every name of the file, as rot of the disk would be."""
    with path.open("r+b") as stream:
        stream.write(content)
        stream.truncate()
        os.fsync(stream.fileno())
    prove(path.parent.name == CHECKPOINT_DIR, "it is a checkpoint")


def trains_real(uid: str, attempt: int) -> None:
    """The product's own trainer takes its time to load."""
    wait_for(
        f"attempt {attempt}",
        lambda: run_of(uid).events.filter(attempt=attempt, kind="metrics").exists(),
        REAL_SECONDS,
    )
    trains(uid, attempt=attempt)
