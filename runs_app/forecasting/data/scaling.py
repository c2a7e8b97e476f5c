"""Mean and standard deviation per feature, learnt from the train part alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.data.features import Features

FloatArray = npt.NDArray[np.float64]

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

    def apply(self, values: FloatArray) -> npt.NDArray[np.float32]:
        """Scale [bars, F] float64 to [bars, F] float32."""
        out = (values - np.asarray(self.mean)) / np.asarray(self.std)
        scaled: npt.NDArray[np.float32] = np.clip(out, -CLIP, CLIP, out=out).astype(np.float32)
        return scaled

    def as_dict(self) -> dict[str, Any]:
        """Plain strings, lists and floats, for the checkpoint."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}


def fit_scaler(timeframe: str, features: Features, first: int, end: int) -> Scaler:
    """Learn from the rows ``first`` to ``end`` (exclusive): warm, and known to the train part.

    Bounded features (calendar) stay as they are; a feature that never changes becomes zero.
    """
    rows = features.values[first:end]
    bounded = np.asarray(features.bounded)
    mean = np.where(bounded, 0.0, rows.mean(axis=0))
    spread = rows.std(axis=0)
    std = np.where(bounded | (spread < _CONSTANT), 1.0, spread)
    return Scaler(timeframe, features.names, tuple(mean.tolist()), tuple(std.tolist()))
