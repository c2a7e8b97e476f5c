"""Every input of the network over the last bars of each timeframe, as it would be computed."""

from __future__ import annotations

import numpy as np

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.counted import counted
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.features import Column
from runs_app.forecasting.data.inputs import bars_of, columns_of
from runs_app.forecasting.data.resample import Bars
from runs_app.forecasting.data.warmup import WARMUP_BARS
from runs_app.forecasting.errors import DataInvalid
from runs_app.forecasting.preview.documents import FeatureColumn, FeatureGroup, FeaturePreview

SHOWN_BARS = 240


def preview_features(config: RunConfig, candles: Candles) -> FeaturePreview:
    """All timeframes of the configuration. Raises ``DataInvalid`` where one has no usable bar."""
    groups = []
    for timeframe in config.data.ordered_timeframes:
        bars = bars_of(config, candles, timeframe)
        if len(bars) <= WARMUP_BARS:
            raise DataInvalid(
                f"the chosen time has {counted(len(bars), 'bar')} of {timeframe}, and the first "
                f"{WARMUP_BARS:,} are warm-up; choose more time or leave {timeframe} out"
            )
        groups.append(_group(config, bars))
    return FeaturePreview(groups=tuple(groups), warmup_bars=WARMUP_BARS)


def _group(config: RunConfig, bars: Bars) -> FeatureGroup:
    start = max(WARMUP_BARS, len(bars) - SHOWN_BARS)
    prices = np.stack([bars.open, bars.high, bars.low, bars.close], axis=1)[start:]
    return FeatureGroup(
        timeframe=bars.timeframe,
        bars=len(bars),
        first_close=int(bars.available_at[start]),
        last_close=int(bars.available_at[-1]),
        candles=tuple((float(o), float(h), float(low), float(c)) for o, h, low, c in prices),
        columns=tuple(_column(column, start) for column in columns_of(config, bars)),
    )


def _column(column: Column, start: int) -> FeatureColumn:
    used = column.values[WARMUP_BARS:]
    known = np.isfinite(used)
    finite = used[known]
    return FeatureColumn(
        name=column.name,
        values=tuple(
            float(value) if np.isfinite(value) else None for value in column.values[start:]
        ),
        minimum=float(finite.min()) if len(finite) else None,
        maximum=float(finite.max()) if len(finite) else None,
        mean=float(finite.mean()) if len(finite) else None,
        missing=int((~known).sum()),
    )
