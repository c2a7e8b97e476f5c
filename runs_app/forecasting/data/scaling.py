"""Mean and standard deviation per feature, learnt from the train part alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.data.features import Features

CLIP = 10.0
"""Scaled values are cut at ten standard deviations: one crash must not swamp a batch."""

_CONSTANT = 1e-9


@dataclass(frozen=True)
class Scaler:
    """One timeframe's scaling: ``(x - mean) / std`` per feature, cut at ``CLIP``."""

    timeframe: str
    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def apply(self, features: Features) -> npt.NDArray[np.float32]:
        """Scaled values [bars, F], float32, contiguous; column by column, to spare memory."""
        columns = [features.columns[name] for name in self.names]
        out = np.empty((len(columns[0]), len(columns)), np.float32)
        for i, (values, mean, std) in enumerate(zip(columns, self.mean, self.std, strict=True)):
            out[:, i] = np.clip((values - mean) / std, -CLIP, CLIP)
        return out

    def as_dict(self) -> dict[str, Any]:
        """Plain strings, lists and floats, for the checkpoint."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """What ``as_dict`` wrote."""
        return cls(
            timeframe=values["timeframe"],
            names=tuple(values["names"]),
            mean=tuple(values["mean"]),
            std=tuple(values["std"]),
        )


def fit_scaler(timeframe: str, features: Features, first: int, end: int) -> Scaler:
    """Learn from the rows ``first`` to ``end`` (exclusive): warm, and known to the train part.

    Bounded features (calendar) stay as they are; a feature that never changes becomes zero.
    """
    means, stds = [], []
    for name, values in features.columns.items():
        known = values[first:end]
        spread = float(known.std())
        bounded = name in features.bounded
        means.append(0.0 if bounded else float(known.mean()))
        stds.append(1.0 if bounded or spread < _CONSTANT else spread)
    return Scaler(timeframe, features.names, tuple(means), tuple(stds))
