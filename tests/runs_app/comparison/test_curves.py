"""Curves read by the database agree with the events, on either database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runs_app.choices import EventKind
from runs_app.comparison.curves import VALIDATION_COLUMNS, curves
from runs_app.execution.leases import Claim
from runs_app.execution.recorder import Batch, record
from runs_app.execution.translation import Entry
from runs_app.models import RunEvent, TrainingRun
from tests.factories import MOMENT, make_running_run

pytestmark = pytest.mark.django_db


def log(run: TrainingRun, *entries: tuple[int, int, dict[str, Any]]) -> None:
    """Events of (attempt, second, payload); one that goes back is a status."""
    rows = [
        RunEvent(
            run=run,
            seq=run.last_seq + number,
            attempt=attempt,
            kind=EventKind.STATUS if "back_to_step" in payload else EventKind.METRICS,
            at=MOMENT + timedelta(seconds=second),
            payload=payload,
        )
        for number, (attempt, second, payload) in enumerate(entries, 1)
    ]
    RunEvent.objects.bulk_create(rows, batch_size=500)
    run.last_seq += len(rows)
    run.attempt = max(run.attempt, *(attempt for attempt, _, _ in entries))
    run.save()


def step(number: int, loss: Any) -> dict[str, Any]:
    return {"epoch": 1, "step": number, "train_loss": loss}


def test_steps_and_validations_are_told_apart() -> None:
    run = make_running_run(metrics={"steps_per_epoch": 2})
    validated = {"epoch": 1, "step": 2, "train_loss": 1.5, "val_loss": 1.25, "val_da": 0.5}
    log(run, (1, 0, {"back_to_step": 0}), (1, 1, step(1, 2.0)), (1, 2, step(2, "NaN")),
        (1, 3, validated), (1, 4, {"baselines": {}}))  # fmt: skip
    found = curves(run)
    assert found.training == [(1, 1.0, 2.0), (2, 2.0, None)]
    (row,) = found.validations
    assert dict(zip(VALIDATION_COLUMNS, row, strict=True)) == {
        "step": 2, "epoch": 1, "seconds": 3.0, "val_loss": 1.25, "val_nll": None, "val_crps": None,
        "val_pinball": None, "val_rmse": None, "val_da": 0.5, "val_f1": None,
    }  # fmt: skip
    assert (found.total, found.means, found.steps_per_epoch) == (2, [], 2)


@pytest.mark.parametrize("loss", ["NaN", "Infinity", "-Infinity"])
def test_a_validation_that_is_not_finite_is_a_gap(loss: str) -> None:
    run = make_running_run()
    log(run, (1, 0, {"epoch": 1, "step": 1, "val_loss": loss}))
    assert curves(run).validations[0][3] is None


def test_a_resumed_run_is_one_curve_and_its_pause_is_left_out() -> None:
    run = make_running_run()
    first = [(1, n, step(n, 1.0)) for n in range(1, 7)]
    later = [(2, 1000 + n, step(n, 2.0)) for n in range(5, 8)]
    log(run, (1, 0, {"back_to_step": 0}), *first, (2, 1004, {"back_to_step": 4}), *later)
    found = curves(run).training
    assert [number for number, _, _ in found] == [1, 2, 3, 4, 5, 6, 7]
    assert [loss for _, _, loss in found] == [1.0] * 4 + [2.0] * 3
    assert [seconds for _, seconds, _ in found] == [1.0, 2.0, 3.0, 4.0, 7.0, 8.0, 9.0]


def test_a_spike_is_kept_and_the_means_are_those_of_all_points() -> None:
    run = make_running_run()
    log(run, *((1, n, step(n, 9.0 if n == 3000 else 1.0)) for n in range(1, 5001)))
    found = curves(run, limit=100)
    assert len(found.training) <= 100
    assert (3000, 2999.0, 9.0) in found.training
    assert found.total == 5000
    whole = sum(mean for _, _, mean in found.means if mean is not None) / len(found.means)
    assert whole == pytest.approx((4999 + 9) / 5000, rel=1e-3)


def test_a_gap_among_many_points_stays() -> None:
    run = make_running_run()
    log(run, *((1, n, step(n, "NaN" if n == 333 else 1.0)) for n in range(1, 1001)))
    found = curves(run, limit=60).training
    assert (333, 332.0, None) in found
    assert len(found) <= 60


def test_what_was_read_is_read_again_only_when_there_is_news() -> None:
    run = make_running_run()
    log(run, (1, 0, step(1, 1.0)))
    curves(run)
    with CaptureQueriesContext(connection) as queries:
        curves(run)
    assert len(queries) == 0
    log(run, (1, 1, step(2, 1.0)))
    assert len(curves(run).training) == 2


def test_the_pauses_of_a_long_run_are_left_out_of_its_blocks_too() -> None:
    """Stored by the recorder, so that most of it is in blocks."""
    run = make_running_run(metrics={"steps_per_epoch": 100})
    orders = [(0, EventKind.STATUS, {"status": "running", "back_to_step": 0})]
    for number in range(1, 2501):
        orders.append((number, EventKind.METRICS, step(number, 9.0 if number == 77 else 1.0)))
        if number % 100 == 0:
            scores = {"epoch": number // 100, "step": number, "val_loss": 2.0, "val_crps": 0.5}
            orders.append((number, EventKind.METRICS, scores))
    record(
        Claim(run.pk, run.uid, 1, run.worker),
        Batch([(MOMENT + timedelta(seconds=at), Entry(kind, what)) for at, kind, what in orders]),
    )
    run.refresh_from_db()
    assert run.curve_blocks.filter(level=0, metric="train_loss").count() == 2
    found = curves(run, limit=50)
    assert (77, 77.0, 9.0) in found.training
    assert found.total == 2500
    assert len(found.means) == 25
    assert found.means[0][2] == pytest.approx(1.08)  # 8 over a hundred neighbours
    assert [row[1] for row in found.validations] == list(range(1, 26))
    assert found.validations[-1][:5] == (2500, 25, 2500.0, 2.0, None)


def test_a_run_without_events_has_no_curve() -> None:
    found = curves(make_running_run())
    assert (found.training, found.validations, found.total) == ([], [], 0)
