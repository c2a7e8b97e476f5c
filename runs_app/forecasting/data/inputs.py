"""What a network is fed at each decision: the one way from candles to it, to train and to predict.

Nothing here knows a label, so that a decision whose outcome lies in the future has inputs too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.config.half_lives import HALF_LIVES_BARS
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.features import Columns, Features, compute_features
from runs_app.forecasting.data.resample import Bars, last_visible, resample, resample_all
from runs_app.forecasting.data.volatility import ewma_variance, log_returns
from runs_app.forecasting.data.warmup import WARMUP_BARS

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Inputs:
    """Bars of S timeframes from the shortest on, and what is visible of them at each decision.

    ``decisions``: the bars at whose closes decisions are made. ``visible``: per timeframe, for each
    of those [bars] the last bar closed by then, -1 where none is. ``warm`` [bars]: whether every
    timeframe has its warm-up and a whole context behind it.
    """

    all_bars: tuple[Bars, ...]
    decisions: Bars
    visible: tuple[Int64Array, ...]
    warm: BoolArray


def collect_inputs(config: RunConfig, candles: Candles) -> Inputs:
    """Resample to every timeframe and join by the instants at which bars become known."""
    made = resample_all(candles, config.data.ordered_timeframes)
    all_bars = tuple(_as_configured(config, bars) for bars in made)
    decisions = all_bars[config.data.ordered_timeframes.index(config.data.decision_timeframe)]
    visible = tuple(last_visible(bars, decisions.available_at) for bars in all_bars)
    warm = np.ones(len(decisions), np.bool_)
    for last in visible:
        warm &= last >= WARMUP_BARS + config.model.context_bars - 1
    return Inputs(all_bars, decisions, visible, warm)


def bars_of(config: RunConfig, candles: Candles, timeframe: str) -> Bars:
    """The bars of one timeframe, without their realised variance where that is switched off."""
    return _as_configured(config, resample(candles, timeframe))


def _as_configured(config: RunConfig, bars: Bars) -> Bars:
    return bars if config.features.realised else replace(bars, realised=None)


def learnt_bars(visible: Int64Array, last_train: int) -> tuple[int, int]:
    """Which bars of a timeframe a scaler learns from, the first and one past the last.

    They are warm, and closed by the last decision of the training part, which is the bar
    ``last_train`` of the decision timeframe. ``visible`` is one of ``Inputs.visible``.
    """
    return WARMUP_BARS, int(visible[last_train]) + 1


def features_of(config: RunConfig, bars: Bars) -> Features:
    """The unscaled features of one timeframe's bars."""
    return compute_features(bars, config.features)


def columns_of(config: RunConfig, bars: Bars) -> Columns:
    """The same, one column at a time."""
    return Columns(bars, config.features)


def volatility_per_bar(decisions: Bars) -> FloatArray:
    """Causal volatilities of one decision bar's log-return, known at its close [bars, K].

    One for each of ``HALF_LIVES_BARS``: from the bars' realised variance where there is one, else
    from squared returns.
    """
    measured = decisions.realised
    variance = log_returns(decisions.close) ** 2 if measured is None else measured
    return np.sqrt(np.stack([ewma_variance(variance, h) for h in HALF_LIVES_BARS], axis=1))


def volatility_forecast(config: RunConfig, per_bar: FloatArray, floor: float) -> Float32Array:
    """Standard deviations of the target as each half-life has them [bars, K], above zero."""
    scaled = np.maximum(per_bar, floor) * np.sqrt(config.horizons.next_bars)
    forecast: Float32Array = scaled.astype(np.float32)
    return forecast
