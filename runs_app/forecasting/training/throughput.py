"""How fast the fit goes, and how long it will still take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

SMOOTHING = 0.3
"""Weight of the newest measurement; the rest is what was measured before."""


@dataclass
class Throughput:
    """Measures seconds per step and per validation. ``evaluation_share`` is how many validations'
    worth of work the scoring after the last epoch is."""

    steps_per_epoch: int
    max_epochs: int
    evaluation_share: float
    seconds_per_step: float | None = None
    seconds_per_validation: float = 0.0
    _since: float = field(default_factory=time.perf_counter)
    _step: int = 0

    def restart(self, step: int) -> None:
        """Start the clock after ``step`` steps: what lay before was no training."""
        self._since = time.perf_counter()
        self._step = step

    def measure(self, step: int) -> None:
        """Take the time since the last measurement into account."""
        now = time.perf_counter()
        steps = step - self._step
        if steps <= 0:
            return
        newest = (now - self._since) / steps
        known = self.seconds_per_step
        self.seconds_per_step = newest if known is None else known + SMOOTHING * (newest - known)
        self._since, self._step = now, step

    def steps_per_second(self) -> float | None:
        """Optimizer steps per second of training, validation left out."""
        return None if not self.seconds_per_step else 1.0 / self.seconds_per_step

    def eta_seconds(self, step: int) -> float | None:
        """Seconds to the end when no early stopping comes, validations and scoring included."""
        if self.seconds_per_step is None:
            return None
        left = self.steps_per_epoch * self.max_epochs - step
        validations = self.max_epochs - step // self.steps_per_epoch
        waiting = (validations + self.evaluation_share) * self.seconds_per_validation
        return max(0.0, left * self.seconds_per_step + waiting)
