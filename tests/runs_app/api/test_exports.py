"""Metrics as CSV and Parquet, the passport, and a whole run as a zip."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pyarrow.parquet as parquet
import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from runs_app.choices import EventKind, RunStatus
from runs_app.execution import lifecycle, run_directory
from runs_app.forecasting.passport import content_sha256
from runs_app.models import RunEvent, TrainingRun
from runs_app.services import metric_table
from runs_app.services.plot_tables import plot_tables
from runs_app.services.run_zip import Checkpoints, run_zip
from tests.factories import make_config, make_event
from tests.reports import make_report, write_report
from tests.runs_app.api.conftest import AT
from tests.runs_app.api.test_download import read

pytestmark = pytest.mark.django_db

COLUMNS = ["seq", "attempt", "time", "epoch", "step", "name", "value"]
EXPECTED = [
    (1, "train_loss", 0.5),
    (3, "train_loss", math.nan),
    (6, "baseline.garch.val_nll", -5.25),
    (7, "learning_rate", 1e-05),
    (7, "val_crps", -math.inf),
    (7, "val_loss", math.inf),
    (8, "test_nll", 0.1 + 0.2),
]


@pytest.fixture
def reported(run: TrainingRun) -> TrainingRun:
    """The run with baselines, words for what is not finite, and scores without a step."""
    make_event(run, EventKind.METRICS, baselines={"garch": {"val_nll": -5.25, "val_crps": None}})
    make_event(
        run, EventKind.METRICS,
        epoch=2, step=20, val_loss="Infinity", val_crps="-Infinity", learning_rate=1e-05,
    )  # fmt: skip
    make_event(run, EventKind.METRICS, test_nll=0.1 + 0.2)
    return run


def fetch(path: str, **headers: str) -> tuple[Any, bytes]:
    answer = Client().get(path, headers=headers)
    if answer.streaming:
        assert answer.is_async
        return answer, async_to_sync(read)(answer)
    return answer, answer.content


def assert_same(frame: pd.DataFrame) -> None:
    """The frame holds ``EXPECTED``, bit for bit."""
    assert list(frame.columns) == COLUMNS
    assert list(frame["seq"]) == [seq for seq, _, _ in EXPECTED]
    assert list(frame["name"]) == [name for _, name, _ in EXPECTED]
    assert [repr(value) for value in frame["value"].tolist()] == [
        repr(value) for _, _, value in EXPECTED
    ]
    assert [None if pd.isna(step) else int(step) for step in frame["step"]] == [
        10, 20, None, 20, 20, 20, None,
    ]  # fmt: skip
    assert set(frame["attempt"]) == {1}


def test_csv_has_every_value_as_it_was_reported(reported: TrainingRun) -> None:
    answer, body = fetch(f"/runs/{reported.uid}/metrics?format=csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert f'filename="{reported.uid}-metrics.csv"' in answer["Content-Disposition"]
    lines = body.decode().splitlines()
    assert lines[1] == "1,1,2024-01-31T12:00:00.000Z,1,10,train_loss,0.5"
    assert lines[2].endswith(",20,train_loss,NaN")
    assert lines[6].endswith("val_loss,Infinity")
    assert_same(pd.read_csv(io.BytesIO(body)))


def test_parquet_has_the_same(reported: TrainingRun) -> None:
    answer, body = fetch(f"/runs/{reported.uid}/metrics?format=parquet")
    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    table = parquet.read_table(io.BytesIO(body))
    assert table.schema.equals(metric_table.SCHEMA)
    assert table["value"].null_count == 0, "a NaN is no missing value"
    frame = table.to_pandas()
    assert_same(frame)
    assert str(frame["time"][0]) == "2024-01-31 12:00:00+00:00"


def test_pages_and_groups_do_not_show(
    reported: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {form: fetch(f"/runs/{reported.uid}/metrics?format={form}")[1] for form in ("csv",)}
    monkeypatch.setattr(metric_table, "PAGE_EVENTS", 1)
    monkeypatch.setattr(metric_table, "GROUP_ROWS", 2)
    assert fetch(f"/runs/{reported.uid}/metrics?format=csv")[1] == whole["csv"]
    _, body = fetch(f"/runs/{reported.uid}/metrics?format=parquet")
    file = parquet.ParquetFile(io.BytesIO(body))
    assert file.metadata.num_row_groups == 3
    assert_same(file.read().to_pandas())


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("application/json", "application/json; charset=utf-8"),
        ("*/*", "application/json; charset=utf-8"),
    ],
)
def test_the_accept_header_chooses_too(run: TrainingRun, accept: str, kind: str) -> None:
    assert fetch(f"/runs/{run.uid}/metrics", accept=accept)[0]["Content-Type"] == kind


def test_a_run_without_metrics_is_an_empty_table(run: TrainingRun) -> None:
    run.events.all().delete()
    assert fetch(f"/runs/{run.uid}/metrics?format=csv")[1].decode() == ",".join(COLUMNS) + "\n"
    _, body = fetch(f"/runs/{run.uid}/metrics?format=parquet")
    assert parquet.read_table(io.BytesIO(body)).num_rows == 0


def test_other_forms_and_runs_are_refused(run: TrainingRun) -> None:
    assert fetch(f"/runs/{run.uid}/metrics?format=xlsx")[0].status_code == 422
    assert fetch(f"/runs/{run.uid}/export.zip?checkpoints=some")[0].status_code == 422
    browser = {"accept": "text/html"}
    assert fetch(f"/runs/{run.uid}/export.zip?checkpoints=some", **browser)[0].status_code == 422
    for path in ("metrics?format=csv", "export.zip", "passport.json", "report/plots/fan.csv"):
        for headers in ({}, browser):
            assert fetch(f"/runs/nosuchrun/{path}", **headers)[0].status_code == 404
    assert fetch(f"/runs/{run.uid}/metrics", **browser)[0].status_code == 302


def test_a_name_that_a_spreadsheet_would_compute_is_text(run: TrainingRun) -> None:
    make_event(run, EventKind.METRICS, **{"=1+1": -2.0})
    _, body = fetch(f"/runs/{run.uid}/metrics?format=csv")
    assert body.decode().splitlines()[-1].endswith(",'=1+1,-2.0")


def unpacked(body: bytes, run: TrainingRun) -> dict[str, bytes]:
    """Files of the zip by name, each checked against ``SHA256SUMS``."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert all(name.startswith(f"run-{run.uid}/") and ".." not in name for name in names)
        files = {name.partition("/")[2]: archive.read(name) for name in names}
    sums = dict(line.split("  ")[::-1] for line in files["SHA256SUMS"].decode().splitlines())
    assert sums == {
        name: hashlib.sha256(content).hexdigest()
        for name, content in files.items()
        if name != "SHA256SUMS"
    }
    return files


