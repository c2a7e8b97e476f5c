"""What has been reached so far."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class FitRecord:
    """History and best epoch of one fit; epochs count from 1."""

    history: list[dict[str, float | int | None]] = field(default_factory=list)
    best_epoch: int | None = None
    best_loss: float = float("inf")
    stopped_early: bool = False

    @property
    def epochs(self) -> int:
        """Epochs finished."""
        return len(self.history)

    @property
    def epochs_without_gain(self) -> int:
        """Epochs since the best one."""
        return self.epochs - (self.best_epoch or 0)

    def add(self, row: dict[str, float | int | None], *, val_loss: float) -> bool:
        """Add an epoch's figures; True when its validation loss is the lowest so far."""
        self.history.append(row)
        if val_loss < self.best_loss:
            self.best_loss = val_loss
            self.best_epoch = self.epochs
            return True
        return False
