"""Curves are thinned without losing a spike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runs_app.series import thin


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