def test_the_zip_holds_the_run_and_its_sums(reported: TrainingRun, runs_root: Path) -> None:
    write_report(reported, runs_root)
    answer, body = fetch(f"/runs/{reported.uid}/export.zip")
    assert answer["Content-Type"] == "application/zip"
    assert f'filename="run-{reported.uid}.zip"' in answer["Content-Disposition"]
    files = unpacked(body, reported)
    assert files["config.yaml"] == b"data: {}\n"
    assert json.loads(files["passport.json"])["run"] == reported.uid
    assert_same(parquet.read_table(io.BytesIO(files["metrics.parquet"])).to_pandas())
    assert files["metrics.csv"].startswith(b"seq,attempt,")
    plots = {f"plots/{name}.csv" for name in plot_tables(make_report())}
    assert len(plots) == 8
    assert plots < set(files)
    assert not any(name.endswith(".ckpt") for name in files)


@pytest.mark.parametrize("wanted", ["best", "all"])
def test_checkpoints_come_when_they_are_asked_for(run: TrainingRun, wanted: str) -> None:
    headers = {"accept": "text/html"}  # as a link on the page is followed
    _, body = fetch(f"/runs/{run.uid}/export.zip?checkpoints={wanted}", **headers)
    assert unpacked(body, run)["checkpoints/best.ckpt"] == bytes(range(256)) * 4096
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        entry = archive.getinfo(f"run-{run.uid}/checkpoints/best.ckpt")
        assert entry.compress_type == zipfile.ZIP_STORED


