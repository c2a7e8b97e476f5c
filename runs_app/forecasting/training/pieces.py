"""An optimizer step of several forward passes: a big batch in the memory of a small one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from runs_app.forecasting.progress import advance
from runs_app.forecasting.training.feed import DecisionTable, TrainingFeed
from runs_app.forecasting.training.module import ForecastModule
from runs_app.forecasting.training.non_finite import describe_fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from runs_app.forecasting.config.schema import TrainConfig
    from runs_app.forecasting.errors import NonFiniteLoss
    from runs_app.forecasting.training.feed import Batch


@dataclass(frozen=True)
class Pieces:
    """One process's share of a step, in pieces of one forward pass each.

    A piece is gathered when it is asked for, so that no two are in memory together.
    """

    table: DecisionTable
    pieces: tuple[Tensor, ...]
    """Decisions of each forward pass; none where the step has fewer windows than processes."""
    windows: int
    """Windows of the whole step, over all processes."""

    def __iter__(self) -> Iterator[tuple[Batch, float]]:
        """Each batch, and its share of the step's windows."""
        for rows in self.pieces:
            yield self.table.batch(rows), len(rows) / self.windows


class PiecewiseFeed(TrainingFeed):
    """Gives the steps of a ``TrainingFeed`` whose batches are all windows of a step.

    Every process draws the same order and takes its own share: ``rank`` of ``ranks``.
    """

    def __init__(
        self, table: DecisionTable, rows: Tensor, config: TrainConfig, *, rank: int, ranks: int
    ) -> None:
        super().__init__(
            table,
            rows,
            batch_size=config.windows_per_step,
            seed=config.seed,
            max_steps=config.steps_per_epoch,
        )
        self._piece_windows = config.batch_size
        self._rank, self._ranks = rank, ranks

    def __iter__(self) -> Iterator[Pieces]:  # type: ignore[override]
        for step in self.steps_of_pass():
            mine = torch.tensor_split(step, self._ranks)[self._rank]  # even, also a short step
            pieces = torch.split(mine, self._piece_windows) if len(mine) else ()
            yield Pieces(self.table, tuple(pieces), len(step))


class PiecewiseModule(ForecastModule):
    """Adds up the gradients of a step's pieces, each weighed by its windows.

    So they are those of one batch of all windows, also where the last piece is a short one.
    """

    piece_losses: tuple[Tensor, ...] = ()
    """Of the running step's pieces, each []."""

    def training_step(  # type: ignore[override]
        self, batch: Pieces, batch_idx: int
    ) -> None:
        """One optimizer step. Raises ``NonFiniteLoss`` before any weight has been touched."""
        loss = self.backward_pieces(batch)
        norm = self.clip()
        self.loss, self.grad_norm = torch.stack((loss, norm)).tolist()
        if not math.isfinite(self.loss + self.grad_norm):
            raise self.describe(batch)
        self.take_step()

    def backward_pieces(self, step: Pieces) -> Tensor:
        """Adds to the gradients; the pieces' part of the step's mean loss, without graph -> []."""
        losses, parts = [], [self.parameter_list[0].new_zeros(())]
        for batch, share in step:
            loss = self.forward_loss(batch)
            losses.append(loss.detach())
            parts.append(self.backward_loss(loss * share))
            advance()
        self.piece_losses = tuple(losses)
        return torch.stack(parts).sum()

    @property
    def own_loss_is_finite(self) -> bool:
        """Whether all pieces of this process are."""
        return all(math.isfinite(float(loss)) for loss in self.piece_losses)

    def describe(self, step: Pieces) -> NonFiniteLoss:
        """The fault of a step that is not finite, by its first piece that is not."""
        finite = [math.isfinite(float(loss)) for loss in self.piece_losses]
        at_fault = finite.index(False) if False in finite else -1
        return describe_fault(self, step.table.batch(step.pieces[at_fault]))
