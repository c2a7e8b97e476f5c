"""The admin's pages of the queue and their actions."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from runs_app.choices import Priority
from runs_app.execution import queue, slot_rows
from runs_app.models import Queue, Slot, TrainingRun, Worker
from runs_app.queueing.order import is_paused, waiting
from tests.factories import make_run, make_running_run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs_app.execution.wakeups.wake", lambda pk: None)


def act(model: str, action: str, *keys: int) -> str:
    form = {"action": action, "_selected_action": [str(key) for key in keys]}
    answer = Client().post(f"/admin/runs_app/{model}/", form, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_workers_and_slots_are_listed_with_what_is_wrong() -> None:
    slot_rows.show()
    run = make_running_run(name="trains")
    slot_rows.occupy(run, Slot.objects.get().host, ["cpu-0"])
    Worker.objects.create(name="h:1:w", host="h", pid=1, seen_at=timezone.now(), blocked="Full.")
    workers = Client().get("/admin/runs_app/worker/").content.decode()
    assert "h:1:w" in workers
    assert "Nothing starts on h. Full." in workers
    slots = Client().get("/admin/runs_app/slot/").content.decode()
    assert f'<a href="/runs/{run.uid}">trains</a>' in slots


def test_slots_are_drained_and_used_again() -> None:
    slot_rows.show()
    key = Slot.objects.get().pk
    assert "cpu-0: drained." in act("slot", "drain", key)
    assert Slot.objects.get().drained
    act("slot", "undrain", key)
    assert not Slot.objects.get().drained


def test_the_queue_is_paused_and_let_run() -> None:
    assert "open" in Client().get("/admin/runs_app/queue/").content.decode()
    key = Queue.objects.get().pk
    assert "The queue is paused since" in act("queue", "pause", key)
    assert is_paused()
    act("queue", "let_run", key)
    assert not is_paused()


def test_runs_are_moved_in_their_order_and_prioritised() -> None:
    one, two, three = (make_run(name=n, rank=queue.take_rank()) for n in ("one", "two", "three"))
    act("trainingrun", "to_top", two.pk, three.pk)
    assert list(waiting()) == [two, three, one]
    act("trainingrun", "priority_low", two.pk)
    act("trainingrun", "priority_high", one.pk)
    assert list(waiting()) == [one, three, two]
    act("trainingrun", "priority_normal", one.pk)
    assert TrainingRun.objects.get(pk=one.pk).priority == Priority.NORMAL
    TrainingRun.objects.filter(pk=one.pk).update(status="running")
    assert "only a waiting run has a place" in act("trainingrun", "to_top", one.pk)
