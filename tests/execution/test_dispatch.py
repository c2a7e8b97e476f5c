"""Taking the next run: strict order, slots all or none, and one claim however many take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection

from runs_app.choices import Priority, RunStatus
from runs_app.disk import Disk
from runs_app.execution import dispatch, lifecycle, queue, slot_rows, slots
from runs_app.execution.dispatch import Taken
from runs_app.models import Slot, TrainingRun

MakeRun = Callable[..., TrainingRun]
TIMES = 200
"""How often two take at the same instant."""


@pytest.fixture(autouse=True)
def taken() -> Iterator[list[Taken]]:
    """What was taken, to be given back at the end."""
    found: list[Taken] = []
    yield found
    for one in found:
        one.slots.release()


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Callable[..., None]:
    """Gives this host GPUs of these names."""

    def give(*uuids: str) -> None:
        monkeypatch.setattr(slots, "gpu_uuids", lambda: uuids)
        slot_rows.show()

    return give


@pytest.fixture
def take(taken: list[Taken]) -> Callable[[], str | None]:
    """Takes the next run; its uid."""

    def run() -> str | None:
        found = dispatch.take_next()
        if found is None:
            return None
        taken.append(found)
        return found.held.uid

    return run


@pytest.fixture
def needs(make_run: MakeRun) -> Callable[..., TrainingRun]:
    """Makes a waiting run on so many devices."""

    def make(devices: int | None = None) -> TrainingRun:
        run = make_run()
        if devices:
            run.config["train"]["devices"] = devices
            run.save(update_fields=["config"])
        return run

    return make


Take = Callable[[], str | None]
Needs = Callable[..., TrainingRun]
Gpus = Callable[..., None]


def test_a_run_gets_as_many_slots_as_it_has_devices(
    gpus: Gpus, needs: Needs, take: Take, taken: list[Taken]
) -> None:
    gpus("a", "b", "c")
    run, single = needs(2), needs()
    assert take() == run.uid
    assert taken[0].slots.devices == "a,b"
    assert list(run.slots.values_list("name", flat=True)) == ["gpu-a", "gpu-b"]
    assert take() == single.uid
    dispatch.give_back(taken[0])
    assert not run.slots.exists()
    assert Slot.objects.get(name="gpu-c").run == single


def test_slots_are_taken_all_or_none(gpus: Gpus, needs: Needs, take: Take) -> None:
    gpus("a", "b")
    needs(2)
    other = slots.acquire()
    assert other is not None
    assert take() is None
    other.release()
    both = slots.acquire(2)
    assert both is not None, "the attempt in vain has kept a slot"
    both.release()


def test_a_run_that_needs_more_than_is_free_holds_back_those_behind(
    gpus: Gpus, needs: Needs, take: Take
) -> None:
    gpus("a", "b")
    other = slots.acquire()
    assert other is not None
    large, small = needs(2), needs()
    assert take() is None
    small.refresh_from_db()
    assert small.status == RunStatus.PENDING
    other.release()
    assert take() == large.uid
    assert take() is None


def test_a_run_that_needs_more_than_the_host_has_is_left_to_another(
    gpus: Gpus, needs: Needs, take: Take
) -> None:
    gpus("a", "b")
    for _ in range(3):
        needs(4)
    small = needs()
    assert take() == small.uid
    assert take() is None


def test_nothing_starts_on_a_drained_slot(
    gpus: Gpus, needs: Needs, take: Take, taken: list[Taken]
) -> None:
    gpus("a", "b")
    assert slot_rows.drain(slots.host_name(), "gpu-a", drained=True)
    pair, first, second = needs(2), needs(), needs()
    assert take() == first.uid, "with one slot drained the host is too small for the pair"
    assert taken[0].slots.devices == "b"
    assert take() is None
    slot_rows.drain(slots.host_name(), "gpu-a", drained=False)
    assert take() is None, "the pair is the head again and waits for both"
    dispatch.give_back(taken.pop())
    assert take() == pair.uid
    second.refresh_from_db()
    assert second.status == RunStatus.PENDING


def test_a_drained_slot_that_is_not_there_any_more_takes_no_place(
    make_run: MakeRun, take: Take
) -> None:
    slot_rows.show()
    host = slots.host_name()
    Slot.objects.create(host=host, name="cpu-9", drained=True, seen_at=Slot.objects.get().seen_at)
    assert make_run().uid == take()


def test_every_slot_drained_starts_nothing(make_run: MakeRun, take: Take) -> None:
    slot_rows.show()
    slot_rows.drain(slots.host_name(), "cpu-0", drained=True)
    make_run()
    assert take() is None


def test_on_a_processor_a_run_of_many_processes_takes_one_slot(needs: Needs, take: Take) -> None:
    run = needs(8)
    assert take() == run.uid


def test_the_order_is_priority_then_rank(
    make_run: MakeRun, take: Take, settings: Any, taken: list[Taken]
) -> None:
    settings.RUN_SLOTS = 4
    first, second, third, fourth = (make_run() for _ in range(4))
    queue.prioritise(first.pk, Priority.LOW)
    queue.prioritise(third.pk, Priority.HIGH)
    queue.move(fourth.pk, queue.Move.TOP)
    found = [take() for _ in range(4)]
    assert found == [third.uid, fourth.uid, second.uid, first.uid]
    assert len({one.slots.names for one in taken}) == 4


def test_a_paused_queue_starts_nothing(make_run: MakeRun, take: Take) -> None:
    run = make_run()
    queue.pause(paused=True)
    assert take() is None
    queue.pause(paused=False)
    assert take() == run.uid


def test_a_full_disk_starts_nothing(
    make_run: MakeRun, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    monkeypatch.setattr(dispatch, "read_disk", lambda: Disk(1, 1000))
    assert take() is None
    monkeypatch.setattr(dispatch, "read_disk", lambda: Disk(500, 1000))
    assert take() == run.uid


def test_a_claim_that_fails_gives_the_slots_back(
    make_run: MakeRun, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()

    def away(*_: Any) -> None:
        raise OperationalError("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(lifecycle, "claim", away)
        with pytest.raises(OperationalError):
            take()
    assert take() == run.uid


def _at_once(times: int) -> list[list[Taken | None]]:
    """Two threads that take at the same instant, so many times; what each round gave."""
    start = threading.Barrier(2)

    def work() -> Taken | None:
        try:
            start.wait(20)
            return dispatch.take_next()
        finally:
            connection.close()

    rounds = []
    with ThreadPoolExecutor(2) as pool:
        for _ in range(times):
            found = [one.result(30) for one in [pool.submit(work) for _ in range(2)]]
            rounds.append(found)
            for one in found:
                if one:
                    one.slots.release()
            TrainingRun.objects.update(status=RunStatus.PENDING)
    return rounds


@pytest.mark.parametrize("devices", [1, 2])
def test_two_who_take_at_the_same_instant_get_one_claim(
    gpus: Gpus, needs: Needs, devices: int
) -> None:
    gpus("a", "b")
    run = needs(devices)

    rounds = _at_once(TIMES)

    assert all(sum(one is not None for one in found) == 1 for found in rounds)
    run.refresh_from_db()
    assert run.attempt == TIMES


def test_two_who_take_of_two_runs_get_one_each(gpus: Gpus, needs: Needs) -> None:
    gpus("a", "b")
    both = {needs().uid, needs().uid}

    rounds = _at_once(TIMES // 4)

    for found in rounds:
        assert {one.held.uid for one in found if one} == both
        assert {one.slots.devices for one in found if one} == {"a", "b"}


def test_of_two_who_need_all_slots_one_gets_them(
    gpus: Gpus, needs: Needs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow locks: without turns each would hold one of the two, and both go away with nothing."""
    gpus("a", "b")
    needs(2)
    lock = slots._lock

    def slow(name: str) -> int | None:
        found = lock(name)
        time.sleep(0.005)
        return found

    monkeypatch.setattr(slots, "_lock", slow)
    assert [sum(one is not None for one in found) for found in _at_once(10)] == [1] * 10
