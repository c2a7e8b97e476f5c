"""The queue as JSON: read, pause, move, drain, and the sentences of what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from runs_app.choices import RunStatus
from runs_app.execution import queue, slot_rows
from runs_app.models import Slot, TrainingRun, Worker
from tests.factories import make_run, make_running_run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    numbers: list[int] = []
    monkeypatch.setattr("runs_app.execution.wakeups.wake", numbers.append)
    return numbers


@pytest.fixture
def line() -> list[TrainingRun]:
    """Two waiting runs, and a worker with one slot."""
    slot_rows.show()
    host = Slot.objects.get().host
    Worker.objects.create(name=f"{host}:42:w", host=host, pid=42, seen_at=timezone.now())
    now = timezone.now()
    return [make_run(name=n, rank=queue.take_rank(), queued_at=now) for n in ("one", "two")]


def get(path: str) -> Any:
    return Client().get(path, headers={"accept": "*/*"}).json()


def post(path: str, body: Any = None) -> Any:
    return Client().post(path, body, content_type="application/json")


def test_the_whole_queue(line: list[TrainingRun]) -> None:
    run = make_running_run(name="trains", metrics={"eta_seconds": 60.0})
    slot_rows.occupy(run, Slot.objects.get().host, ["cpu-0"])
    found = get("/queue")
    assert found.keys() == {
        "at", "paused_at", "waiting", "total", "slots", "workers", "health"
    }  # fmt: skip
    assert [(one["id"], one["position"], one["priority"]) for one in found["waiting"]] == [
        (line[0].uid, 1, "normal"), (line[1].uid, 2, "normal"),
    ]  # fmt: skip
    first, second = found["waiting"]
    assert first["why"] == "the slot is busy"
    assert first["starts_at"] is not None
    assert first["start"].startswith("about ")
    assert second["starts_at"] is None
    assert second["start"].startswith("not known yet: ")
    (slot,) = found["slots"]
    assert slot["run"] == {
        "id": run.uid, "name": "trains", "eta_seconds": 60.0, "url": f"/runs/{run.uid}"
    }  # fmt: skip
    assert slot["free_since"] is None
    assert [one["silent"] for one in found["workers"]] == [False]
    assert found["health"] == []
    assert len(get("/queue?limit=1")["waiting"]) == 1
    assert get("/queue?limit=1")["total"] == 2


def test_pause_and_resume(line: list[TrainingRun], woken: list[int]) -> None:
    found = post("/queue/pause").json()
    assert found["paused_at"] is not None
    assert [one["code"] for one in found["health"]] == ["paused"]
    assert woken == []
    assert post("/queue/resume").json()["paused_at"] is None
    assert woken == [one.pk for one in line], "those that wait are announced again"


def test_a_move_answers_with_the_run_and_its_new_place(line: list[TrainingRun]) -> None:
    answer = post(f"/runs/{line[1].uid}/queue", {"move": "top"})
    assert answer.status_code == 200
    assert answer.json()["queue"]["position"] == 1
    answer = post(f"/runs/{line[0].uid}/queue", {"priority": "high"})
    assert answer.json()["queue"]["priority"] == "high"
    assert [one["name"] for one in get("/queue")["waiting"]] == ["one", "two"]


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ({}, "move", 'or "priority" is required'),
        ({"move": "sideways"}, "move", 'must be "up", "down" or "top"'),
        ({"move": 3}, "move", 'must be "up", "down" or "top"'),
        ({"move": ["up"]}, "move", 'must be "up", "down" or "top"'),
        ({"priority": "urgent"}, "priority", 'must be "low", "normal" or "high"'),
        ({"priority": {}}, "priority", 'must be "low", "normal" or "high"'),
        ({"rank": 1}, "rank", "use move or priority"),
        ([], "body", "must be an object"),
    ],
)
def test_a_bad_body_names_its_field(
    line: list[TrainingRun], body: Any, path: str, words: str
) -> None:
    answer = post(f"/runs/{line[0].uid}/queue", body)
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert problem["path"] == path
    assert words in problem["msg"]


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.COMPLETED])
def test_what_does_not_wait_is_a_conflict(status: RunStatus) -> None:
    run = make_run(status=status)
    answer = post(f"/runs/{run.uid}/queue", {"move": "top"})
    assert answer.status_code == 409
    assert f"is {status}; only a waiting run has a place" in answer.json()["detail"]
    assert get(f"/runs/{run.uid}")["queue"] is None


def test_what_is_being_cancelled_does_not_wait() -> None:
    run = make_run(cancel_requested_at=timezone.now())
    answer = post(f"/runs/{run.uid}/queue", {"priority": "low"})
    assert (answer.status_code, answer.json()["detail"]) == (
        409, f"Run {run.uid} is being cancelled; it does not wait in the queue.",
    )  # fmt: skip


def test_slots_are_drained_and_used_again(line: list[TrainingRun]) -> None:
    host = Slot.objects.get().host
    assert post(f"/queue/slots/{host}/cpu-0/drain").json()["slots"][0]["drained"] is True
    assert post(f"/queue/slots/{host}/cpu-0/undrain").json()["slots"][0]["drained"] is False
    answer = post(f"/queue/slots/{host}/cpu-7/drain")
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"There is no slot cpu-7 on {host}."
    assert post("/runs/nosuchrun2/queue", {"move": "up"}).status_code == 404


def test_lists_carry_the_places_of_those_that_wait(line: list[TrainingRun]) -> None:
    make_running_run()
    found = {one["id"]: one["queue"] for one in get("/runs")["runs"]}
    assert found[line[1].uid]["position"] == 2
    assert list(found.values()).count(None) == 1


def test_the_document_describes_every_call() -> None:
    paths = get("/api/openapi.json")["paths"]
    assert {path for path in paths if "queue" in path} == {
        "/api/queue", "/api/queue/pause", "/api/queue/resume", "/api/runs/{uid}/queue",
        "/api/queue/slots/{host}/{name}/drain", "/api/queue/slots/{host}/{name}/undrain",
    }  # fmt: skip
    body = paths["/api/runs/{uid}/queue"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["properties"]["move"]["enum"] == ["up", "down", "top"]
