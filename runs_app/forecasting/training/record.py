"""What has been reached so far."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class FitRecord:
    """Counters, history and best epoch of one fit; steps and epochs count from 1.

    All of it is part of a checkpoint.
    """

    history: list[dict[str, float | int | None]] = field(default_factory=list)
    best_epoch: int | None = None
    best_loss: float = float("inf")
    stopped_early: bool = False
    step: int = 0
    """Optimizer steps taken."""
    epoch_steps: int = 0
    """Those of the running epoch."""
    loss_sum: float = 0.0
    """Sum of their training losses."""
    rollbacks: int = 0
    """How often the fit went back to a checkpoint because a loss was not finite."""

    @property
    def epochs(self) -> int:
        """Epochs finished."""
        return len(self.history)

    @property
    def epochs_without_gain(self) -> int:
        """Epochs since the best one."""
        return self.epochs - (self.best_epoch or 0)

    @property
    def mean_loss(self) -> float:
        """Mean training loss of the running epoch's steps."""
        return self.loss_sum / max(1, self.epoch_steps)

    def take_step(self, loss: float) -> None:
        """Count an optimizer step."""
        self.step += 1
        self.epoch_steps += 1
        self.loss_sum += loss

    def add(self, row: dict[str, float | int | None], *, val_loss: float) -> bool:
        """End an epoch with its figures; True when its validation loss is the lowest so far."""
        self.history.append(row)
        self.epoch_steps = 0
        self.loss_sum = 0.0
        if val_loss < self.best_loss:
            self.best_loss = val_loss
            self.best_epoch = self.epochs
            return True
        return False

    def state(self) -> dict[str, Any]:
        """All of it as plain values."""
        return asdict(self)

    def load(self, state: dict[str, Any]) -> None:
        """Take over what ``state`` gave."""
        for name, value in asdict(FitRecord(**state)).items():
            setattr(self, name, value)
