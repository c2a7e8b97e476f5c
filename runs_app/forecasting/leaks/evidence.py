"""What a run was made from and what it was made into: all that the leak sentinel looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.candles import MS, Candles

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]

COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Evidence:
    """A run's own arrays, not copies made for the check. S timeframes, N decisions in order.

    ``features``: per timeframe [bars_s, F_s], scaled, as the network is fed; ``last_bar``: per
    timeframe [N]; ``decision_bar`` [N] into the bars of the decision timeframe; ``decision_time``
    [N], ms UTC; ``target`` [N] log-returns; ``short_label``, ``long_label`` [N] directions;
    ``volatility`` [N, K] of the target; ``splits``: per part indices into N; ``scalers``: per
    timeframe names, mean and std.
    """

    config: RunConfig
    candles: Candles
    features: tuple[Float32Array, ...]
    last_bar: tuple[Int64Array, ...]
    decision_bar: Int64Array
    decision_time: Int64Array
    target: Float32Array
    short_label: Int64Array
    long_label: Int64Array
    volatility: Float32Array
    volatility_floor: float
    splits: Mapping[str, Int64Array]
    scalers: tuple[dict[str, Any], ...]

    @property
    def last_train_time(self) -> int:
        """The latest decision that is trained on, ms UTC: nothing is learnt from after it."""
        return int(self.decision_time[self.splits["train"]].max())


def closed_by(candles: Candles, moment: int) -> Candles:
    """The candles that had closed at ``moment`` (ms UTC), and none later."""
    return candles.between(None, moment - candles.bar_seconds * MS + 1)


def with_other_future(candles: Candles, moment: int, rng: np.random.Generator) -> Candles:
    """The same times, and the same candles up to ``moment``; from there on a market gone mad.

    Each later candle keeps its shape but moves to another price, up to hundreds of times as high
    or as low, and gets another volume.
    """
    known = len(closed_by(candles, moment))
    count = len(candles) - known
    factor = np.exp(rng.uniform(-6.0, 6.0, count))
    changed = {}
    for name in COLUMNS:
        values = getattr(candles, name).copy()
        values[known:] = values[known:] * factor + (rng.random(count) if name == "volume" else 0.0)
        changed[name] = values
    return replace(candles, **changed)


def ends_at(candles: Candles, moment: int) -> bool:
    """Whether a candle closes exactly at ``moment``, so that a cut leaves no bar half finished."""
    opens = moment - candles.bar_seconds * MS
    return len(candles.between(opens, opens + 1)) == 1


def ended_at(candles: Candles, moment: int) -> Candles:
    """The candles closed by ``moment``, and whatever is needed to know that it has come.

    Where no candle closes at ``moment``, a bar that does so looks unfinished until a later candle
    shows; that one is invented, at the time of the next in the file.
    """
    known = closed_by(candles, moment)
    if len(known) == len(candles) or ends_at(candles, moment):
        return known
    tick = slice(len(known), len(known) + 1)
    price = known.close[-1:]
    return replace(
        candles,
        open_time=np.append(known.open_time, candles.open_time[tick]),
        open=np.append(known.open, price),
        high=np.append(known.high, price),
        low=np.append(known.low, price),
        close=np.append(known.close, price),
        volume=np.append(known.volume, 0.0),
    )
