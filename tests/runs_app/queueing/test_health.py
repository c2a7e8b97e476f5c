"""What holds the queue back is said, and a queue that is well says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from runs_app.queueing.health import Level, health
from runs_app.queueing.state import QueueState
from tests.runs_app.queueing.states import GIB, before, runs, slot, state, waits, worker


def codes(found: QueueState) -> list[str]:
    return [one.code for one in health(found)]


def sentence(found: QueueState) -> str:
    (one,) = health(found)
    return one.sentence


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"slots": [slot(run=runs())], "waiting": [waits(seconds=9000)]},
        {"waiting": [waits(seconds=3)]},
        {"waiting": [waits(seconds=9000)], "slots": [slot(free_since=before(2))]},
        {"waiting": [], "workers": [worker(heard_at=None)]},
        {"workers": [worker(), worker(seen_at=before(600), stopping=True, name="alpha:1:x")]},
    ],
    ids=["idle", "busy", "fresh run", "fresh slot", "never heard", "an old worker ended"],
)
def test_a_queue_that_is_well_says_nothing(fields: dict[str, Any]) -> None:
    assert health(state(**fields)) == []


def test_a_free_slot_beside_a_run_that_waits_is_a_deaf_worker() -> None:
    said = sentence(state(waiting=[waits("the run", seconds=45)]))
    assert "Slot cpu-0 on alpha is free" in said
    assert "the run has waited for 45 s though nothing forbids it" in said


def test_the_wait_counts_from_when_the_slot_became_free() -> None:
    freed = slot(free_since=before(40))
    assert "has waited for 40 s" in sentence(state(waiting=[waits(seconds=9000)], slots=[freed]))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"paused_at": before(90)}, "paused"),
        ({"slots": [slot(drained=True)]}, "drained"),
        ({"workers": [worker(blocked="Only 1 GB is free.")]}, "blocked"),
        ({"workers": []}, "no_worker"),
        ({"workers": [worker(seen_at=before(120))]}, "no_worker"),
    ],
)
def test_what_forbids_the_start_is_named_instead(fields: dict[str, Any], code: str) -> None:
    assert codes(state(waiting=[waits(seconds=9000)], **fields)) == [code]


def test_a_stopping_worker_need_not_start_anything() -> None:
    assert health(state(waiting=[waits(seconds=9000)], workers=[worker(stopping=True)])) == []


def test_no_worker_says_since_when() -> None:
    gone = state(workers=[worker(seen_at=before(125)), worker(seen_at=before(600))])
    assert sentence(gone).startswith("No worker has been seen for 2 min 5 s. Nothing starts")
    assert sentence(state(workers=[])).startswith("No worker has been seen yet.")


def test_one_silent_worker_of_two_is_named() -> None:
    lost = worker("beta", seen_at=before(200))
    said = sentence(state(workers=[worker(), lost]))
    assert "on beta is silent since 2026-01-02 11:56:40 UTC (3 min 20 s)" in said


def test_a_run_that_needs_two_slots_is_served_by_no_single_one() -> None:
    pair = [slot("gpu-a"), slot("gpu-b", run=runs())]
    assert health(state(waiting=[waits(devices=2, seconds=9000)], slots=pair)) == []
    both = [slot("gpu-a"), slot("gpu-b", free_since=before(30))]
    assert codes(state(waiting=[waits(devices=2, seconds=9000)], slots=both)) == ["unserved"]


def test_a_run_no_host_can_train_is_named_once_for_all() -> None:
    large = [waits("the large one", devices=4), waits(devices=8)]
    pair = [slot("gpu-a", run=runs()), slot("gpu-b", run=runs())]
    said = sentence(state(waiting=large, slots=pair))
    assert "Run the large one cannot start: it needs 4 GPUs; the largest host has 2." in said
    assert "The same holds for 1 more." in said


def test_the_paused_and_the_drained_say_what_goes_on() -> None:
    assert "paused since 2026-01-02 11:58:30 UTC (1 min 30 s)" in sentence(
        state(paused_at=before(90))
    )
    two = [slot("cpu-0", drained=True), slot("cpu-1", drained=True)]
    assert "2 slots are drained" in sentence(state(slots=two))
    assert "cpu-0 on alpha, cpu-1 on alpha" in sentence(state(slots=two))


def test_a_disk_is_told_low_before_it_blocks() -> None:
    low = worker(disk_free=5 * GIB, disk_total=100 * GIB)
    assert codes(state(workers=[low, low])) == ["disk_low"]
    assert "(5.0 %) of the disk of alpha" in sentence(state(workers=[low]))


def test_a_broker_that_brings_nothing_is_told() -> None:
    assert codes(state(workers=[worker(heard_at=before(300))])) == ["broker_silent"]
    one_of_two = [worker(heard_at=before(300)), worker("beta", heard_at=before(3))]
    assert health(state(workers=one_of_two)) == []


def test_the_worst_comes_first() -> None:
    found = health(state(paused_at=before(1), workers=[worker(blocked="Full.")]))
    assert [one.level for one in found] == [Level.FAULT, Level.NOTE]
