"""Curves kept in blocks while events are stored are the curves of all events."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs_app.choices import EventKind
from runs_app.curve_block import CurveBlock
from runs_app.execution.leases import Claim
from runs_app.execution.recorder import Batch, record
from runs_app.execution.translation import Entry
from runs_app.models import TrainingRun
from runs_app.points import sealing
from runs_app.points.columns import POINT, packed, thin, unpacked
from runs_app.points.reading import Curve, Window, read_curves
from tests.factories import make_running_run

START = datetime(2026, 3, 1, tzinfo=UTC)
Order = tuple[EventKind, dict[str, Any]]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few thousand events then make blocks of every level."""
    monkeypatch.setattr(sealing, "BLOCK_EVENTS", 8)
    monkeypatch.setattr(sealing, "KEPT_POINTS", 32)
    monkeypatch.setattr("runs_app.points.reading.KEPT_POINTS", 32)


def step(number: int, loss: float | str, **more: Any) -> Order:
    return EventKind.METRICS, {"epoch": 1, "step": number, "train_loss": loss} | more


def back(number: int) -> Order:
    return EventKind.STATUS, {"status": "running", "back_to_step": number}


def store(run: TrainingRun, orders: list[Order], batch: int = 37) -> TrainingRun:
    """The events in batches, a second apart; the run's row as it then is."""
    run.refresh_from_db()
    for first in range(0, len(orders), batch):
        entries = []
        for kind, payload in orders[first : first + batch]:
            at = START + timedelta(seconds=run.last_seq + len(entries))
            entries.append((at, Entry(kind, payload)))
        record(Claim(run.pk, run.uid, run.attempt, run.worker), Batch(entries))
        run.refresh_from_db()
    return run


def curve(run: TrainingRun, metric: str = "train_loss", **window: Any) -> Curve:
    return read_curves(run, [metric], Window(**window))[0]


@given(
    st.lists(st.sampled_from([0.0, 1.0, -3.5, math.nan, math.inf]), min_size=1, max_size=300),
    st.integers(4, 60),
    st.sampled_from(["", "step"]),
)
def test_thinning_keeps_ends_extremes_and_order(values: list[float], limit: int, by: str) -> None:
    points = np.zeros(len(values), POINT)
    points["step"] = np.arange(len(values))
    points["value"] = values
    kept = thin(points, limit, by=by)
    assert len(kept) <= max(limit, 8)
    assert (np.diff(kept["step"]) > 0).all()
    assert {0, len(values) - 1} <= set(kept["step"])
    finite = points["value"][np.isfinite(points["value"])]
    if len(finite):
        shown = kept["value"][np.isfinite(kept["value"])]
        assert (shown.min(), shown.max()) == (finite.min(), finite.max())
    assert np.isfinite(points["value"]).all() == np.isfinite(kept["value"]).all()
    assert unpacked(packed(points)).tobytes() == points.tobytes()


@pytest.mark.django_db(transaction=True)
def test_a_long_curve_keeps_its_spikes_and_tells_how_many_points_there_are() -> None:
    rows = [step(n, 9.0 if n == 1777 else 1.0 / n, grad_norm=0.5) for n in range(1, 2501)]
    run = store(make_running_run(), [back(0), *rows])
    assert set(CurveBlock.objects.values_list("level", flat=True)) == {0, 1, 2}
    whole = curve(run, width=20)
    assert whole.total == 2500
    assert not whole.exact
    assert len(whole.points) <= 40
    assert (whole.points["step"][[0, -1]] == [1, 2500]).all()
    assert 1777 in whole.points["step"]
    assert whole.points["value"].max() == 9.0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [50, 100, 200])
def test_every_part_of_a_long_curve_is_as_dense_as_any_other(width: int) -> None:
    """The newest steps are in smaller blocks, which hold more points for as many steps."""
    chance = np.random.default_rng(7)
    run = store(make_running_run(), [step(n, float(chance.normal())) for n in range(1, 2501)])
    steps = curve(run, width=width).points["step"]
    tenths = np.histogram(steps, np.linspace(1, 2500, 11))[0]
    assert tenths.min() >= 0.8 * 2 * width / 10
    assert tenths.max() <= 1.2 * 2 * width / 10