def test_no_link_and_no_pipe_is_followed(run: TrainingRun, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not yours")
    folder = run_directory.path_of(run.uid)
    (folder / "console.log").symlink_to(secret)
    os.link(secret, folder / "metrics.json")
    os.mkfifo(folder / "events.jsonl")
    (folder / "environment.json").symlink_to(secret)
    files = unpacked(fetch(f"/runs/{run.uid}/export.zip")[1], run)
    assert not {"console.log", "metrics.json", "events.jsonl", "environment.json"} & set(files)
    assert not any(b"not yours" in content for content in files.values())


def test_a_run_that_never_began_has_a_zip_too(runs_root: Path) -> None:
    run = lifecycle.create_run(make_config(), {})
    files = unpacked(fetch(f"/runs/{run.uid}/export.zip?checkpoints=all")[1], run)
    assert {"passport.json", "config.yaml", "metrics.csv"} <= set(files)
    passport = json.loads(files["passport.json"])
    assert (passport["status"], passport["attempts"], passport["environments"]) == (
        "pending", [], [],
    )  # fmt: skip


def test_a_run_that_ends_leaves_the_passport_that_is_made_on_request(runs_root: Path) -> None:
    run = lifecycle.create_run(make_config(train={"seed": 7}), {})
    held = lifecycle.claim(run.pk, "worker-1")
    assert held is not None
    lifecycle.settle(
        held, lifecycle.Outcome(RunStatus.FAILED, lifecycle.Reason.DATA, "The file is gone.")
    )
    kept = (run_directory.path_of(run.uid) / "passport.json").read_bytes()
    answer, made = fetch(f"/runs/{run.uid}/passport.json")
    assert answer["Content-Type"] == "application/json"
    assert made == kept
    tree = json.loads(made)
    assert tree["sha256"] == content_sha256(tree)
    assert tree["seeds"] == {"train.seed": 7}
    assert [(one["number"], one["status"], one["reason"]) for one in tree["attempts"]] == [
        (1, "failed", "data")
    ]
    row = run.artifacts.get(path="passport.json")
    assert (row.kind, row.sha256) == ("passport", hashlib.sha256(kept).hexdigest())


def test_a_passport_that_cannot_be_written_does_not_keep_the_run_from_ending(
    runs_root: Path,
) -> None:
    run = lifecycle.create_run(make_config(), {})
    held = lifecycle.claim(run.pk, "worker-1")
    assert held is not None
    (run_directory.path_of(run.uid) / "passport.json").mkdir()
    lifecycle.settle(
        held, lifecycle.Outcome(RunStatus.FAILED, lifecycle.Reason.DATA, "The file is gone.")
    )
    run.refresh_from_db()
    assert run.status == RunStatus.FAILED
    assert fetch(f"/runs/{run.uid}/passport.json")[0].status_code == 200


def test_a_plot_is_a_table(run: TrainingRun, runs_root: Path) -> None:
    write_report(run, runs_root)
    _, body = fetch(f"/runs/{run.uid}/report/plots/fan.csv")
    frame = pd.read_csv(io.BytesIO(body))
    fan = make_report().fan
    assert tuple(frame["close"]) == fan.close
    assert [tuple(frame[f"q{level}"]) for level in fan.levels] == list(fan.quantiles)
    assert fetch(f"/runs/{run.uid}/report/plots/other.csv")[0].status_code == 404


MIB = 1024 * 1024


def peak(pieces: Iterator[bytes]) -> tuple[int, int, int]:
    """Bytes in all, of the largest piece, and by how much this process grew while it took them."""
    process = psutil.Process()
    before = most = process.memory_info().rss
    total = largest = 0
    for piece in pieces:
        total += len(piece)
        largest = max(largest, len(piece))
        most = max(most, process.memory_info().rss)
    return total, largest, most - before


def test_a_large_checkpoint_is_never_in_memory_as_a_whole(run: TrainingRun) -> None:
    size = 768 * MIB
    with (run_directory.path_of(run.uid) / "checkpoints/best.ckpt").open("wb") as file:
        file.truncate(size)
    total, largest, grown = peak(run_zip(run, Checkpoints.ALL))
    assert total > size
    assert largest < 4 * MIB
    assert grown < 64 * MIB


def test_many_points_are_never_in_memory_as_a_whole(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric_table, "PAGE_EVENTS", 200)
    monkeypatch.setattr(metric_table, "GROUP_ROWS", 2_000)
    figures = {f"val_{number}": 0.125 * number for number in range(50)}
    RunEvent.objects.bulk_create(
        RunEvent(
            run=run, seq=seq, attempt=1, kind="metrics", at=AT, payload=figures | {"step": seq}
        )
        for seq in range(6, 4_006)
    )
    run.last_seq = 4_005
    run.save()
    total, largest, _ = peak(metric_table.as_csv(run))
    assert total > 200_000 * 40
    assert largest < total / 10
    pieces = list(metric_table.as_parquet(run))
    assert len(pieces) > 20
    assert parquet.ParquetFile(io.BytesIO(b"".join(pieces))).metadata.num_row_groups == 21
