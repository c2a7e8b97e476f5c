"""From the newest candles to what a trained network is fed: only bars that have closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.data.candles import MS, Candles
from runs_app.forecasting.data.faults import utc_text
from runs_app.forecasting.data.inputs import (
    Inputs,
    collect_inputs,
    features_of,
    volatility_forecast,
    volatility_per_bar,
)
from runs_app.forecasting.data.inspect import bar_name
from runs_app.forecasting.data.resample import Bars
from runs_app.forecasting.data.warmup import WARMUP_BARS
from runs_app.forecasting.data.windows import feature_tensor, gather
from runs_app.forecasting.errors import DataInvalid
from runs_app.forecasting.prediction.model import TrainedModel

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

MAX_DECISIONS = 100_000
"""Decisions of one call; more are a backtest, and a run has one already."""


@dataclass(frozen=True)
class DecisionInputs:
    """N decisions in order of time.

    ``features`` and ``last_bar`` are as in ``PreparedData``, so that windows are gathered as in
    training. ``volatility`` float32 [N, K]: causal standard deviations of the target, log-return.
    ``decision_time``, ``target_time`` int64 [N] (ms UTC); ``close`` [N]: price at the decision.
    ``recent``: the decision bars that end with the last decision, for a chart. ``notes``: what was
    left out and why, sentences.
    """

    features: tuple[Tensor, ...]
    last_bar: tuple[Tensor, ...]
    volatility: Tensor
    decision_time: Int64Array
    target_time: Int64Array
    close: FloatArray
    recent: Bars
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.decision_time)

    def windows(self, rows: Tensor, context_bars: int) -> list[Tensor]:
        """S windows [B, L, F] of the decisions ``rows`` [B]."""
        return gather(self.features, self.last_bar, rows, context_bars)


def closed_candles(
    candles: Candles, *, now: datetime, written_at: datetime | None
) -> tuple[Candles, tuple[str, ...]]:
    """The candles that had closed at ``now`` and when the file was written, and a note on others.

    An exchange hands out the running candle as the last row; its close is not a close yet.
    ``written_at`` is when the file was last changed: what had not closed by then was still running.
    """
    known_until = now if written_at is None else min(now, written_at)
    limit = int(known_until.timestamp() * 1000) - candles.bar_seconds * MS
    closed = candles.between(None, limit + 1)
    dropped = len(candles) - len(closed)
    if not dropped:
        return candles, ()
    reason = "now" if known_until == now else "when the file was written"
    first = utc_text(int(candles.open_time[len(closed)]))
    return closed, (
        f"{dropped:,} candle(s) from {first} UTC on left out: not closed yet {reason} "
        f"({known_until:%Y-%m-%d %H:%M:%S} UTC)",
    )


def decision_inputs(model: TrainedModel, candles: Candles, *, last: int) -> DecisionInputs:
    """Inputs of the ``last`` newest decisions (fewer where the candles do not reach back).

    Raises ``DataInvalid`` where the candles are too few or of the wrong length.
    """
    config = model.config
    _check_bars(config, candles)
    inputs = collect_inputs(config, candles)
    ready = np.flatnonzero(inputs.warm)
    if len(ready) == 0:
        raise DataInvalid(_too_short(config, inputs))
    chosen = ready[-last:]
    features = []
    for bars, scaler in zip(inputs.all_bars, model.scalers, strict=True):
        features.append(feature_tensor(torch.from_numpy(scaler.apply(features_of(config, bars)))))
    per_bar = volatility_per_bar(inputs.decisions)[chosen]
    times = inputs.decisions.available_at[chosen]
    ahead = config.horizons.next_bars * duration_seconds(config.data.decision_timeframe) * MS
    return DecisionInputs(
        features=tuple(features),
        last_bar=tuple(torch.from_numpy(last_seen[chosen]) for last_seen in inputs.visible),
        volatility=torch.from_numpy(volatility_forecast(config, per_bar, model.volatility_floor)),
        decision_time=times,
        target_time=times + ahead,
        close=inputs.decisions.close[chosen],
        recent=inputs.decisions,
        notes=_notes(inputs, int(chosen[-1])),
    )


def _check_bars(config: RunConfig, candles: Candles) -> None:
    if len(candles) == 0:
        raise DataInvalid("no candle has closed yet, so there is nothing to forecast from")
    wrong = [
        name
        for name in config.data.ordered_timeframes
        if duration_seconds(name) % candles.bar_seconds
    ]
    if wrong:
        raise DataInvalid(
            f"the model sees bars of {', '.join(config.data.ordered_timeframes)}, and "
            f"{' and '.join(wrong)} cannot be made from candles of "
            f"{bar_name(candles.bar_seconds)}; give candles of {wrong[0]} or shorter"
        )


def _too_short(config: RunConfig, inputs: Inputs) -> str:
    needed = WARMUP_BARS + config.model.context_bars
    seen = [
        (bars, int(last[-1]) + 1 if len(last) else 0)
        for bars, last in zip(inputs.all_bars, inputs.visible, strict=True)
    ]
    bars, have = next((bars, have) for bars, have in reversed(seen) if have < needed)
    return (
        f"a forecast needs {needed:,} closed bars of {bars.timeframe} ({WARMUP_BARS} for warm-up, "
        f"{config.model.context_bars} for the context), and these candles make {have:,}; give a "
        "file that reaches further back"
    )


def _notes(inputs: Inputs, newest: int) -> tuple[str, ...]:
    """Says so where the last decision is older than the newest decision bar."""
    behind = len(inputs.decisions) - 1 - newest
    if not behind:
        return ()
    return (f"the newest {behind:,} decision bar(s) lack a whole context in some timeframe",)


def utc_now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)
