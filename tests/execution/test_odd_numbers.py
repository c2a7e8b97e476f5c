"""NaN, infinities, the largest and the smallest numbers come back as they were reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

import pytest
from django.test import Client

from runs_app.execution.recorder import Batch, record
from runs_app.execution.translation import Entry, translate
from runs_app.forecasting import events
from runs_app.models import TrainingRun
from runs_app.run_table.wanted import RunFilter, filter_runs
from tests.execution.conftest import claim

NAN, INFINITY = float("nan"), float("inf")
HUGE = 2**53 + 1
NUMBERS = {
    "val_loss": NAN, "val_rmse": INFINITY, "val_nll": -INFINITY, "val_f1": 1e308,
    "val_pinball": 5e-324, "val_da": 0.1 + 0.2, "val_crps": -2.5e-310,
}  # fmt: skip
WORDS = {"val_loss": "NaN", "val_rmse": "Infinity", "val_nll": "-Infinity"}


def entry(event: events.Event) -> tuple[datetime, Entry]:
    made = translate(event, 1)
    assert made is not None
    return event.at, made


def report(run: TrainingRun, loss: float = NAN, validated: dict[str, Any] | None = None) -> None:
    """One start, step, epoch and checkpoint of the run, with these losses."""
    record(
        claim(run),
        Batch(
            [
                entry(
                    events.FitStarted(
                        device="CPU", parameters=HUGE, train_samples=1, validation_samples=1,
                        test_samples=1, steps_per_epoch=1, max_epochs=1,
                    )
                ),
                entry(events.StepTaken(epoch=1, step=HUGE, train_loss=loss, learning_rate=1e-3)),
                entry(
                    events.EpochFinished(
                        epoch=1, step=HUGE, train_loss=loss, learning_rate=1e-3, seconds=1.0,
                        metrics=NUMBERS if validated is None else validated,
                    )
                ),
                entry(
                    events.CheckpointSaved(
                        path="checkpoints/checkpoint-epoch1.ckpt", epoch=1, step=HUGE,
                        val_loss=NAN, size_bytes=1, sha256="0" * 64, is_best=False,
                    )
                ),
            ]
        ),
    )  # fmt: skip
    run.refresh_from_db()


def _no_constant(name: str) -> NoReturn:
    raise AssertionError(f"{name} is no JSON number")


def strict(address: str) -> Any:
    """The JSON at an address, read as a parser does that knows no NaN."""
    answer = Client().get(address)
    assert answer.status_code == 200
    return json.loads(answer.content, parse_constant=_no_constant)


@pytest.fixture
def run(make_run: Callable[..., TrainingRun]) -> TrainingRun:
    made = make_run()
    report(made)
    return made


def test_json_has_them_as_they_were(run: TrainingRun) -> None:
    found = strict(f"/runs/{run.uid}")
    for name, number in NUMBERS.items():
        value = found["metrics"][name]
        assert (value if name in WORDS else float(value)) == WORDS.get(name, number), name
    assert (found["metrics"]["parameters"], found["metrics"]["step"]) == (HUGE, HUGE)
    assert found["metrics"]["train_loss"] == "NaN"
    (checkpoint,) = found["checkpoints"]
    assert (checkpoint["val_loss"], checkpoint["step"]) == ("NaN", HUGE)
    points = strict(f"/runs/{run.uid}/metrics")["points"]
    assert [point["train_loss"] for point in points] == ["NaN", "NaN"]
    assert [point["step"] for point in points] == [HUGE, HUGE]
    (listed,) = strict("/runs")["runs"]
    assert listed["metrics"] == found["metrics"]


def test_pages_show_them(run: TrainingRun) -> None:
    browser = Client(headers={"accept": "text/html"})
    page = browser.get(f"/runs/{run.uid}").content.decode()
    for shown in (
        'data-metric="train_loss">NaN', 'data-metric="val_loss">NaN', 'data-metric="val_rmse">∞',
        'data-metric="val_nll">−∞', f'data-metric="step">{HUGE:,}<', "1.00e+308",
        '<td class="num d-none d-sm-table-cell">NaN</td>',
    ):  # fmt: skip
        assert shown in page, shown
    table = browser.get("/runs?sort=val_loss").content.decode()
    assert table.count('">NaN</td>') == 2, "training and validation loss"


def test_what_is_not_finite_is_sorted_last_and_never_the_best(
    run: TrainingRun, make_run: Callable[..., TrainingRun]
) -> None:
    others = {}
    for name, loss in (("low", -1.0), ("high", 1e308), ("infinite", INFINITY)):
        others[name] = make_run(name=name)
        report(others[name], loss=loss, validated={"val_loss": loss})
    for descending, order in ((False, ["low", "high"]), (True, ["high", "low"])):
        for column in ("train_loss", "val_loss", "best"):
            found = list(filter_runs(RunFilter(sort=column, descending=descending)))
            assert [each.name for each in found[:2]] == order, column
            assert {each.pk for each in found[2:]} == {run.pk, others["infinite"].pk}
    assert run.best_val_loss is None
    assert others["high"].best_val_loss == 1e308


def test_a_request_keeps_its_whole_numbers(make_run: Callable[..., TrainingRun]) -> None:
    run = make_run()
    run.request = {"seed": HUGE, "more": [2**63, -HUGE]}
    run.save(update_fields=["request"])
    assert strict(f"/runs/{run.uid}")["request"] == {"seed": HUGE, "more": [2**63, -HUGE]}
