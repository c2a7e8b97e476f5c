"""Clone, branch, retry, kill and pin by JSON."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from runs_app.choices import EventKind, RunStatus
from runs_app.execution import lifecycle
from runs_app.forecasting.events import INIT_FILE
from runs_app.models import TrainingRun
from tests.factories import MOMENT, make_checkpoint, make_completed_run, make_config, make_event

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("candles", "runs_root")]


@pytest.fixture
def parent(runs_root: Path) -> TrainingRun:
    """A completed run on candles that are there, with one epoch's checkpoint."""
    config = make_config(data={"source": "BTCUSDT_1m.csv"}).model_dump(mode="json")
    run = make_completed_run(name="mine", config=config)
    file = runs_root / run.uid / "checkpoints/checkpoint-epoch1.ckpt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    make_checkpoint(run, 1, sha256=digest, step=1200, is_best=True, is_last=True)
    return run


def post(run: TrainingRun, rest: str, body: Any = None) -> Any:
    data = b"" if body is None else body
    return Client().post(f"/runs/{run.uid}/{rest}", data=data, content_type="application/json")


def read(uid: str) -> Any:
    return Client().get(f"/runs/{uid}").json()


def test_clone_without_a_body_and_with_one(parent: TrainingRun) -> None:
    answer = post(parent, "clone")
    assert answer.status_code == 201
    first = read(answer.json()["id"])
    assert answer.headers["Location"] == first["url"]
    assert first["config"] == parent.config
    assert first["name"] == "copy of mine"
    assert first["parent"] == {"id": parent.uid, "kinship": "clone", "checkpoint": ""}
    second = read(post(parent, "clone", {"batch_size": 8, "name": "eight"}).json()["id"])
    assert (second["config"]["train"]["batch_size"], second["name"]) == (8, "eight")
    assert read(parent.uid)["children"] == [
        {"id": first["id"], "kinship": "clone"}, {"id": second["id"], "kinship": "clone"},
    ]  # fmt: skip


@pytest.mark.parametrize("action", ["clone", "branch"])
@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ({"batch_size": 0}, "batch_size", "must be at least 1"),
        ({"train": {"batch_size": 0}}, "train.batch_size", "must be at least 1"),
        ({"batch_sise": 1}, "batch_sise", "did you mean batch_size?"),
        ({"config": {}}, "config", "is not a known key"),
        ({"name": 7}, "name", "must be text"),
        ([1], "body", "must be an object"),
    ],
)
def test_wrong_changes_are_422(
    parent: TrainingRun, action: str, body: Any, path: str, words: str
) -> None:
    answer = post(parent, action, body)
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert problem["path"] == path
    assert words in problem["msg"]
    assert TrainingRun.objects.count() == 1


def test_a_body_that_is_no_json(parent: TrainingRun) -> None:
    address = f"/runs/{parent.uid}/clone"
    answer = Client().post(address, data=b"{", content_type="application/json")
    assert answer.status_code == 422
    assert Client().post(address, data={"batch_size": 8}).status_code == 415
    big = json.dumps({"name": "x" * 300_000})
    answer = Client().post(address, data=big, content_type="application/json")
    assert answer.status_code == 413


def test_branch_from_a_checkpoint(parent: TrainingRun, runs_root: Path) -> None:
    body = {"checkpoint": "checkpoint-epoch1.ckpt", "learning_rate": 1e-5}
    answer = post(parent, "branch", body)
    assert answer.status_code == 201
    new = read(answer.json()["id"])
    assert new["parent"] == {
        "id": parent.uid, "kinship": "branch", "checkpoint": "checkpoint-epoch1 (step 1,200)",
    }  # fmt: skip
    assert new["config"]["train"]["learning_rate"] == 1e-5
    assert (runs_root / new["id"] / INIT_FILE).read_bytes() == b"weights"
    answer = post(parent, "branch", {"d_model": 32, "layers": 7})
    assert [problem["path"] for problem in answer.json()["detail"]] == ["d_model", "layers"]
    assert post(parent, "branch", {"checkpoint": "nothing.ckpt"}).status_code == 404
    assert post(parent, "branch", {"checkpoint": 3}).status_code == 422
    (runs_root / parent.uid / "checkpoints/checkpoint-epoch1.ckpt").write_bytes(b"Weights")
    answer = post(parent, "branch")
    assert answer.status_code == 409
    assert "SHA-256 differs" in answer.json()["detail"]
    parent.checkpoints.all().delete()
    answer = post(parent, "branch")
    assert answer.status_code == 409
    assert "Use Clone" in answer.json()["detail"]


