"""The wiring between the network, the losses and Lightning."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch

from runs_app.forecasting.losses.total import LossTerms, total_loss
from runs_app.forecasting.training.non_finite import describe_fault
from runs_app.forecasting.training.optimizer import (
    build_optimizer,
    learning_rate_share,
    warmup_length,
)
from runs_app.forecasting.training.precision import autocast

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from torch import Tensor
    from torch.optim import Optimizer

    from runs_app.forecasting.config.schema import RunConfig
    from runs_app.forecasting.losses.forecast import Forecast
    from runs_app.forecasting.network.forecaster import Forecaster
    from runs_app.forecasting.training.feed import Batch
    from runs_app.forecasting.training.record import FitRecord


class ForecastModule(pl.LightningModule):
    """Trains a ``Forecaster``; ``decision_time`` [N] in ms UTC dates a batch that goes wrong.

    Lightning runs the loop and the callbacks; the step itself is written out (manual optimization),
    because closures, plugins and schedulers around it cost as much as a small network.
    """

    def __init__(
        self,
        config: RunConfig,
        network: Forecaster,
        *,
        record: FitRecord,
        planned_steps: int,
        decision_time: np.ndarray[Any, np.dtype[np.int64]],
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.config = config
        self.network = network
        self.record = record
        self.planned_steps = planned_steps
        self.decision_time = decision_time
        self.parameter_list = list(network.parameters())
        self.optimizer: Optimizer | None = None
        self.optimizer_state: dict[str, Any] | None = None
        """What the next optimizer starts from: that of a checkpoint."""
        # In a tuple, so that the compiled network is no second submodule with the same weights.
        self._runs: tuple[Callable[..., Forecast]] = (network,)
        self._warmup_steps = warmup_length(config.train, planned_steps)
        self.loss = 0.0
        self.grad_norm = 0.0
        self.learning_rate = 0.0

    def __setattr__(self, name: str, value: Any) -> None:
        """Lightning notes the running hook here some twenty times a step; torch's own way of
        setting an attribute looks for parameters and modules first, which takes ten times as long.
        """
        if name == "_current_fx_name":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def use(self, network: Callable[..., Forecast]) -> None:
        """Train through ``network``, a compiled form of ``self.network``."""
        self._runs = (network,)

    def configure_optimizers(self) -> Optimizer:
        """AdamW, where a checkpoint left it."""
        self.optimizer = build_optimizer(self.network, self.config.train)
        if self.optimizer_state is not None:
            self.optimizer.load_state_dict(self.optimizer_state)
            self.optimizer_state = None
            self.learning_rate = float(self.optimizer.param_groups[0]["lr"])
        return self.optimizer

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One optimizer step. Raises ``NonFiniteLoss`` before any weight has been touched."""
        self.update(self.backward_loss(self.forward_loss(batch)), batch)

    def forward_loss(self, batch: Batch) -> Tensor:
        """The loss of one batch -> []."""
        return self.loss_terms(batch).total

    def backward_loss(self, loss: Tensor) -> Tensor:
        """New gradients; the loss without its graph -> []."""
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def update(self, loss: Tensor, batch: Batch) -> None:
        """Clip the gradients by their L2 norm and step."""
        norm = self.clip()
        # One read of both, since each waits for a GPU.
        self.loss, self.grad_norm = torch.stack((loss, norm)).tolist()
        if not math.isfinite(self.loss + self.grad_norm):
            raise describe_fault(self, batch)
        self.take_step()

    def clip(self) -> Tensor:
        """Scale gradients with a larger L2 norm down to the clip; the norm they had -> []."""
        clip = self.config.train.gradient_clip
        return torch.nn.utils.clip_grad_norm_(self.parameter_list, clip)

    def take_step(self) -> None:
        """Move the weights and forget the gradients; linear warm-up, then cosine decay."""
        train, optimizer = self.config.train, self.optimizer
        assert optimizer is not None
        share = learning_rate_share(
            self.record.step, warmup_steps=self._warmup_steps, planned_steps=self.planned_steps
        )
        self.learning_rate = train.learning_rate * share
        for group in optimizer.param_groups:
            group["lr"] = self.learning_rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def loss_terms(self, batch: Batch) -> LossTerms:
        """The loss of one batch and its parts, each []."""
        with autocast(self.config.train, batch.target.device):
            forecast = self._runs[0](batch.windows, batch.log_volatility)
        return self.score(forecast, batch)

    def score(self, forecast: Forecast, batch: Batch) -> LossTerms:
        """The loss of a forecast and its parts, each []."""
        return total_loss(
            self.config.loss,
            forecast=forecast,
            target=batch.target,
            short_label=batch.short_label,
            long_label=batch.long_label,
        )

    # Batches are made on the training device, so none of Lightning's three hooks has to be asked.
    def _on_before_batch_transfer(self, batch: Batch, dataloader_idx: int = 0) -> Batch:
        return batch

    def _apply_batch_transfer_handler(
        self, batch: Batch, device: torch.device | None = None, dataloader_idx: int = 0
    ) -> Batch:
        return batch
