"""An optimizer step that several processes take together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from runs_app.forecasting.errors import NonFiniteLoss
from runs_app.forecasting.training.pieces import PiecewiseModule
from runs_app.forecasting.training.stopping import StopRequested, StopSignal

if TYPE_CHECKING:
    from torch import Tensor

    from runs_app.forecasting.training.group import Group
    from runs_app.forecasting.training.pieces import Pieces

FLAGS = 3
"""Numbers behind the gradients: the step's loss, wishes to stop, processes that have failed."""
MAX_RANKS = 16
DETOUR, STEP = 1_000_003, 10_000_019
"""Seed, way back and step make a new seed together; primes, so that small ones do not meet."""


class AgreedStop(StopSignal):
    """What a shared step asks after it: whether all know of a wish to stop that one has heard."""

    def __init__(self, own: StopSignal) -> None:
        super().__init__()
        self.own = own

    def claim(self) -> None:
        """Take the signals back for this process's own."""
        self.own.claim()

    def check(self) -> None:
        """Raise ``StopRequested`` once the wish was part of a step."""
        if self.requested:
            raise StopRequested


class SharedModule(PiecewiseModule):
    """Adds the gradients of all processes up: they are those of one batch of all their windows.

    Every process then takes the same step from the same weights. One sum per step carries all that
    they have to agree on: gradients, loss, a wish to stop, a fault.
    """

    def __init__(self, *arguments: Any, ranks: Group, stop: AgreedStop, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.ranks = ranks
        self.stop = stop
        self._sum = torch.empty(0)

    def training_step(  # type: ignore[override]
        self, batch: Pieces, batch_idx: int
    ) -> None:
        """One optimizer step. Raises ``NonFiniteLoss`` before any weight has been touched."""
        flags = self._start_sum()
        self._seed_dropout()
        fault: Exception | None = None
        try:
            flags[0] = self.backward_pieces(batch)
        except Exception as error:  # noqa: BLE001 - the others wait; they have to hear of it first
            fault = error
            flags[2] = 1.0
        if self.stop.own.requested:
            flags[1] = 1.0
        self.ranks.add_up(self._sum)
        norm = self.clip()
        self.loss, wishes, faults, self.grad_norm = torch.cat((flags, norm.view(1))).tolist()
        if faults:
            raise self.ranks.fault(fault) from fault
        self.stop.requested = wishes > 0
        if not math.isfinite(self.loss + self.grad_norm):
            raise self._agreed_fault(batch)
        self.take_step()

    def _start_sum(self) -> Tensor:
        """Let the gradients grow in one row of zeros, which is what is sent; its flags."""
        parameters = self.parameter_list
        numbers = sum(parameter.numel() for parameter in parameters)
        if self._sum.numel() != numbers + FLAGS or self._sum.device != parameters[0].device:
            self._sum = parameters[0].new_zeros(numbers + FLAGS)
        else:
            self._sum.zero_()
        gradients = torch.split(self._sum[:-FLAGS], [each.numel() for each in parameters])
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.view_as(parameter)
        return self._sum[-FLAGS:]

    def _seed_dropout(self) -> None:
        """Other activations are dropped in each process and step, the same ones after a resume."""
        record = self.record
        seed = self.config.train.seed + DETOUR * record.rollbacks
        torch.manual_seed((seed * STEP + record.step) * MAX_RANKS + self.ranks.rank)

    def _agreed_fault(self, step: Pieces) -> NonFiniteLoss:
        """The same in all processes: of the first one whose own windows are at fault."""
        mine = str(self.describe(step)) if step.pieces else None
        said = self.ranks.gather((self.own_loss_is_finite, mine))
        at_fault = [sentence for finite, sentence in said if not finite]
        known = [sentence for _, sentence in said if sentence is not None]
        return NonFiniteLoss((at_fault or known)[0])