@pytest.mark.django_db(transaction=True)
def test_what_is_smoothed_are_the_means_of_all_points() -> None:
    """The thinned points are extremes: of a curve of rare spikes they are spikes by half."""
    rows = [step(n, 9.0 if n % 100 == 0 else "NaN" if n == 5 else 1.0) for n in range(1, 2501)]
    run = store(make_running_run(), [back(0), *rows])
    shown = curve(run, width=25, means=True)
    assert not shown.exact
    assert list(shown.means["step"][:2]) == [51, 151]
    assert shown.means["value"] == pytest.approx(np.full(25, 1.08), rel=1e-3)
    assert np.nanmean(shown.points["value"]) > 3
    part = curve(run, width=10, means=True, start=1001, end=1500)
    assert part.means["value"] == pytest.approx(np.full(10, 1.08), rel=0.15)
    assert part.means["step"][0] >= 1000
    assert not len(curve(run, width=25).means)
    assert not len(curve(run, width=4000, means=True).means)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("start", "end"), [(1, 2500), (700, 720), (95, 1303), (2490, 9000)])
def test_a_window_has_every_point_in_it_or_its_extremes(start: int, end: int) -> None:
    values = np.random.default_rng(3).normal(size=2501)
    run = store(make_running_run(), [back(0), *(step(n, float(values[n])) for n in range(1, 2501))])
    for width in (10, 200, 4000):
        shown = curve(run, start=start, end=end, width=width)
        inside = shown.points[(shown.points["step"] >= start) & (shown.points["step"] <= end)]
        known = values[start : min(end, 2500) + 1]
        assert abs(shown.total - len(known)) <= 2
        assert inside["value"].max() == known.max()
        assert inside["value"].min() == known.min()
        if width == 4000:
            assert shown.exact
            assert (inside["value"] == known).all()
    at = [(START + timedelta(seconds=seconds)).timestamp() * 1000 for seconds in (100, 110)]
    assert list(curve(run, by="at", start=at[0], end=at[1]).points["step"]) == list(range(99, 112))


@pytest.mark.django_db(transaction=True)
def test_what_was_done_again_is_one_curve_and_abandoned_pieces() -> None:
    run = make_running_run()
    store(run, [back(0), *(step(n, 1.0) for n in range(1, 901))])
    TrainingRun.objects.filter(pk=run.pk).update(attempt=2)
    run = store(run, [back(333), *(step(n, 2.0) for n in range(334, 1001))])
    TrainingRun.objects.filter(pk=run.pk).update(attempt=3)
    run = store(run, [back(300), *(step(n, 3.0) for n in range(301, 306))])
    shown = curve(run, width=4000)
    assert list(shown.points["step"]) == list(range(1, 306))
    assert (shown.points["value"] == [1.0] * 300 + [3.0] * 5).all()
    assert shown.exact
    assert shown.total == 305
    assert [(p.attempt, p.points["step"][0], p.points["step"][-1]) for p in shown.abandoned] == [
        (1, 301, 900),
        (2, 334, 1000),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_value_that_is_not_finite_stays_and_readings_of_the_machine_are_curves() -> None:
    rows: list[Order] = [step(n, "NaN" if n == 1234 else 1.0) for n in range(1, 2001)]
    rows[500:500] = [(EventKind.SYSTEM, {"cpu_percent": 12.5, "gpu_note": "none"})] * 30
    rows.append((EventKind.METRICS, {"epoch": 2, "step": 2000, "val_loss": 1.0, "train_loss": 7.0}))
    run = store(make_running_run(), [back(0), *rows])
    shown = curve(run, width=20)
    odd = shown.points[np.isnan(shown.points["value"])]
    assert list(odd["step"]) == [1234]
    assert np.nanmax(shown.points["value"]) == 1.0  # an epoch's mean is no step's loss
    machine = curve(run, "cpu_percent", by="at")
    assert machine.total == 30
    assert machine.exact
    assert curve(run, "val_loss").total == 1
    assert curve(run, "never_told").total == 0


@pytest.mark.django_db(transaction=True)
def test_blocks_made_again_are_the_same() -> None:
    rows = [back(0), *(step(n, 1.0 / n) for n in range(1, 801)), back(400)]
    run = store(make_running_run(), [*rows, *(step(n, 2.0 / n) for n in range(401, 777))])

    def blocks() -> list[Any]:
        known = CurveBlock.objects.order_by("metric", "level", "number")
        return [(one.metric, one.level, one.number, one.count, bytes(one.points)) for one in known]

    before, state = blocks(), (run.curve_seq, run.curve_number, run.curve_waiting)
    CurveBlock.objects.filter(level=0).delete()
    assert sealing.rebuild(run.pk)
    run.refresh_from_db()
    assert blocks() == before
    assert (run.curve_seq, run.curve_number, run.curve_waiting) == state
