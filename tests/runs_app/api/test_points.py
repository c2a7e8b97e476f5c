"""Curves over HTTP: windows by step, epoch and time, and refusals in a sentence."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from runs_app.choices import EventKind
from runs_app.execution.leases import Claim
from runs_app.execution.recorder import Batch, record
from runs_app.execution.translation import Entry
from runs_app.models import TrainingRun
from tests.factories import MOMENT, make_running_run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run() -> TrainingRun:
    """Two epochs of fifty steps, one of them not finite."""
    made = make_running_run(metrics={"steps_per_epoch": 50})
    entries = [(MOMENT, Entry(EventKind.STATUS, {"status": "running", "back_to_step": 0}))]
    for step in range(1, 101):
        payload = {"epoch": 1 + (step - 1) // 50, "step": step, "train_loss": 1 / step}
        if step == 40:
            payload["train_loss"] = "Infinity"
        entries.append((MOMENT + timedelta(seconds=step), Entry(EventKind.METRICS, payload)))
    record(Claim(made.pk, made.uid, 1, made.worker), Batch(entries))
    made.refresh_from_db()
    return made


def test_a_run_answers_with_columns(client: Client, run: TrainingRun) -> None:
    answer = client.get(f"/runs/{run.uid}/points?metric=train_loss&metric=never")
    found = answer.json()
    assert (found["last_seq"], found["steps_per_epoch"]) == (101, 50)
    loss, never = found["curves"]
    assert loss["step"] == list(range(1, 101))
    assert loss["value"][39] == "Infinity"
    assert (loss["total"], loss["exact"], loss["abandoned"]) == (100, True, [])
    assert loss["at"][1] - loss["at"][0] == 1000
    assert (never["total"], never["value"]) == (0, [])


def test_means_come_where_they_are_asked_for(client: Client, run: TrainingRun) -> None:
    address = f"/runs/{run.uid}/points?metric=train_loss&width=10"
    assert client.get(address).json()["curves"][0]["means"] == {"step": [], "at": [], "value": []}
    means = client.get(f"{address}&means=true").json()["curves"][0]["means"]
    assert means["step"] == list(range(6, 100, 10))
    assert means["value"][0] == pytest.approx(sum(1 / n for n in range(1, 11)) / 10)


def test_a_window_is_given_in_the_unit_of_the_axis(client: Client, run: TrainingRun) -> None:
    at = (MOMENT + timedelta(seconds=60)).timestamp() * 1000
    windows = ["from=60&to=70", "axis=epoch&from=1.2&to=1.4", f"axis=time&from={at}&to={at + 1e4}"]
    for window in windows:
        found = client.get(f"/runs/{run.uid}/points?metric=train_loss&{window}").json()
        # One more at each side lets the line reach the edges.
        assert found["curves"][0]["step"] == list(range(59, 72)), window


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("", "metric"),
        ("metric=a&from=3&to=2", "from"),
        ("metric=a&from=NaN", "from"),
        ("metric=a&width=9", "width"),
        ("metric=a&axis=day", "axis"),
        ("&".join(["metric=a"] * 41), "metric"),
    ],
)
def test_what_cannot_be_read_is_refused(
    client: Client, run: TrainingRun, asked: str, field: str
) -> None:
    answer = client.get(f"/runs/{run.uid}/points?{asked}")
    assert answer.status_code == 422
    assert field in answer.content.decode()


def test_an_epoch_is_unknown_before_the_fit_has_begun(client: Client) -> None:
    run = make_running_run()
    address = f"/runs/{run.uid}/points?metric=a&axis=epoch"
    assert client.get(address).json()["curves"][0]["total"] == 0
    refused = client.get(f"{address}&from=1")
    assert refused.status_code == 422
    assert "use step" in refused.content.decode()
    assert client.get("/runs/nothere/points?metric=a").status_code == 404


def test_blocks_are_made_again_by_a_command(run: TrainingRun) -> None:
    out = StringIO()
    call_command("rebuild_curves", run.uid, stdout=out)
    assert run.uid in out.getvalue()
    with pytest.raises(CommandError, match="no run nothere"):
        call_command("rebuild_curves", "nothere")
