"""The checker finds what it is there to find: each rule is broken once."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from runs_app.choices import EventKind, JobKind, JobState, RunStatus
from runs_app.execution import run_directory
from runs_app.models import Job, RunEvent, Slot, TrainingRun
from tests.factories import MOMENT, make_checkpoint, make_completed_run, make_event
from tests.faults import machine
from tests.faults.files import check_checkpoints, check_drafts, check_logs
from tests.faults.output import Tally, check_output
from tests.faults.rows import check_acknowledged, check_run, check_slots
from tests.faults.truth import line_text, loss_at
from tests.faults.user import Acknowledged

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> TrainingRun:
    """A completed run of one attempt with two lines and a step, as a supervisor stores it."""
    made = make_completed_run(message="It ended by itself.")
    make_event(made, EventKind.STATUS, status="pending")
    make_event(made, EventKind.STATUS, status="running", message="Starting: reading.")
    chain = 0
    for number in (1, 2):
        text, chain = line_text(1, number, chain)
        make_event(made, EventKind.LOG, line=number, message=text, stream="console")
    make_event(made, EventKind.METRICS, step=1, train_loss=loss_at(1, 1))
    make_event(made, EventKind.STATUS, status="completed")
    return made


@pytest.fixture
def directory(tmp_path: Path, run: TrainingRun) -> Path:
    """Its directory, beside the truth of what it emitted."""
    made = tmp_path / "media" / "runs" / run.uid
    made.mkdir(parents=True)
    truth = tmp_path / "truth" / run.uid
    truth.mkdir(parents=True)
    (truth / "1").write_text("L 1\nS 1\nL 2\n")
    return made


def events(run: TrainingRun) -> list[RunEvent]:
    return list(run.events.order_by("seq"))


def rules(found: Any) -> list[str]:
    return [violation.rule for violation in found]


def test_a_run_in_order_breaks_nothing(run: TrainingRun, directory: Path) -> None:
    tally = Tally()
    assert list(check_run(run, events(run))) == []
    assert list(check_output(run, events(run), directory, tally)) == []
    assert (tally.emitted, tally.stored, tally.lost) == (3, 3, 0)


def change(run: TrainingRun, seq: int, **payload: Any) -> None:
    event = run.events.get(seq=seq)
    event.payload |= payload
    event.save()


BREAKS: dict[str, tuple[str, Callable[[TrainingRun], object]]] = {
    "rewritten": ("S1", lambda run: make_event(run, EventKind.STATUS, status="failed")),
    "without a sentence": ("S1", lambda run: setattr(run, "message", "no end")),
    "unknown reason": ("S1", lambda run: setattr(run, "reason", "weather")),
    "other state": ("S1", lambda run: setattr(run, "status", RunStatus.CANCELLED)),
    "older attempt writes": ("S2", lambda run: run.events.filter(seq=3).update(attempt=2)),
    "attempt not claimed": ("S2", lambda run: setattr(run, "attempt", 2)),
    "hole": ("S6", lambda run: run.events.filter(seq=4).delete()),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_history_is_found(run: TrainingRun, name: str) -> None:
    rule, break_it = BREAKS[name]
    break_it(run)
    assert rule in rules(check_run(run, events(run)))


LOSSES: dict[str, tuple[str, Callable[[TrainingRun], object]]] = {
    "last line": ("S5", lambda run: run.events.filter(seq=4).delete()),
    "first line": ("S5", lambda run: run.events.filter(seq=3).delete()),
    "changed line": ("S5", lambda run: change(run, 4, message="1.2 00000000")),
    "number twice": ("S5", lambda run: change(run, 4, line=1)),
    "lost step": ("S6", lambda run: run.events.filter(seq=5).delete()),
    "changed value": ("S6", lambda run: change(run, 5, train_loss=0.5)),
    "step twice": ("S6", lambda run: make_event(run, step=1, train_loss=loss_at(1, 1))),
}


@pytest.mark.parametrize("name", LOSSES)
def test_lost_output_is_found(run: TrainingRun, directory: Path, name: str) -> None:
    rule, break_it = LOSSES[name]
    break_it(run)
    assert rule in rules(check_output(run, events(run), directory, Tally()))


def test_a_slot_of_a_run_that_ended_is_found(run: TrainingRun) -> None:
    Slot.objects.create(host="here", name="cpu-0", run=run, seen_at=MOMENT)
    assert rules(check_slots()) == ["S4"]


def test_a_job_that_nobody_does_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "GONE_SECONDS", 0.0)
    job = Job.objects.create(
        kind=JobKind.PREDICTION,
        state=JobState.WORKING,
        worker="elsewhere:1:abc",
        lease_until=MOMENT,
    )
    assert rules(machine.check_active()) == ["S3"]
    job.lease_until = timezone.now()
    job.save()
    assert rules(machine.check_active()) == []


@pytest.mark.parametrize("action", ["cancel", "resume", "delete", "purge"])
def test_an_action_without_effect_is_found(run: TrainingRun, action: str) -> None:
    assert rules(check_acknowledged([Acknowledged(action, run.uid)])) == ["S11"]


def test_a_run_that_was_acknowledged_and_is_not_there_is_found() -> None:
    assert rules(check_acknowledged([Acknowledged("create", "nowhere")])) == ["S11"]


def test_a_checkpoint_that_was_changed_or_is_gone_is_found(run: TrainingRun) -> None:
    path = run_directory.make(run.uid) / "whole.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("step", "1")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    make_checkpoint(run, 1, path="whole.ckpt", sha256=sha256)
    assert rules(check_checkpoints()) == []
    path.write_bytes(path.read_bytes() + b"!")
    assert rules(check_checkpoints()) == ["S7"]
    path.unlink()
    assert rules(check_checkpoints()) == ["S7"]


def test_drafts_and_tracebacks_are_found(tmp_path: Path) -> None:
    (tmp_path / ".last.ckpt.new").touch()
    assert rules(check_drafts(tmp_path)) == ["S12"]
    log = tmp_path / "web.log"
    log.write_text(
        "12:00 ERROR it broke\n    Traceback (most recent call last):\n      File x\n"
        "    ValueError: no\n12:01 INFO on\n"
    )
    read: dict[str, int] = {}
    found = list(check_logs(tmp_path, read))
    assert [violation.what for violation in found] == ["web.log: ValueError: no"]
    assert list(check_logs(tmp_path, read)) == []
