"""Mean and standard deviation per feature, learnt from the train part alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.data.features import Columns, Features
from runs_app.forecasting.progress import advance

CLIP = 10.0
"""Scaled values are cut at ten standard deviations: one crash must not swamp a batch."""

_CONSTANT = 1e-9
_BLOCK_BARS = 4096
_GROUP = 8

FloatArray = npt.NDArray[np.float64]


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
            out[:, i] = _scaled(values, mean, std, np.empty_like(values))
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
    found = [
        _moments(values[first:end], bounded=name in features.bounded)
        for name, values in features.columns.items()
    ]
    means, stds = zip(*found, strict=True)
    return Scaler(timeframe, features.names, means, stds)


def scale_columns(
    timeframe: str, columns: Columns, first: int, end: int
) -> tuple[Scaler, npt.NDArray[np.float32]]:
    """What ``fit_scaler`` learns and ``apply`` makes of it, float32 [bars, F], in one go.

    Columns are used up one at a time, and a few of them at a time are put side by side, so that
    beside the result only those few stand in memory.
    """
    names: list[str] = []
    moments: list[tuple[float, float]] = []
    out = np.empty((columns.bars, columns.width), np.float32)
    group = np.empty((_GROUP, columns.bars), np.float32)
    buffer = np.empty(columns.bars)
    for place, (name, values, bounded) in enumerate(columns):
        advance()
        names.append(name)
        moments.append(_moments(values[first:end], bounded=bounded))
        group[place % _GROUP] = _scaled(values, *moments[-1], buffer)
        waiting = place % _GROUP + 1
        if waiting == _GROUP or place + 1 == columns.width:
            _put_side_by_side(group[:waiting], out[:, place + 1 - waiting : place + 1])
    means, stds = zip(*moments, strict=True)
    return Scaler(timeframe, tuple(names), means, stds), out


def sample_columns(
    timeframe: str, columns: Columns, first: int, end: int, rows: npt.NDArray[np.int64]
) -> tuple[Scaler, Features]:
    """The scaler that ``scale_columns`` learns, and of the unscaled features only ``rows`` [R]."""
    kept: dict[str, FloatArray] = {}
    moments: list[tuple[float, float]] = []
    bounded: set[str] = set()
    for name, values, is_bounded in columns:
        advance()
        moments.append(_moments(values[first:end], bounded=is_bounded))
        kept[name] = values[rows]
        if is_bounded:
            bounded.add(name)
    means, stds = zip(*moments, strict=True)
    return Scaler(timeframe, tuple(kept), means, stds), Features(kept, frozenset(bounded))


def _moments(known: FloatArray, *, bounded: bool) -> tuple[float, float]:
    spread = float(known.std())
    if bounded:
        return 0.0, 1.0
    return float(known.mean()), 1.0 if spread < _CONSTANT else spread


def _scaled(values: FloatArray, mean: float, std: float, out: FloatArray) -> FloatArray:
    np.subtract(values, mean, out=out)
    np.divide(out, std, out=out)
    return np.clip(out, -CLIP, CLIP, out=out)


def _put_side_by_side(columns: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
    """Columns [F, bars] into ``out`` [bars, F], a block at a time that fits into the cache."""
    for begin in range(0, len(out), _BLOCK_BARS):
        rows = slice(begin, begin + _BLOCK_BARS)
        out[rows] = columns[:, rows].T
