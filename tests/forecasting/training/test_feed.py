"""The order of decisions, and what a batch holds."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from runs_app.forecasting.data.prepare import PreparedData
from runs_app.forecasting.errors import DataInvalid
from runs_app.forecasting.training.feed import DecisionTable, TrainingFeed

CONTEXT = 16
CPU = torch.device("cpu")


@pytest.fixture
def table(data: PreparedData) -> DecisionTable:
    return DecisionTable.on_device(data, context_bars=CONTEXT, device=CPU)


def test_an_epoch_takes_every_training_decision_once(
    table: DecisionTable, data: PreparedData
) -> None:
    rows = data.splits["train"]
    feed = TrainingFeed(table, rows, batch_size=100, seed=3)
    first = torch.cat([batch.rows for batch in feed])
    second = torch.cat([batch.rows for batch in feed])
    assert torch.equal(first.sort().values, rows)
    assert not torch.equal(first, second)
    assert len(feed) == -(-len(rows) // 100)


def test_a_cap_shortens_the_epoch(table: DecisionTable, data: PreparedData) -> None:
    feed = TrainingFeed(table, data.splits["train"], batch_size=32, seed=3, max_steps=4)
    assert [len(batch.rows) for batch in feed] == [32] * 4


def another(table: DecisionTable, data: PreparedData) -> TrainingFeed:
    return TrainingFeed(table, data.splits["train"], batch_size=32, seed=99, max_steps=6)


def test_the_order_can_be_taken_up_again(table: DecisionTable, data: PreparedData) -> None:
    feed = TrainingFeed(table, data.splits["train"], batch_size=32, seed=3, max_steps=6)
    list(feed)
    order = iter(feed)
    for _ in range(4):
        next(order)
    other = another(table, data)
    other.continue_from(feed.position(4))
    rest = [*order, *feed]
    again = [*other, *other]
    assert len(rest) == len(again) == 2 + 6
    assert all(torch.equal(a.rows, b.rows) for a, b in zip(rest, again, strict=True))


def test_a_detour_takes_the_rest_of_a_pass_in_another_order(
    table: DecisionTable, data: PreparedData
) -> None:
    feed = TrainingFeed(table, data.splits["train"], batch_size=32, seed=3, max_steps=6)
    order = iter(feed)
    for _ in range(4):
        next(order)
    detour, straight = another(table, data), another(table, data)
    detour.continue_from(feed.position(4), detour_seed=5)
    straight.continue_from(feed.position(4))
    first, plain = [torch.cat([batch.rows for batch in feed]) for feed in (detour, straight)]
    assert torch.equal(first.sort().values, plain.sort().values)
    assert not torch.equal(first, plain)
    assert not torch.equal(next(iter(detour)).rows, next(iter(straight)).rows)


def test_a_detour_is_part_of_the_position(table: DecisionTable, data: PreparedData) -> None:
    feed = TrainingFeed(table, data.splits["train"], batch_size=32, seed=3, max_steps=6)
    feed.continue_from(feed.start, detour_seed=5)
    order = iter(feed)
    next(order)
    other = another(table, data)
    other.continue_from(feed.position(1))
    assert all(torch.equal(a.rows, b.rows) for a, b in zip(order, other, strict=True))


def test_a_batch_ends_at_the_decisions_own_bar(table: DecisionTable, data: PreparedData) -> None:
    rows = data.splits["validation"][:5]
    batch = table.batch(rows)
    for features, last, window in zip(data.features, data.last_bar, batch.windows, strict=True):
        assert window.shape == (5, CONTEXT, features.shape[1])
        assert torch.equal(window[:, -1], features[last[rows]])
    assert torch.allclose(batch.target * table.target_scale, data.target[rows])
    assert torch.allclose(batch.log_volatility.exp() * table.target_scale, data.volatility[rows])
    train = table.target[data.splits["train"]]
    assert float(train.std(unbiased=False)) == pytest.approx(1.0, abs=1e-4)


def test_a_price_that_never_moves_is_refused(data: PreparedData) -> None:
    still = dataclasses.replace(data, target=torch.zeros_like(data.target))
    with pytest.raises(DataInvalid, match="does not move"):
        DecisionTable.on_device(still, context_bars=CONTEXT, device=CPU)