def test_retry_is_the_same_run(parent: TrainingRun) -> None:
    answer = post(parent, "retry")
    assert answer.status_code == 409
    assert "Use Clone" in answer.json()["detail"]
    TrainingRun.objects.filter(pk=parent.pk).update(status="failed", reason="worker_lost")
    found = read(parent.uid)
    assert (found["reason_label"], found["actions"]) == (
        "worker lost", ["retry", "resume", "branch", "clone"],
    )  # fmt: skip
    assert "then Retry" in found["advice"]
    answer = post(parent, "retry")
    assert (answer.status_code, answer.json()["id"]) == (200, parent.uid)
    assert (answer.json()["status"], answer.json()["losses"]) == ("pending", 0)


def test_a_second_cancel_kills(parent: TrainingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "DOUBLE_CLICK_SECONDS", 0.0)
    TrainingRun.objects.filter(pk=parent.pk).update(status=RunStatus.RUNNING)
    assert post(parent, "cancel").status_code == 200
    parent.refresh_from_db()
    assert parent.kill_requested_at is None
    assert post(parent, "cancel").status_code == 200
    parent.refresh_from_db()
    assert parent.kill_requested_at is not None


def test_the_suggestion_can_be_posted_to_clone(parent: TrainingRun) -> None:
    failed = {"status": RunStatus.FAILED, "reason": "out_of_memory"}
    TrainingRun.objects.filter(pk=parent.pk).update(**failed)
    parent.refresh_from_db()
    make_event(parent, EventKind.STATUS, status="failed", fields={"train.batch_size": "Too large."})
    found = read(parent.uid)
    assert found["fields"] == {"train.batch_size": "Too large."}
    assert found["suggestion"] == {"train.batch_size": 32, "train.accumulation": 2}
    new = read(post(parent, "clone", found["suggestion"]).json()["id"])
    assert new["config"]["train"]["batch_size"] == 32
    assert new["config"]["train"]["accumulation"] == 2
    assert new["suggestion"] is None


def test_pin_and_unpin(parent: TrainingRun, runs_root: Path) -> None:
    answer = post(parent, "checkpoints/checkpoint-epoch1.ckpt/pin")
    assert (answer.status_code, answer.json()["pinned"]) == (200, True)
    assert read(parent.uid)["checkpoints"][0]["pinned"] is True
    listed = json.loads((runs_root / parent.uid / "pins.json").read_text())
    assert listed == ["checkpoints/checkpoint-epoch1.ckpt"]
    answer = post(parent, "checkpoints/best/unpin")
    assert (answer.status_code, answer.json()["pinned"]) == (200, False)
    assert post(parent, "checkpoints/nothing/pin").status_code == 404
    (runs_root / parent.uid / "checkpoints/checkpoint-epoch1.ckpt").unlink()
    answer = post(parent, "checkpoints/best/pin")
    assert answer.status_code == 409
    assert "removed a moment ago" in answer.json()["detail"]


@pytest.mark.parametrize("rest", ["clone", "branch", "retry", "resume", "checkpoints/best/pin"])
def test_an_unknown_run_is_404_and_a_trashed_one_409(parent: TrainingRun, rest: str) -> None:
    assert Client().post(f"/runs/nosuchrun/{rest}").status_code == 404
    TrainingRun.objects.filter(pk=parent.pk).update(
        trashed_at=MOMENT, status="failed", reason="killed"
    )
    answer = post(parent, rest)
    assert answer.status_code in {404, 409}
    assert TrainingRun.objects.count() == 1


@pytest.mark.parametrize("rest", ["clone", "branch", "retry", "checkpoints/best/pin"])
def test_another_site_is_refused(parent: TrainingRun, rest: str) -> None:
    answer = Client(headers={"origin": "https://example.org"}).post(f"/runs/{parent.uid}/{rest}")
    assert answer.status_code == 403
    assert Client().get(f"/runs/{parent.uid}/{rest}").status_code in {404, 405}
    assert TrainingRun.objects.count() == 1
