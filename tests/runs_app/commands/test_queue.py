"""``manage.py queue``: what it prints, what it changes, and its status."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from runs_app.choices import Priority
from runs_app.execution import queue, slot_rows
from runs_app.models import Slot, TrainingRun, Worker
from runs_app.queueing.order import is_paused, waiting
from tests.factories import make_run, make_running_run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> str:
    """A worker with one slot, and no broker."""
    monkeypatch.setattr("runs_app.execution.wakeups.wake", lambda pk: None)
    slot_rows.show()
    name = Slot.objects.get().host
    Worker.objects.create(name=f"{name}:42:w", host=name, pid=42, seen_at=timezone.now())
    return name


@pytest.fixture
def line() -> list[TrainingRun]:
    now = timezone.now()
    return [make_run(name=n, rank=queue.take_rank(), queued_at=now) for n in ("one", "two")]


def run(*words: str) -> str:
    out = StringIO()
    call_command("queue", *words, stdout=out)
    return out.getvalue()


def test_a_queue_that_is_well(host: str, line: list[TrainingRun]) -> None:
    trains = make_running_run(name="trains", metrics={"eta_seconds": 120})
    slot_rows.occupy(trains, host, ["cpu-0"])
    said = run("--check")
    assert "2 waiting, 1 running" in said
    assert f"   1  {line[0].uid}  normal  one" in said
    assert "the slot is busy; start: about" in said
    assert f"cpu-0 (Processor): {trains.uid} trains, ends in about 2 min" in said
    assert "All is well." in said


def test_the_actions(line: list[TrainingRun]) -> None:
    one, two = line
    run("top", two.uid)
    assert waiting()[0] == two
    run("down", two.uid)
    assert waiting()[0] == one
    run("up", two.uid)
    assert waiting()[0] == two
    run("priority", one.uid, "high")
    assert waiting()[0].priority == Priority.HIGH
    run("pause")
    assert is_paused()
    run("resume")
    assert not is_paused()


@pytest.mark.parametrize("form", ["cpu-0", "{host}/cpu-0"])
def test_a_slot_is_named_with_or_without_its_host(host: str, form: str) -> None:
    name = form.format(host=host)
    assert "drained" in run("drain", name)
    assert Slot.objects.get().drained
    run("undrain", name)
    assert not Slot.objects.get().drained


def test_a_slot_of_two_hosts_must_be_told_apart(host: str) -> None:
    Slot.objects.create(host="zeta", name="cpu-0", seen_at=timezone.now())
    with pytest.raises(CommandError, match=f"say which: {host}/cpu-0, zeta/cpu-0"):
        run("drain", "cpu-0")
    run("drain", "zeta/cpu-0")
    assert Slot.objects.get(host="zeta").drained


def test_what_is_refused_is_a_sentence(line: list[TrainingRun]) -> None:
    with pytest.raises(CommandError, match="There is no run nosuch"):
        run("top", "nosuch")
    with pytest.raises(CommandError, match="There is no slot gpu-x"):
        run("drain", "gpu-x")
    TrainingRun.objects.filter(pk=line[0].pk).update(status="running")
    with pytest.raises(CommandError, match="only a waiting run has a place"):
        run("up", line[0].uid)


def test_the_check_ends_with_1_where_something_holds_it_back() -> None:
    run("pause")
    with pytest.raises(SystemExit) as ended:
        run("--check")
    assert ended.value.code == 1
    assert "The queue is paused since" in run()
