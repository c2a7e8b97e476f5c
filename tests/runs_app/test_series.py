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


def test_what_was_done_again_after_going_back_is_drawn_once() -> None:
    first = [{"epoch": 1, "step": n, "train_loss": 1.0} for n in range(1, 9)]
    first.insert(5, {"epoch": 1, "step": 5, "train_loss": 1.0, "val_loss": 2.0})
    again = [{"epoch": 1, "step": n, "train_loss": 3.0} for n in range(5, 12)]
    points = read_points([{"back_to_step": 0}, *first, {"back_to_step": 4}, *again])
    assert [step for step, _ in points.steps] == list(range(1, 12))
    assert [loss for _, loss in points.steps] == [1.0] * 4 + [3.0] * 7
    assert points.epochs == []
    assert points.back_to_step == 0
    assert points.total == 11


def test_going_back_alone_is_news_for_a_page() -> None:
    points = read_points([{"status": "running", "back_to_step": 7}])
    assert not points.is_empty
    assert points.as_dict()["back_to_step"] == 7
    assert read_points([{"status": "running"}]).is_empty
