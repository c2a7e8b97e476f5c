"""Previews of a run's files, what differs in its configuration, what it trained with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from django.test import Client

from runs_app.charts import charts
from runs_app.choices import RunStatus
from runs_app.config_panel import config_panel
from runs_app.execution.run_directory import path_of
from runs_app.models import TrainingRun
from runs_app.services import previews
from tests.factories import (
    make_artifact,
    make_checkpoint,
    make_completed_run,
    make_config,
    make_running_run,
    write_environment,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> TrainingRun:
    """A completed run with a directory."""
    made = make_completed_run()
    path_of(made.uid).mkdir(parents=True)
    return made


def write(run: TrainingRun, name: str, data: bytes) -> Path:
    make_artifact(run, name)
    path = path_of(run.uid) / name
    path.write_bytes(data)
    return path


def test_json_is_shown_as_figures_and_text_is_escaped(client: Client, run: TrainingRun) -> None:
    client.defaults["HTTP_ACCEPT"] = "text/html"
    nested = {"scores": {"test": {"model": {"nll": -6.05}}}, "list": [1, 2], "rows": [{"a": "<b>"}]}
    write(run, "metrics.json", json.dumps(nested).encode())
    page = client.get(f"/runs/{run.uid}/preview/metrics.json").content.decode()
    assert "scores.test.model.nll" in page
    assert "-6.05" in page
    assert "rows[0].a" in page
    assert "&lt;b&gt;" in page
    assert "<html" in page
    part = client.get(f"/runs/{run.uid}/preview/metrics.json", headers={"hx-request": "true"})
    assert b"<html" not in part.content
    assert (
        f"/runs/{run.uid}/preview/metrics.json" in client.get(f"/runs/{run.uid}").content.decode()
    )
    write(run, "config.yaml", b"a: <script>\n" * 10_000)
    page = client.get(f"/runs/{run.uid}/preview/config.yaml").content.decode()
    assert "a: &lt;script&gt;" in page
    assert "more are in the file" in page


def test_the_first_rows_of_a_table_are_shown(client: Client, run: TrainingRun) -> None:
    path = write(run, "predictions.parquet", b"")
    table = pa.table(
        {"time": pa.array(range(5000), pa.timestamp("ms", "UTC")), "mean": [0.25] * 5000}
    )
    parquet.write_table(table, path)
    shown = previews.preview(run, "predictions.parquet")
    assert shown.columns == ["time", "mean"]
    assert len(shown.rows) == previews.ROWS
    assert shown.note == "The first 20 of 5,000 rows."
    client.defaults["HTTP_ACCEPT"] = "text/html"
    page = client.get(f"/runs/{run.uid}/preview/predictions.parquet").content.decode()
    assert "0.25" in page


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("predictions.parquet", b"PAR1 and nothing more"),
        ("metrics.json", b"{"),
        ("metrics.json", b"[" * 100_000),
        ("best.ckpt", b"x"),
    ],
)
def test_what_cannot_be_shown_is_said(
    client: Client, run: TrainingRun, name: str, data: bytes
) -> None:
    (path_of(run.uid) / "checkpoints").mkdir()
    write(run, f"checkpoints/{name}" if name.endswith(".ckpt") else name, data)
    shown = previews.preview(run, name)
    assert shown.problem
    client.defaults["HTTP_ACCEPT"] = "text/html"
    assert client.get(f"/runs/{run.uid}/preview/nothing.json").status_code == 404
    assert client.get(f"/runs/{run.uid}/preview/../{run.uid}/metrics.json").status_code == 404


def test_what_differs_from_parent_and_preset_comes_first(client: Client) -> None:
    parent = make_completed_run()
    config = make_config(train={"seed": 99}, model={"variant": "tiny", "layers": 3})
    run = make_completed_run(config=config.model_dump(mode="json"), parent=parent, kinship="clone")
    panel = config_panel(run)
    assert [(one.path, one.after) for one in panel.of_parent] == [
        ("model.layers", 3),
        ("train.seed", 99),
    ]
    assert {"model.layers", "train.seed"} <= {one.path for one in panel.of_preset}
    assert "data.source" not in {one.path for one in panel.of_preset}
    assert panel.preset.startswith("tiny")
    titles = {value.title for _, values in panel.sections for value in values}
    assert "Layers" in titles
    client.defaults["HTTP_ACCEPT"] = "text/html"
    page = client.get(f"/runs/{run.uid}").content.decode()
    assert "Differences to" in page
    assert "Not recorded" in page


def test_a_configuration_of_another_schema_is_still_shown() -> None:
    run = make_completed_run(config={"old": {"thing": [1, 2]}, "model": {"variant": "gone"}})
    panel = config_panel(run)
    assert panel.preset == ""
    assert ("Other", "old.thing") in {(t, v.path) for t, values in panel.sections for v in values}


def test_charts_say_why_they_are_absent() -> None:
    metrics = {"gpu_note": "No GPU here.", "learning_rate": 1e-3, "val_new": 2.0, "name": "x"}
    known = {chart.key: chart for chart in charts(make_running_run(metrics=metrics))}
    assert known["gpu_utilization"].absent == "No GPU here."
    assert not known["gpu_utilization"].shown
    assert known["learning_rate"].shown
    assert not known["learning_rate"].absent
    assert known["val_new"].group == "validation"
    assert "name" not in known
    assert known["learning_rate"].has_points
    assert not known["loss"].has_points
    assert known["loss"].nothing == "The curve begins with the first step."
    assert known["val_crps"].nothing == "The baselines come before the first step."
    ended = {chart.key: chart for chart in charts(make_completed_run(status=RunStatus.FAILED))}
    assert ended["loss"].absent == ended["loss"].nothing == "No loss was reported."


def test_a_chart_that_has_points_is_read_and_not_waited_for(client: Client) -> None:
    client.defaults["HTTP_ACCEPT"] = "text/html"
    run = make_running_run(metrics={"train_loss": 1.0, "cpu_percent": 3.0})
    page = client.get(f"/runs/{run.uid}").content.decode()
    boxes = dict(re.findall(r'id="chart-(\w+)".*?<div class="chart-empty"[^>]*>(.*?)</div>', page))
    assert "Reading the curve" in boxes["loss"]
    assert "Reading the curve" in boxes["cpu_percent"]
    assert boxes["learning_rate"] == "The curve begins with the first step."


def test_the_environment_comes_when_training_begins(client: Client) -> None:
    client.defaults["HTTP_ACCEPT"] = "text/html"
    run = make_running_run()
    before = client.get(f"/runs/{run.uid}/environment").content.decode()
    assert "Known when training begins" in before
    assert 'hx-trigger="fit-started"' in before
    write_environment(run, device="A GPU")
    assert "A GPU" in client.get(f"/runs/{run.uid}/environment").content.decode()
    assert client.get("/runs/none/environment").status_code == 404


def test_the_page_says_what_a_run_takes_on_the_disk(client: Client) -> None:
    client.defaults["HTTP_ACCEPT"] = "text/html"
    live = make_running_run(metrics={"run_disk_mb": 2.5})
    assert 'data-metric="disk">2.62 MB' in client.get(f"/runs/{live.uid}").content.decode()
    ended = make_completed_run(metrics={"run_disk_mb": 2.5})
    make_artifact(ended, size_bytes=3_000_000)
    make_checkpoint(ended, size_bytes=1_500_000)
    assert 'data-metric="disk">4.5 MB' in client.get(f"/runs/{ended.uid}").content.decode()


def test_a_failure_says_why_before_all_else(client: Client) -> None:
    """And offers one way to go on, not two names for it."""
    client.defaults["HTTP_ACCEPT"] = "text/html"
    run = make_completed_run(status=RunStatus.FAILED, reason="killed", message="It was killed.")
    make_checkpoint(run, step=90)
    page = client.get(f"/runs/{run.uid}").content.decode()
    assert page.index("It was killed.") < page.index("Not judged")
    assert "Retry from step 90" in page
    assert "Resume from step" not in page
