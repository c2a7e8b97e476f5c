"""Why each run waits and when it starts, from a state; and the same from the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runs_app.choices import Priority
from runs_app.execution import queue, slot_rows
from runs_app.models import Slot, TrainingRun, Worker
from runs_app.queueing.estimates import Durations
from runs_app.queueing.order import longest_wait_seconds
from runs_app.queueing.state import QueueState, read_state
from runs_app.queueing.turns import read_durations, read_turns, turn_of, turns
from tests.conftest import Plans
from tests.factories import make_completed_run, make_config, make_run, make_running_run
from tests.runs_app.queueing.states import ALIKE, before, runs, slot, state, waits, worker

KNOWN = Durations({("tiny", "sample.csv"): 60.0})


def whys(found: QueueState) -> list[str]:
    return [turn.why for turn in turns(found, KNOWN)]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"paused_at": before(5)}, "the queue is paused"),
        ({"workers": []}, "no worker is there"),
        ({"workers": [worker(seen_at=before(60))]}, "no worker is there"),
        ({"workers": [worker(stopping=True)]}, "the worker is stopping"),
        ({"workers": [worker(blocked="Full.")]}, "the disk is low: nothing new starts"),
        ({"slots": []}, "the worker shows no slot yet"),
        ({"slots": [slot(drained=True)]}, "every slot is drained"),
    ],
)
def test_what_keeps_every_run_has_no_start_either(fields: dict[str, Any], why: str) -> None:
    (turn,) = turns(state(waiting=[waits()], **fields), KNOWN)
    assert turn.why == why
    assert turn.start == f"not known yet: {why}"
    assert turn.starts_at is None


def test_busy_slots_are_counted() -> None:
    assert whys(state(waiting=[waits()], slots=[slot(run=runs())])) == ["the slot is busy"]
    two = [slot("cpu-0", runs()), slot("cpu-1", runs())]
    assert whys(state(waiting=[waits()], slots=two)) == ["all 2 slots are busy"]


def test_a_drained_slot_beside_a_busy_one_is_not_counted() -> None:
    two = [slot("cpu-0", runs()), slot("cpu-1", drained=True)]
    assert whys(state(waiting=[waits()], slots=two)) == ["the slot is busy"]


def test_the_first_on_a_free_slot_starts_in_a_moment() -> None:
    (first, second) = turns(state(waiting=[waits(), waits()]), KNOWN)
    assert (first.why, first.start) == ("starts in a moment", "now")
    assert second.start == "about 12:10 UTC (in 10 min)"


def test_a_run_that_needs_more_than_is_free_says_so_and_holds_back() -> None:
    pair = [slot("gpu-a"), slot("gpu-b", runs(900))]
    found = turns(state(waiting=[waits("the pair", devices=2), waits()], slots=pair), KNOWN)
    assert found[0].why == "needs 2 slots at once; 1 is free"
    assert found[1].why == "behind the pair, which needs more slots than are free"
    assert [turn.starts_in for turn in found] == [900, 1500]


def test_a_run_too_large_for_every_host_says_so_and_holds_nobody_back() -> None:
    pair = [slot("gpu-a"), slot("gpu-b")]
    large, small = turns(state(waiting=[waits(devices=4), waits()], slots=pair), KNOWN)
    assert large.start == "not known yet: needs 4 GPUs; the largest host has 2"
    assert small.why == "starts in a moment"


def test_drained_slots_can_make_a_host_too_small() -> None:
    pair = [slot("gpu-a"), slot("gpu-b", drained=True)]
    (turn,) = turns(state(waiting=[waits(devices=2)], slots=pair), KNOWN)
    assert turn.why == "needs 2 GPUs; without the drained slots the largest host has 1"


@pytest.mark.parametrize(
    ("run", "seconds"),
    [(runs(120), 120), (runs(None, seconds=200), 400), (runs(None, seconds=700), None)],
    ids=["the trainer's word", "the usual time", "longer than usual"],
)
def test_a_slot_is_free_by_the_runs_own_word_else_by_what_is_usual(
    run: Any, seconds: float | None
) -> None:
    (turn,) = turns(state(waiting=[waits()], slots=[slot(run=run)]), KNOWN)
    assert turn.starts_in == seconds
    if seconds is None:
        assert turn.start == "not known yet: it is not known how long those before it take"


def test_a_start_on_another_day_has_its_date() -> None:
    (turn,) = turns(state(waiting=[waits()], slots=[slot(run=runs(86_400))]), KNOWN)
    assert turn.start == "about 2026-01-03 12:00 UTC (in 1 d)"


def test_the_ends_of_each_priority_are_known() -> None:
    line = [waits(priority=Priority.HIGH), waits(), waits()]
    found = turns(state(waiting=line), KNOWN)
    assert [turn.is_first_of_priority for turn in found] == [True, True, False]
    assert [turn.is_last_of_priority for turn in found] == [True, False, True]


@pytest.fixture
def host(db: None) -> None:
    """A worker with one slot, shown as a worker does."""
    slot_rows.show()
    now = timezone.now()
    Worker.objects.create(name="w", host=Slot.objects.get().host, pid=1, seen_at=now)


def queued(**fields: Any) -> TrainingRun:
    return make_run(rank=queue.take_rank(), queued_at=timezone.now(), **fields)


@pytest.mark.usefixtures("host")
def test_the_turn_in_the_database_follows_priority_and_rank() -> None:
    first, second, third = queued(), queued(), queued()
    queue.prioritise(third.pk, Priority.HIGH)
    assert [turn.run.uid for turn in read_turns()] == [third.uid, first.uid, second.uid]
    found = turn_of(second)
    assert found is not None
    assert (found.position, found.is_last_of_priority) == (3, True)
    second.status = "running"
    assert turn_of(second) is None


@pytest.mark.usefixtures("host")
def test_the_state_reads_what_runs_where() -> None:
    run = make_running_run(metrics={"eta_seconds": 90.5}, started_at=timezone.now())
    slot_rows.occupy(run, Slot.objects.get().host, ["cpu-0"])
    waiting = queued()
    found = read_state()
    (place,) = found.slots
    assert place.run is not None
    assert (place.run.uid, place.run.eta_seconds) == (run.uid, 90.5)
    assert place.free_since is None
    (line,) = found.waiting
    assert (line.uid, line.likeness.variant, line.likeness.source) == (
        waiting.uid,
        "tiny",
        "sample.csv",
    )
    (turn,) = turns(found, Durations())
    assert turn.starts_in == 90.5
    slot_rows.leave(run)
    (place,) = read_state().slots
    assert place.run is None
    assert place.free_since is not None


@pytest.mark.parametrize("eta", ["NaN", "Infinity", None, -1])
@pytest.mark.usefixtures("host")
def test_an_estimate_that_is_no_number_is_none(eta: Any) -> None:
    run = make_running_run(metrics={"eta_seconds": eta})
    slot_rows.occupy(run, Slot.objects.get().host, ["cpu-0"])
    (place,) = read_state().slots
    assert place.run is not None
    assert place.run.eta_seconds is None


@pytest.mark.django_db
def test_durations_come_from_whole_runs_that_completed() -> None:
    end = timezone.now()
    for seconds, fields in ((100, {}), (300, {}), (9, {"attempt": 2}), (7, {"status": "failed"})):
        started = end - timedelta(seconds=seconds)
        make_completed_run(started_at=started, finished_at=end, **fields)
    epochs = make_config().train.max_epochs
    assert read_durations().of(replace(ALIKE, epochs=epochs)) == pytest.approx(200)
    assert read_durations().of(replace(ALIKE, epochs=2 * epochs)) == pytest.approx(400)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the plan is written as SQLite does")
@pytest.mark.django_db
def test_durations_are_learnt_without_ordering_every_run_that_completed(plans: Plans) -> None:
    make_completed_run(started_at=before(9), finished_at=before(5))
    with CaptureQueriesContext(connection) as queries:
        read_durations()
    newest, by_key = plans(queries)
    assert "USING INDEX run_ended" in newest
    assert "ORDER BY" not in newest
    assert "INTEGER PRIMARY KEY" in by_key


@pytest.mark.django_db
def test_the_longest_wait_is_not_that_of_the_head() -> None:
    old = queued()
    TrainingRun.objects.filter(pk=old.pk).update(queued_at=timezone.now() - timedelta(hours=1))
    fresh = queued()
    queue.move(fresh.pk, queue.Move.TOP)
    waited = longest_wait_seconds()
    assert waited is not None
    assert 3590 < waited < 3700
