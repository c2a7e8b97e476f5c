"""The wiring between the network, the losses and Lightning."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch

from runs_app.forecasting.errors import NonFiniteLoss
from runs_app.forecasting.losses.total import total_loss
from runs_app.forecasting.training.optimizer import (
    build_optimizer,
    learning_rate_share,
    warmup_length,
)

if TYPE_CHECKING:
    import numpy as np
    from pytorch_lightning.utilities.types import OptimizerLRScheduler
    from torch import Tensor
    from torch.optim import Optimizer

    from runs_app.forecasting.config.schema import RunConfig
    from runs_app.forecasting.network.forecaster import Forecaster
    from runs_app.forecasting.training.feed import Batch


class ForecastModule(pl.LightningModule):
    """Trains a ``Forecaster``; ``decision_time`` [N] in ms UTC dates a batch that goes wrong."""

    def __init__(
        self,
        config: RunConfig,
        network: Forecaster,
        *,
        planned_steps: int,
        decision_time: np.ndarray[Any, np.dtype[np.int64]],
    ) -> None:
        super().__init__()
        self.config = config
        self.network = network
        self.planned_steps = planned_steps
        self.decision_time = decision_time
        self.parameter_list = list(network.parameters())
        self.optimizer: Optimizer | None = None
        self.batch: Batch | None = None
        self.newest_loss = torch.zeros(())
        self.loss = 0.0
        self.grad_norm = 0.0
        self.learning_rate = 0.0

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one batch -> []."""
        forecast = self.network(batch.windows, batch.log_volatility)
        terms = total_loss(
            self.config.loss,
            forecast=forecast,
            target=batch.target,
            short_label=batch.short_label,
            long_label=batch.long_label,
        )
        self.batch = batch
        self.newest_loss = terms.total.detach()
        return terms.total

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW with linear warm-up and cosine decay per step."""
        optimizer = build_optimizer(self.network, self.config.train)
        self.optimizer = optimizer
        share = partial(
            learning_rate_share,
            warmup_steps=warmup_length(self.config.train, self.planned_steps),
            planned_steps=self.planned_steps,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip by the L2 norm. Raises ``NonFiniteLoss`` before any weight has been touched."""
        norm = torch.nn.utils.clip_grad_norm_(self.parameter_list, self.config.train.gradient_clip)
        self.loss, self.grad_norm = self.newest_loss.item(), norm.item()
        if not math.isfinite(self.loss + self.grad_norm):
            raise NonFiniteLoss(self._describe_fault())
        self.learning_rate = float(optimizer.param_groups[0]["lr"])

    def transfer_batch_to_device(self, batch: Batch, device: Any, dataloader_idx: int) -> Batch:
        """Batches are made on the training device."""
        return batch

    def _describe_fault(self) -> str:
        at_fault, value = "loss", self.loss
        if math.isfinite(self.loss):
            at_fault, value = "gradient", self.grad_norm
        dates = ""
        if self.batch is not None:
            times = self.decision_time[self.batch.rows.cpu().numpy()]
            dates = f" on decisions between {_date(times.min())} and {_date(times.max())} UTC"
        return (
            f"The training {at_fault} became {value} at step "
            f"{self.global_step + 1} of epoch {self.current_epoch + 1}{dates}. Lower the learning "
            "rate (train.learning_rate) or the gradient clip, or look at the candles of that time."
        )


def _date(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(int(milliseconds) / 1000, UTC):%Y-%m-%d %H:%M}"
