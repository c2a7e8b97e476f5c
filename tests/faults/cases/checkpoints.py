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


def truncated(content: bytes) -> bytes:
    """Half of it."""
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    """One bit in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def zeroed(content: bytes) -> bytes:
    """As long, and empty."""
    return bytes(len(content))


@case()
def checkpoints_damaged(scene: Scene) -> None:
    """The newest checkpoint is cut, flipped or emptied: Resume takes the valid one before it."""
    lab = scene.laboratory
    uid = launched(lab, trainers.real, **REAL)

    def saved(count: int) -> bool:
        return run_of(uid).checkpoints.count() >= count

    wait_for("two checkpoints", lambda: saved(2), REAL_SECONDS)
    damages: list[Callable[[bytes], bytes]] = [truncated, flipped, zeroed]
    for damage in damages if scene.full else damages[1:2]:
        lab.user.act("cancel", uid)
        expect(ended(uid).status == RunStatus.CANCELLED, f"run {uid}: {run_of(uid).message}")
        newest, before = run_of(uid).checkpoints.order_by("-step")[:2]
        folder = lab.runs_root / uid
        original = (folder / newest.path).read_bytes()
        _replace(folder / newest.path, damage(original))
        prove((folder / newest.path).read_bytes() != original, "the file was changed")
        attempt = run_of(uid).attempt
        expect(lab.user.act("resume", uid) < 300, f"run {uid} cannot be resumed")
        trains_real(uid, attempt + 1)
        step = run_of(uid).metrics.get("resumed_from_step")
        expect(step == before.step, f"went on from {step}, not {before.step} ({newest.step})")


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
