"""The order of the waiting runs, as people change it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runs_app.choices import Priority, RunStatus
from runs_app.execution import queue, slot_rows
from runs_app.execution.queue import Move
from runs_app.models import Queue, Slot, TrainingRun
from runs_app.queueing.order import is_paused, waiting
from tests.factories import make_run, make_running_run

pytestmark = pytest.mark.django_db


def line(count: int) -> list[int]:
    """So many waiting runs; their keys in order."""
    return [make_run(rank=queue.take_rank()).pk for _ in range(count)]


def order() -> list[int]:
    return list(waiting().values_list("pk", flat=True))


def test_up_and_down_change_places_with_the_neighbour() -> None:
    a, b, c = line(3)
    assert queue.move(c, Move.UP)
    assert order() == [a, c, b]
    assert queue.move(a, Move.DOWN)
    assert order() == [c, a, b]


def test_the_ends_stay_where_they_are() -> None:
    a, b = line(2)
    assert queue.move(a, Move.UP)
    assert queue.move(a, Move.TOP)
    assert queue.move(b, Move.DOWN)
    assert order() == [a, b]


def test_the_top_is_that_of_its_priority() -> None:
    a, b, c = line(3)
    queue.prioritise(a, Priority.HIGH)
    queue.move(c, Move.TOP)
    assert order() == [a, c, b]


def test_no_two_ranks_are_the_same_whatever_was_moved_and_prioritised() -> None:
    a, b, c, d = line(4)
    queue.prioritise(a, Priority.HIGH)
    queue.prioritise(b, Priority.HIGH)
    queue.move(b, Move.TOP)
    queue.move(d, Move.TOP)
    queue.prioritise(a, Priority.NORMAL)
    queue.prioritise(b, Priority.NORMAL)
    ranks = list(waiting().values_list("rank", flat=True))
    assert len(set(ranks)) == 4
    last = order()[-1]
    for _ in range(3):
        queue.move(last, Move.UP)
    assert order()[0] == last
    assert {a, b, c, d} == set(order())


def test_a_run_that_comes_back_keeps_a_rank_of_its_own() -> None:
    running = make_running_run(rank=queue.take_rank())
    _, later = line(2)
    queue.move(later, Move.TOP)
    TrainingRun.objects.filter(pk=running.pk).update(status=RunStatus.PENDING)
    assert order()[0] == later
    assert len(set(waiting().values_list("rank", flat=True))) == 3


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.COMPLETED])
def test_what_does_not_wait_cannot_be_moved(status: RunStatus) -> None:
    run = make_run(status=status)
    assert not queue.move(run.pk, Move.TOP)
    assert not queue.prioritise(run.pk, Priority.HIGH)


def test_paused_twice_is_paused_since_the_first_time() -> None:
    queue.pause(paused=True)
    since = Queue.objects.get(pk=1).paused_at
    queue.pause(paused=True)
    assert is_paused()
    assert Queue.objects.get(pk=1).paused_at == since
    queue.pause(paused=False)
    assert not is_paused()


def _leave(host: str) -> None:
    run = make_running_run()
    slot_rows.occupy(run, host, ["cpu-0"])
    slot_rows.leave(run)


def _end(host: str) -> None:
    run = make_running_run()
    slot_rows.occupy(run, host, ["cpu-0"])
    TrainingRun.objects.filter(pk=run.pk).update(status=RunStatus.FAILED)
    slot_rows.leave_ended()


def _undrain(host: str) -> None:
    slot_rows.drain(host, "cpu-0", drained=True)
    slot_rows.drain(host, "cpu-0", drained=False)


def _let_run(_: str) -> None:
    queue.pause(paused=True)
    queue.pause(paused=False)


@pytest.mark.parametrize(
    ("act", "opened"),
    [
        (_leave, True),
        (_end, True),
        (_undrain, True),
        (_let_run, True),
        (lambda _: slot_rows.show(), False),
        (lambda host: slot_rows.drain(host, "cpu-0", drained=False), False),
        (lambda _: queue.pause(paused=False), False),
    ],
)
def test_a_slot_is_free_since_it_could_last_be_used(
    act: Callable[[str], object], opened: bool
) -> None:
    slot_rows.show()
    assert Slot.objects.get().free_since is not None
    Slot.objects.update(free_since=None)
    act(Slot.objects.get().host)
    assert (Slot.objects.get().free_since is not None) == opened


def test_a_run_is_on_the_slots_of_its_newest_claim_only() -> None:
    run = make_running_run()
    for host in ("alpha", "beta"):
        Slot.objects.create(host=host, name="cpu-0", seen_at=run.started_at)
        slot_rows.occupy(run, host, ["cpu-0"])
    assert list(Slot.objects.exclude(run=None).values_list("host", flat=True)) == ["beta"]
