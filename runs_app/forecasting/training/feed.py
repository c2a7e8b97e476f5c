"""Batches straight from resident tensors: an epoch is an order of indices, a batch one gather."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import torch

from runs_app.forecasting.data.windows import gather
from runs_app.forecasting.errors import DataInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from runs_app.forecasting.data.prepare import PreparedData


class Batch(NamedTuple):
    """B decisions; windows are S tensors [B, L, F], the rest [B], in standardised units."""

    windows: list[Tensor]
    log_volatility: Tensor
    target: Tensor
    short_label: Tensor
    long_label: Tensor
    rows: Tensor
    """Which decisions these are."""


@dataclass(frozen=True)
class DecisionTable:
    """Everything a batch is made of, on the training device; N decisions."""

    features: tuple[Tensor, ...]
    last_bar: tuple[Tensor, ...]
    log_volatility: Tensor
    """[N] log of the causal volatility, in units of ``target_scale``."""
    target: Tensor
    """[N] log-return divided by ``target_scale``."""
    short_label: Tensor
    long_label: Tensor
    target_scale: float
    """Standard deviation of the training targets, as a log-return."""
    context_bars: int

    @classmethod
    def on_device(cls, data: PreparedData, *, context_bars: int, device: torch.device) -> Self:
        """Move ``data`` to ``device``. Raises ``DataInvalid`` when the price never moves."""
        scale = float(data.target[data.splits["train"]].double().std(unbiased=False))
        if not scale > 0.0:
            raise DataInvalid(
                "The price does not move at all over the training part, so there is nothing to "
                "learn; choose other dates or another file."
            )
        return cls(
            features=tuple(bars.to(device) for bars in data.features),
            last_bar=tuple(last.to(device) for last in data.last_bar),
            log_volatility=(data.volatility / scale).log().to(device),
            target=(data.target / scale).to(device),
            short_label=data.short_label.to(device),
            long_label=data.long_label.to(device),
            target_scale=scale,
            context_bars=context_bars,
        )

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return self.target.device

    def batch(self, index: Tensor) -> Batch:
        """The decisions ``index`` [B], int64 on the table's device."""
        return Batch(
            gather(self.features, self.last_bar, index, self.context_bars),
            self.log_volatility[index],
            self.target[index],
            self.short_label[index],
            self.long_label[index],
            index,
        )


class TrainingFeed:
    """Each pass gives the training decisions in a new random order, at most ``max_steps`` batches.

    The order comes from a generator of its own, whose state is part of a checkpoint.
    """

    def __init__(
        self,
        table: DecisionTable,
        rows: Tensor,
        *,
        batch_size: int,
        seed: int,
        max_steps: int | None = None,
    ) -> None:
        self.table = table
        self.rows = rows
        self.batch_size = batch_size
        self.generator = torch.Generator().manual_seed(seed)
        self.epoch_state = self.generator.get_state()
        whole = -(-len(rows) // batch_size)
        self.steps = whole if max_steps is None else min(whole, max_steps)

    def __len__(self) -> int:
        """Batches of one pass."""
        return self.steps

    def position(self, step: int, *, epoch_finished: bool) -> dict[str, Tensor | int]:
        """Where the order stands after ``step`` steps: generator state, batches taken from it."""
        if epoch_finished:
            return {"generator": self.generator.get_state(), "batches": 0}
        return {"generator": self.epoch_state, "batches": step % self.steps}

    def __iter__(self) -> Iterator[Batch]:
        self.epoch_state = self.generator.get_state()
        order = torch.randperm(len(self.rows), generator=self.generator)
        order = self.rows[order[: self.steps * self.batch_size]].to(self.table.device)
        for index in torch.split(order, self.batch_size):
            yield self.table.batch(index)
