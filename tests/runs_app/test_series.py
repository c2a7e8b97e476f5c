"""Curves are thinned without losing a spike."""

from __future__ import annotations

import json

import pytest
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
        (1, {"epoch": 1, "step": n, "train_loss": 9.0 if n == 77_777 else 1.0})
        for n in range(100_000)
    )
    points = read_points(payloads)
    assert len(points.steps) <= MAX_POINTS
    assert (77_777, 9.0, 1) in points.steps
    assert points.total == 100_000


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_a_value_that_is_not_finite_keeps_its_step(word: str) -> None:
    events = [(1, {"step": n, "train_loss": word if n == 700 else 0.5}) for n in range(1, 9000)]
    points = read_points(events)
    assert (700, word, 1) in points.steps
    assert len(points.steps) <= MAX_POINTS
    json.dumps(points.as_dict(), allow_nan=False)
    told = read_points([(1, {"step": 1, "train_loss": float(word.replace("I", "i"))})])
    assert told.steps == [(1, word, 1)]


def test_what_was_done_again_after_going_back_is_one_curve_and_an_abandoned_piece() -> None:
    first = [{"epoch": 1, "step": n, "train_loss": 1.0} for n in range(1, 9)]
    first.insert(5, {"epoch": 1, "step": 5, "train_loss": 1.0, "val_loss": 2.0})
    again = [{"epoch": 1, "step": n, "train_loss": 3.0} for n in range(5, 12)]
    events = [(1, data) for data in ({"back_to_step": 0}, *first)]
    events += [(2, data) for data in ({"back_to_step": 4}, *again)]
    points = read_points(events)
    assert [step for step, *_ in points.steps] == list(range(1, 12))
    assert [loss for _, loss, _ in points.steps] == [1.0] * 4 + [3.0] * 7
    assert [attempt for *_, attempt in points.steps] == [1] * 4 + [2] * 7
    assert points.epochs == []
    assert points.back_to_step == 0
    assert points.total == 11
    (piece,) = points.abandoned
    assert piece.attempt == 1
    assert piece.steps == [(n, 1.0, 1) for n in range(5, 9)]
    assert [point[0] for point in piece.epochs] == [5]
    assert piece.epochs[0][-1] == 1


def test_each_way_back_leaves_a_piece_of_its_own() -> None:
    events = [(1, {"step": n, "train_loss": 1.0}) for n in range(1, 6)]
    events += [(1, {"back_to_step": 3}), (1, {"step": 4, "train_loss": 2.0})]
    events += [(2, {"back_to_step": 2}), (2, {"step": 3, "train_loss": 3.0})]
    points = read_points(events)
    assert [[step for step, *_ in piece.steps] for piece in points.abandoned] == [[4, 5], [3, 4]]
    assert points.steps == [(1, 1.0, 1), (2, 1.0, 1), (3, 3.0, 2)]


def test_going_back_alone_is_news_for_a_page() -> None:
    points = read_points([(1, {"status": "running", "back_to_step": 7})])
    assert not points.is_empty
    assert points.as_dict()["back_to_step"] == 7
    assert read_points([(1, {"status": "running"})]).is_empty
