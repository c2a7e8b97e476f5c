"""Batches straight from resident tensors: an epoch is an order of indices, a batch one gather."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import torch

from runs_app.forecasting.data.windows import gather
from runs_app.forecasting.errors import DataInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from runs_app.forecasting.data.prepare import PreparedData

    Detour = tuple[int, int]
    """Batches of a pass after which its order was changed, and the seed of the new one."""


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
    """[N, K] logs of the causal volatilities, in units of ``target_scale``."""
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
            self.log_volatility.index_select(0, index),
            self.target.index_select(0, index),
            self.short_label.index_select(0, index),
            self.long_label.index_select(0, index),
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
        whole = -(-len(rows) // batch_size)
        self.steps = whole if max_steps is None else min(whole, max_steps)
        self._pass_state = self.generator.get_state()
        self._detour: Detour | None = None
        self._next: tuple[int, Detour | None] = (0, None)
        self.start = self.position(0)
        """The position before the first step."""

    def __len__(self) -> int:
        """Batches of one pass."""
        return self.steps

    def position(self, batches: int) -> dict[str, Any]:
        """Where the order stands once ``batches`` of the running pass were used; 0: between two."""
        if not batches:
            return {"generator": self.generator.get_state(), "batches": 0, "detour": None}
        return {"generator": self._pass_state, "batches": batches, "detour": self._detour}

    def continue_from(self, position: dict[str, Any], *, detour_seed: int | None = None) -> None:
        """The next pass begins at a ``position``.

        With ``detour_seed`` the rest of that pass, and all that follow, take another order.
        """
        self.generator.set_state(position["generator"].cpu())
        batches, detour = position["batches"], position["detour"]
        if detour_seed is not None:
            detour = (batches, detour_seed)
        self._next = (batches, detour)

    def __iter__(self) -> Iterator[Batch]:
        for rows in self.steps_of_pass():
            yield self.table.batch(rows)

    def steps_of_pass(self) -> Iterator[Tensor]:
        """The decisions [B] of each step of the next pass, on the table's device."""
        (skipped, self._detour), self._next = self._next, (0, None)
        order = self._order()
        for start in range(skipped * self.batch_size, len(order), self.batch_size):
            yield order[start : start + self.batch_size]

    def _order(self) -> Tensor:
        """Decisions of the running pass in order, on the table's device."""
        self._pass_state = self.generator.get_state()
        order = torch.randperm(len(self.rows), generator=self.generator)
        order = order[: self.steps * self.batch_size]
        if self._detour is not None:
            batches, seed = self._detour
            rest = order[batches * self.batch_size :]
            self.generator.manual_seed(seed)
            shuffled = rest[torch.randperm(len(rest), generator=self.generator)]
            order = torch.cat([order[: batches * self.batch_size], shuffled])
        return self.rows[order].to(self.table.device)
