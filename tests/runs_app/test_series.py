"""Curves are thinned without losing a spike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runs_app.series import MAX_POINTS, read_points, thin


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=400), st.integers(8, 60))
def test_thinning_keeps_ends_extremes_and_order(values: list[float | None], limit: int) -> None:
    points = list(enumerate(values))
    kept = thin(points, limit)
    assert len(kept) <= max(limit, 2)
    assert kept == sorted(kept, key=lambda point: point[0])
    assert set(kept) <= set(points)
    if points:
        assert kept[0] == points[0]
        assert kept[-1] == points[-1]
    known = [value for value in values if value is not None]
    if known:
        shown = [value for _, value in kept if value is not None]
        assert max(shown) == max(known)
        assert min(shown) == min(known)


def test_a_million_steps_with_one_spike_keep_it() -> None:
    payloads = (
        {"epoch": 1, "step": n, "train_loss": 9.0 if n == 77_777 else 1.0} for n in range(100_000)
    )
    points = read_points(payloads)
    assert len(points.steps) <= MAX_POINTS
    assert (77_777, 9.0) in points.steps
    assert points.total == 100_000


def test_values_that_are_not_finite_become_gaps() -> None:
    points = read_points([{"epoch": 1, "step": 1, "train_loss": "NaN"}])
    assert points.steps == [(1, None)]
