"""Reading, cancelling, retrying and deleting runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from runs_app.choices import RunStatus
from runs_app.execution.intake import import_waiting
from runs_app.models import TrainingRun

pytestmark = pytest.mark.django_db


def get(path: str) -> Any:
    return Client().get(path, headers={"accept": "*/*"})


def test_a_run_with_config_metrics_and_checkpoints(run: TrainingRun) -> None:
    answer = get(f"/runs/{run.uid}")
    assert answer.status_code == 200
    found = answer.json()
    assert found.keys() == {
        "id", "name", "status", "reason", "message", "created_at", "started_at", "finished_at",
        "attempt", "config", "request", "metrics", "checkpoints", "last_seq", "url", "outcome",
        "verdict", "not_judged", "leaks", "group", "resume_step", "reason_label", "losses",
        "queue", "advice", "actions", "fields", "suggestion", "parent", "children", "trashed_at",
        "trash_wanted", "tags", "note", "archived_at",
    }  # fmt: skip
    assert found["id"] == run.uid
    assert found["status"] == "completed"
    assert found["started_at"] == "2024-01-31T12:00:00.000Z"
    assert found["metrics"] == {"val_loss": "NaN", "epoch": 2}
    (checkpoint,) = found["checkpoints"]
    assert checkpoint["name"] == "best.ckpt"
    assert checkpoint["url"] == f"/runs/{run.uid}/artifacts/checkpoints/best.ckpt"
    assert get(f"/runs/{run.uid}/").status_code == 301


def test_a_run_that_has_ended_has_no_time_left(run: TrainingRun) -> None:
    run.metrics = {"epoch": 2, "eta_seconds": 600.0, "eta_minutes": 10.0}
    run.save()
    assert get(f"/runs/{run.uid}").json()["metrics"] == {"epoch": 2}
    run.status = RunStatus.RUNNING
    run.save()
    assert get(f"/runs/{run.uid}").json()["metrics"] == run.metrics


@pytest.mark.parametrize(
    "uid", ["abc123", "x" * 300, "%00", "..", "%2e%2e", "1%20OR%201=1", "ä", "new2"]
)
@pytest.mark.parametrize("rest", ["", "/metrics", "/logs", "/artifacts", "/artifacts/config.yaml"])
def test_an_unknown_run_is_404(db: None, uid: str, rest: str) -> None:
    answer = get(f"/runs/{uid}{rest}")
    assert answer.status_code in {404, 301}
    if answer.status_code == 404 and "/" not in uid and uid != "..":
        assert "detail" in answer.json()


@pytest.mark.parametrize(
    ("method", "rest"), [("post", "/cancel"), ("post", "/retry"), ("delete", "")]
)
def test_changing_an_unknown_run_is_404(db: None, method: str, rest: str) -> None:
    answer = getattr(Client(), method)(f"/runs/abc123{rest}")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("There is no run")


def test_the_list_is_newest_first_and_in_pages(run: TrainingRun) -> None:
    for number in range(5):
        TrainingRun.objects.create(
            name=f"run {number}", config=run.config, metrics={"step": number}
        )
    found = get("/runs?limit=2&offset=1").json()
    assert [entry["name"] for entry in found["runs"]] == ["run 3", "run 2"]
    assert (found["total"], found["limit"], found["offset"]) == (6, 2, 1)
    assert "config" not in found["runs"][0]
    assert found["runs"][0]["metrics"] == {"step": 3}


def test_the_list_can_be_searched_and_filtered(run: TrainingRun) -> None:
    TrainingRun.objects.create(name="other", config=run.config)
    assert [e["name"] for e in get("/runs?status=completed").json()["runs"]] == ["first"]
    assert [e["name"] for e in get("/runs?search=oth").json()["runs"]] == ["other"]
    assert [e["id"] for e in get(f"/runs?search={run.uid}").json()["runs"]] == [run.uid]
    assert get("/runs?search=nothing").json()["total"] == 0


@pytest.mark.parametrize(
    ("query", "path", "words"),
    [
        ("limit=0", "limit", "must be at least 1"),
        ("limit=100000", "limit", "must be at most 500"),
        ("limit=x", "limit", "must be a whole number"),
        ("offset=-1", "offset", "must be at least 0"),
        ("status=done", "status", "'pending'"),
        ("search=%00", "search", "cannot be printed"),
    ],
)
def test_a_wrong_query_names_the_parameter(db: None, query: str, path: str, words: str) -> None:
    answer = get(f"/runs?{query}")
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert problem["path"] == path
    assert words in problem["msg"]


def test_the_list_does_not_ask_the_database_for_each_run(
    run: TrainingRun, django_assert_num_queries: Any
) -> None:
    for _ in range(20):
        TrainingRun.objects.create(config=run.config)
    with django_assert_num_queries(9):  # two for the list, the others for the whole queue
        assert len(get("/runs").json()["runs"]) == 21


def test_history_of_metrics(run: TrainingRun) -> None:
    found = get(f"/runs/{run.uid}/metrics").json()
    assert [(p["seq"], p["train_loss"]) for p in found["points"]] == [(1, 0.5), (3, "NaN")]
    assert found["complete"] is True
    assert found["last_seq"] == 3
    first = get(f"/runs/{run.uid}/metrics?limit=1").json()
    assert (first["last_seq"], first["complete"]) == (1, False)
    rest = get(f"/runs/{run.uid}/metrics?limit=1&after=1").json()
    assert (rest["last_seq"], rest["complete"]) == (3, True)


def test_console_lines_one_by_one(run: TrainingRun) -> None:
    found = get(f"/runs/{run.uid}/logs").json()
    assert [(line["seq"], line["line"], line["message"]) for line in found["lines"]] == [
        (2, 1, "one"), (4, 2, "two"), (4, 3, "two and a half"), (5, 4, "three"),
    ]  # fmt: skip
    assert found["lines"][2].keys() == {
        "seq", "timestamp", "attempt", "line", "message", "stream",
    }  # fmt: skip
    assert (found["last_seq"], found["complete"]) == (5, True)


def test_console_lines_after_a_number_never_tear_an_event(run: TrainingRun) -> None:
    found = get(f"/runs/{run.uid}/logs?after=2&limit=1").json()
    assert [line["line"] for line in found["lines"]] == [2, 3]
    assert (found["last_seq"], found["complete"]) == (4, False)
    rest = get(f"/runs/{run.uid}/logs?after=4&limit=1").json()
    assert [line["line"] for line in rest["lines"]] == [4]
    assert get(f"/runs/{run.uid}/logs?after=5").json() == {
        "lines": [],
        "last_seq": 5,
        "complete": True,
    }


@pytest.mark.parametrize("what", ["logs", "metrics"])
def test_a_number_beyond_the_end_is_told(run: TrainingRun, what: str) -> None:
    answer = get(f"/runs/{run.uid}/{what}?after=99")
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert problem["path"] == "after"
    assert f"newest event of this run has number {run.last_seq}" in problem["msg"]


def test_list_of_artifacts(run: TrainingRun) -> None:
    found = get(f"/runs/{run.uid}/artifacts").json()["artifacts"]
    assert [entry["path"] for entry in found] == ["config.yaml", "checkpoints/best.ckpt"]
    assert found[0].keys() == {
        "name", "path", "size_bytes", "type", "sha256", "created_at", "url",
    }  # fmt: skip
    assert found[1]["type"] == "checkpoint"


def test_cancel_a_pending_run_and_not_one_that_has_ended(run: TrainingRun) -> None:
    pending = TrainingRun.objects.create(config=run.config)
    answer = Client().post(f"/runs/{pending.uid}/cancel")
    assert answer.status_code == 200
    assert answer.json()["status"] == "cancelled"
    answer = Client().post(f"/runs/{run.uid}/cancel")
    assert answer.status_code == 409
    assert "has ended already" in answer.json()["detail"]


def test_resume_a_stopped_run_and_not_one_that_completed(run: TrainingRun) -> None:
    assert Client().post(f"/runs/{run.uid}/resume").status_code == 409
    assert Client().post("/runs/nosuchrun/resume").status_code == 404
    TrainingRun.objects.filter(pk=run.pk).update(status=RunStatus.FAILED, reason="killed")
    step = get(f"/runs/{run.uid}").json()["resume_step"]
    assert step == run.checkpoints.get().step
    answer = Client().post(f"/runs/{run.uid}/resume")
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["resume_step"]) == ("pending", None)
    answer = Client().post(f"/runs/{run.uid}/resume")
    assert answer.status_code == 409
    assert "goes on by itself" in answer.json()["detail"]


def test_a_run_is_deleted_once_it_has_ended(run: TrainingRun, runs_root: Path) -> None:
    live = TrainingRun.objects.create(config=run.config)
    assert Client().delete(f"/runs/{live.uid}").status_code == 409
    assert Client().delete(f"/runs/{run.uid}").status_code == 204
    assert get(f"/runs/{run.uid}").json()["trashed_at"]
    assert [one["id"] for one in get("/runs").json()["runs"]] == [live.uid]


def test_the_trash(run: TrainingRun, runs_root: Path) -> None:
    size = 100_000
    (runs_root / run.uid).mkdir(exist_ok=True)
    (runs_root / run.uid / "weights").write_bytes(b"x" * size)
    assert Client().delete(f"/trash/{run.uid}").status_code == 409
    Client().delete(f"/runs/{run.uid}")

    found = get("/trash").json()

    (line,) = found["runs"]
    assert (line["id"], line["deleting"], found["total"]) == (run.uid, False, 1)
    assert line["size_bytes"] == found["total_bytes"] >= size
    assert line["kept_until"] > line["trashed_at"]
    assert Client().post(f"/trash/{run.uid}/restore").json()["trashed_at"] is None
    assert Client().post(f"/trash/{run.uid}/restore").status_code == 409
    Client().delete(f"/runs/{run.uid}")
    freed = Client().delete(f"/trash/{run.uid}")
    assert (freed.status_code, freed.json()["freed_bytes"]) == (200, line["size_bytes"])
    assert get(f"/runs/{run.uid}").status_code == 404
    assert Client().delete(f"/trash/{run.uid}").status_code == 404


def test_cancel_and_delete(run: TrainingRun) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING)
    refused = Client().delete(f"/runs/{run.uid}")
    assert (refused.status_code, "cancel it" in refused.json()["detail"]) == (409, True)

    answer = Client().delete(f"/runs/{run.uid}?cancel=true")

    assert (answer.status_code, answer.json()["trash_wanted"]) == (202, True)
    assert get("/runs").json()["total"] == 1


def test_data_sets(candles: Path) -> None:
    (waiting,) = get("/datasets").json()["datasets"]
    assert (waiting["state"], waiting["bars"]) == ("waiting", None)
    import_waiting()
    (entry,) = get("/datasets").json()["datasets"]
    assert entry["state"] == "usable"
    assert (entry["name"], entry["timeframe"], entry["bars"]) == ("BTCUSDT_1m", "1m", 86_400)
    assert entry["first_open"] == "2024-01-01T00:00:00.000Z"
    assert entry["synthetic"] is False


def test_openapi_names_every_route_and_the_docs_ask_no_other_host() -> None:
    document = get("/api/openapi.json").json()
    assert document["paths"].keys() == {
        "/api/runs", "/api/runs/{uid}", "/api/runs/{uid}/cancel", "/api/runs/{uid}/retry",
        "/api/runs/{uid}/resume", "/api/runs/{uid}/report", "/api/runs/{uid}/metrics",
        "/api/runs/{uid}/logs", "/api/runs/{uid}/export.zip", "/api/runs/{uid}/passport.json",
        "/api/runs/{uid}/report/plots/{name}.csv",
        "/api/runs/{uid}/predictions/{prediction}/fan.csv",
        "/api/runs/{uid}/artifacts", "/api/runs/{uid}/artifacts/{artifact_path}", "/api/datasets",
        "/api/groups", "/api/groups/{uid}", "/api/groups/{uid}/cancel",
        "/api/runs/{uid}/predictions", "/api/runs/{uid}/predictions/{prediction_id}",
        "/api/datasets/{pk}", "/api/datasets/rows", "/api/leak-checks", "/api/leak-checks/{uid}",
        "/api/runs/{uid}/exports", "/api/runs/{uid}/clone", "/api/runs/{uid}/branch",
        "/api/runs/{uid}/checkpoints/{name}/pin", "/api/runs/{uid}/checkpoints/{name}/unpin",
        "/api/runs/{uid}/queue",
        "/api/queue", "/api/queue/pause", "/api/queue/resume",
        "/api/queue/slots/{host}/{name}/drain", "/api/queue/slots/{host}/{name}/undrain",
        "/api/trash", "/api/trash/{uid}", "/api/trash/{uid}/restore",
        "/api/runs/compare", "/api/runs/{uid}/curves", "/api/runs/{uid}/points", "/api/runs/bulk",
        "/api/runs/{uid}/decisions",
        "/api/rehearsals", "/api/rehearsals/{uid}",
        "/api/notifications", "/api/notifications/read", "/api/notifications/{number}/read",
        "/api/datasets/{pk}/candles", "/api/datasets/fetches", "/api/datasets/fetches/{uid}",
        "/api/datasets/fetches/{uid}/cancel",
    }  # fmt: skip
    body = document["paths"]["/api/runs"]["post"]["requestBody"]["content"]["application/json"]
    config = body["schema"]["properties"]["config"]["properties"]
    assert config["batch_size"]["minimum"] == 1
    assert "student_t" in config["regression_loss"]["enum"]
    named = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document)))
    assert named <= document["components"]["schemas"].keys()
    assert "$defs" not in json.dumps(document)
    page = get("/api/docs").content.decode()
    assert 'href="/runs"' in page  # the product's frame
    for path, methods in document["paths"].items():
        for method, facts in methods.items():
            written = f'operation-method">{method.upper()}</span> <code>{path}</code>'
            assert page.count(written) == 1
            assert f'id="{facts["operationId"]}"' in page
    links = set(re.findall(r'href="#shape-(\w+)"', page))
    assert named - {"ValidationError"} <= links <= set(re.findall(r'id="shape-(\w+)"', page))
    assert page.count("://") == page.count(" http://testserver/api/")
    assert "at most 500 of them" in page
    assert "one of cancel, tag" in page


def test_a_known_address_with_another_method_is_405(run: TrainingRun) -> None:
    assert Client().put(f"/runs/{run.uid}").status_code == 405
    assert Client().delete("/runs").status_code == 405
