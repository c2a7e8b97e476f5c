"""The queue page, its buttons, and the queue as the other pages say it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from runs_app.choices import Priority, RunStatus
from runs_app.execution import queue, slot_rows
from runs_app.models import Queue, Slot, TrainingRun, Worker
from runs_app.queueing.order import waiting
from tests.runs_app.views.conftest import MakeRun

pytestmark = pytest.mark.django_db
HTMX = {"hx-request": "true"}


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs_app.execution.wakeups.wake", lambda pk: None)


@pytest.fixture
def host() -> str:
    """A worker that is there, with one slot."""
    slot_rows.show()
    name = Slot.objects.get().host
    Worker.objects.create(name=f"{name}:42:w", host=name, pid=42, seen_at=timezone.now())
    return name


@pytest.fixture
def line(make_run: MakeRun) -> list[TrainingRun]:
    """Three waiting runs in order."""
    facts = {"queued_at": timezone.now()}
    return [make_run(name, rank=queue.take_rank(), **facts) for name in ("one", "two", "three")]


def order() -> list[str]:
    return list(waiting().values_list("name", flat=True))


def test_an_empty_queue_says_what_a_new_run_would_do(browser: Client, host: str) -> None:
    page = browser.get("/queue").content.decode()
    assert "Nothing waits" in page
    assert "A new run starts at once where a slot is free." in page
    assert "Worker 42" in page
    assert "data-finding" not in page


def test_without_a_worker_the_page_and_home_say_so(browser: Client, line: object) -> None:
    for address in ("/queue", "/"):
        page = browser.get(address).content.decode()
        assert "No worker has been seen yet." in page
    assert "not known yet: no worker is there" in browser.get("/queue").content.decode()


def test_the_page_lists_the_waiting_in_order(browser: Client, host: str, line: object) -> None:
    page = browser.get("/queue").content.decode()
    assert page.index(">one<") < page.index(">two<") < page.index(">three<")
    assert 'id="nav-waiting-row">3<' in page


def test_what_runs_stands_on_its_slot_with_its_eta(
    browser: Client, host: str, make_run: MakeRun
) -> None:
    run = make_run("trains", status=RunStatus.RUNNING, metrics={"eta_seconds": 754.0})
    slot_rows.occupy(run, host, ["cpu-0"])
    page = browser.get("/queue").content.decode()
    assert "ends in about 12 min 34 s" in page
    assert f"/runs/{run.uid}" in page


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        ("up", ["one", "three", "two"]),
        ("top", ["three", "one", "two"]),
        ("down", ["one", "two", "three"]),
    ],
)
def test_a_button_moves_a_run_with_and_without_script(
    browser: Client, line: list[TrainingRun], move: str, expected: list[str]
) -> None:
    address = f"/runs/{line[2].uid}/queue"
    answer = browser.post(address, {"move": move})
    assert (answer.status_code, answer["Location"]) == (302, "/queue")
    assert order() == expected
    part = browser.post(address, {"move": "top"}, headers=HTMX).content.decode()
    assert part.strip().startswith('<div id="queue-live"')
    assert order()[0] == "three"


def test_a_priority_moves_a_run_before_the_others(browser: Client, line: list[TrainingRun]) -> None:
    browser.post(f"/runs/{line[1].uid}/queue", {"priority": "high"})
    assert order() == ["two", "one", "three"]
    assert TrainingRun.objects.get(pk=line[1].pk).priority == Priority.HIGH


@pytest.mark.parametrize("form", [{"move": "sideways"}, {"priority": "9"}, {}])
def test_a_bad_wish_is_answered_with_a_sentence(
    browser: Client, line: list[TrainingRun], form: dict[str, str]
) -> None:
    part = browser.post(f"/runs/{line[0].uid}/queue", form, headers=HTMX).content.decode()
    assert 'role="alert"' in part
    assert order() == ["one", "two", "three"]


def test_a_run_that_began_meanwhile_is_said_to_run(
    browser: Client, line: list[TrainingRun]
) -> None:
    TrainingRun.objects.filter(pk=line[0].pk).update(status=RunStatus.RUNNING)
    address = f"/runs/{line[0].uid}/queue"
    part = browser.post(address, {"move": "top"}, headers=HTMX).content.decode()
    assert "is running; only a waiting run has a place in the queue." in part
    page = browser.post(address, {"move": "top"}, follow=True).content.decode()
    assert "is running; only a waiting run" in page


def test_the_queue_is_paused_and_let_run(browser: Client, host: str, line: object) -> None:
    page = browser.post("/queue/pause", follow=True).content.decode()
    assert "The queue is paused since" in page
    assert "Resume queue" in page
    assert "not known yet: the queue is paused" in page
    assert "The queue is paused since" in browser.get("/").content.decode()
    part = browser.post("/queue/resume", headers=HTMX).content.decode()
    assert "Pause queue" in part
    assert Queue.objects.get().paused_at is None


def test_a_slot_is_drained_and_used_again(browser: Client, host: str, line: object) -> None:
    address = f"/queue/slots/{host}/cpu-0"
    page = browser.post(f"{address}/drain", follow=True).content.decode()
    assert "Use again" in page
    assert "every slot is drained" in page
    assert Slot.objects.get().drained
    browser.post(f"{address}/undrain", headers=HTMX)
    assert not Slot.objects.get().drained
    assert browser.post("/queue/slots/nowhere/cpu-0/drain").status_code == 404


def test_a_waiting_run_is_cancelled_from_the_queue(
    browser: Client, line: list[TrainingRun]
) -> None:
    answer = browser.post(f"/runs/{line[0].uid}/cancel", {"next": "/queue"})
    assert answer["Location"] == "/queue"
    assert order() == ["two", "three"]


def test_the_dashboard_says_the_turn_and_offers_the_top(
    browser: Client, host: str, line: list[TrainingRun]
) -> None:
    queue.move(line[2].pk, queue.Move.UP)
    page = browser.get(f"/runs/{line[1].uid}").content.decode()
    assert "Number 3 in the queue" in page
    assert "To the top" in page
    answer = browser.post(f"/runs/{line[1].uid}/queue", {"move": "top", "next": "run"})
    assert answer["Location"] == f"/runs/{line[1].uid}"
    page = browser.get(f"/runs/{line[1].uid}").content.decode()
    assert "Next in the queue" in page
    assert "To the top" not in page


def test_the_dashboards_turn_asks_for_itself(
    browser: Client, host: str, line: list[TrainingRun]
) -> None:
    address = f"/runs/{line[0].uid}/queue"
    part = browser.get(address, headers=HTMX).content.decode()
    assert "Next in the queue" in part
    assert browser.get(address)["Location"] == f"/runs/{line[0].uid}"
    TrainingRun.objects.filter(pk=line[0].pk).update(status=RunStatus.RUNNING)
    part = browser.get(address, headers=HTMX).content.decode()
    assert "hx-get" not in part
    assert browser.get("/runs/nosuchrun2/queue", headers=HTMX).status_code == 404


def test_a_long_queue_is_cut_and_counted(browser: Client, host: str, make_run: MakeRun) -> None:
    template = make_run("many")
    TrainingRun.objects.bulk_create(
        TrainingRun(name=f"many {number}", config=template.config, rank=number)
        for number in range(149)
    )
    page = browser.get("/queue").content.decode()
    assert page.count('<li id="waiting-') == 100
    assert "50 more runs wait behind these." in page


def test_the_age_of_a_silent_worker_is_said(browser: Client, host: str) -> None:
    Worker.objects.update(seen_at=timezone.now() - timedelta(minutes=3))
    page = browser.get("/queue").content.decode()
    assert "is silent; seen" in page
    assert "No worker has been seen for 3 min" in page
