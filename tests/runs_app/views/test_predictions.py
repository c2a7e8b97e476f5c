"""The page of predictions: the form, refusals in place, progress, and what came out."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from runs_app.choices import JobKind, JobReason, JobState, RunStatus
from runs_app.execution import jobs, run_directory
from runs_app.models import Job, TrainingRun
from tests.factories import make_run

pytestmark = pytest.mark.django_db

PAGE = {"Accept": "text/html"}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker here: a worker is tried in tests/product."""
    monkeypatch.setattr(jobs, "_wake", lambda _: None)


@pytest.fixture
def run(candles: Path, runs_root: Path) -> TrainingRun:
    """A completed run with a file in the place of its checkpoint."""
    run = make_run(status=RunStatus.COMPLETED)
    folder = runs_root / run.uid / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "best.ckpt").write_bytes(b"not read here")
    return run


def ask(client: Client, run: TrainingRun, **fields: str) -> object:
    return client.post(f"/runs/{run.uid}/predictions", fields, headers=PAGE)


def test_a_prediction_is_asked_for_and_waits(client: Client, run: TrainingRun) -> None:
    answer = ask(client, run, source="BTCUSDT_1m", last="5")
    job = Job.objects.get()
    assert answer.status_code == 302
    assert answer.url == f"/runs/{run.uid}/predictions/{job.uid}"
    assert job.arguments == {
        "source": "BTCUSDT_1m", "path": "BTCUSDT_1m.csv", "last": 5, "repair": False,
    }  # fmt: skip
    text = client.get(answer.url, headers=PAGE).content.decode()
    assert "Waiting for a worker" in text
    assert 'hx-trigger="every 1s"' in text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"source": "nothing", "last": "5"}, "names neither a data set nor a candle file"),
        ({"source": "BTCUSDT_1m", "last": "0"}, "Must be from 1 to 1,000, not 0"),
        ({"source": "BTCUSDT_1m", "last": "1e3"}, "Must be from 1 to 1,000"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_lost(
    client: Client, run: TrainingRun, fields: dict[str, str], sentence: str
) -> None:
    answer = ask(client, run, **fields)
    assert answer.status_code == 422
    assert sentence.lower() in answer.content.decode().lower()
    assert f'value="{fields["last"]}"' in answer.content.decode()
    assert not Job.objects.exists()


def test_the_api_names_the_same_fields(client: Client, run: TrainingRun) -> None:
    answer = client.post(
        f"/runs/{run.uid}/predictions",
        {"source": "nothing", "last": 0},
        content_type="application/json",
    )
    assert answer.status_code == 422
    assert {problem["path"] for problem in answer.json()["detail"]} == {"source", "last"}


def test_a_run_without_checkpoint_says_so(client: Client, candles: Path, runs_root: Path) -> None:
    run = make_run(status=RunStatus.FAILED)
    assert "has no checkpoint yet" in ask(client, run, source="BTCUSDT_1m").content.decode()
    answer = client.post(f"/api/runs/{run.uid}/exports")
    assert answer.status_code == 409
    with pytest.raises(CommandError, match="has no checkpoint yet"):
        call_command("predict", run.uid, "BTCUSDT_1m")


def test_a_failed_prediction_shows_its_sentence(client: Client, run: TrainingRun) -> None:
    job = Job.objects.create(
        kind=JobKind.PREDICTION, run=run, state=JobState.FAILED, message="line 3 is no candle",
        arguments={"source": "x", "last": 1},
    )  # fmt: skip
    answer = client.get(f"/runs/{run.uid}/predictions/{job.uid}", headers=PAGE)
    assert "Line 3 is no candle" in answer.content.decode()
    other = make_run(status=RunStatus.COMPLETED)
    assert client.get(f"/runs/{other.uid}/predictions/{job.uid}", headers=PAGE).status_code == 404


LOST = "The worker that did this ended in the middle of it. It is done again."


@pytest.mark.parametrize(
    ("state", "reason", "heading"),
    [
        (JobState.WAITING, "", "Waiting for a worker."),
        (JobState.WORKING, "", "Reading the candles"),
        (JobState.FAILED, JobReason.WORKER_LOST, "No prediction: worker lost"),
        (JobState.FAILED, JobReason.DISK_FULL, "No prediction: disk full"),
    ],
)
def test_pages_and_json_say_who_had_it_and_why_it_has_no_result(
    client: Client, run: TrainingRun, state: str, reason: str, heading: str
) -> None:
    job = Job.objects.create(
        kind=JobKind.PREDICTION, run=run, state=state, reason=reason, message=LOST,
        worker="here:7:abc", attempt=2, arguments={"source": "x", "last": 1},
    )  # fmt: skip
    path = f"/runs/{run.uid}/predictions/{job.uid}"
    text = client.get(path, headers=PAGE).content.decode()
    assert heading in text and LOST in text
    assert ('hx-trigger="every 1s"' in text) is not job.is_final
    listed = client.get(f"/runs/{run.uid}/predictions", headers=PAGE).content.decode()
    assert LOST in listed
    assert ("Failed: " in listed) is bool(reason)
    told = client.get(path).json()
    assert (told["reason"], told["worker"], told["attempt"]) == (reason or None, "here:7:abc", 2)
    assert told["message"] == LOST


def test_an_export_says_the_same(client: Client, run: TrainingRun) -> None:
    job = Job.objects.create(
        kind=JobKind.EXPORT, run=run, state=JobState.WAITING, message=LOST, attempt=1
    )
    listed = client.get(f"/runs/{run.uid}/predictions", headers=PAGE).content.decode()
    assert f"{LOST} Waiting for a worker." in listed
    Job.objects.filter(pk=job.pk).update(state=JobState.FAILED, reason=JobReason.KILLED)
    listed = client.get(f"/runs/{run.uid}/predictions", headers=PAGE).content.decode()
    assert "No export: killed" in listed
    told = client.get(f"/runs/{run.uid}/exports").json()
    assert (told["reason"], told["attempt"]) == ("killed", 1)


def test_a_damaged_file_is_no_fault_of_the_page(client: Client, run: TrainingRun) -> None:
    job = Job.objects.create(
        kind=JobKind.PREDICTION, run=run, state=JobState.DONE, arguments={"source": "x", "last": 1}
    )
    folder = run_directory.path_of(run.uid) / "forecasts"
    folder.mkdir()
    (folder / f"{job.uid}.parquet").write_bytes(b"PAR1")
    answer = client.get(f"/runs/{run.uid}/predictions/{job.uid}", headers=PAGE)
    assert answer.status_code == 200
    assert "cannot be read" in answer.content.decode()
