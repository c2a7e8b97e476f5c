"""What a run's network was fed at some of its decisions: found again from the candles.

The run's own way is gone once more (``data/ledger``, ``data/inputs``, ``data/scaling``); nothing is
joined here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.config.half_lives import HALF_LIVES_BARS
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.features import Features
from runs_app.forecasting.data.inputs import (
    columns_of,
    learnt_bars,
    volatility_forecast,
    volatility_per_bar,
)
from runs_app.forecasting.data.labels import outcome_bars
from runs_app.forecasting.data.ledger import Decisions, lay_out
from runs_app.forecasting.data.resample import Bars
from runs_app.forecasting.data.scaling import CLIP, Scaler, sample_columns
from runs_app.forecasting.data.volatility import floor_of
from runs_app.forecasting.data.warmup import WARMUP_BARS
from runs_app.forecasting.decision.documents import (
    Candle,
    FeatureValue,
    Inputs,
    TimeframeSeen,
    VolatilitySeen,
)
from runs_app.forecasting.errors import DataInvalid
from runs_app.forecasting.evaluation.judged_rows import FedWith, JudgedRows
from runs_app.forecasting.evaluation.predictive import FloatArray

Int64Array = npt.NDArray[np.int64]

RELATIVE = 1e-9
"""By so much a mean may differ that another processor adds up in another order."""


@dataclass(frozen=True)
class Come:
    """When an outcome of R decisions was known [R], ms UTC, and the price then [R]."""

    at: Int64Array
    price: FloatArray


@dataclass(frozen=True)
class Known:
    """``inputs`` of R decisions, and what came of them: ``next``, ``short``, ``long``."""

    inputs: tuple[Inputs, ...]
    came: dict[str, Come]


def known_at(config: RunConfig, candles: Candles, judged: JudgedRows, chosen: slice) -> Known:
    """What was fed at the decisions ``chosen`` of ``judged``, the test part of the run.

    ``candles``: the chosen time of the run's. Raises ``DataInvalid`` where they do not give the
    decisions, prices, outcomes and scalers that the run recorded: what is shown is what was fed, or
    nothing is.
    """
    made = lay_out(config, candles)
    if made.ledger.problem or not _same_decisions(made, judged):
        raise DataInvalid(
            "this version of the product makes other decisions of these candles than the one that "
            "judged the run, so what the network was fed cannot be shown"
        )
    decided = made.valid[made.parts["test"][chosen]]
    last_train = int(made.valid[made.parts["train"][-1]])
    scalers = judged.fed.scalers if judged.fed else (None,) * len(made.inputs.all_bars)
    seen = [
        _timeframe(config, bars, visible, decided, last_train, recorded)
        for bars, visible, recorded in zip(
            made.inputs.all_bars, made.inputs.visible, scalers, strict=True
        )
    ]
    volatilities = _volatilities(config, made, decided, last_train, judged.fed)
    bars = made.inputs.decisions
    return Known(
        tuple(
            Inputs(timeframes=tuple(one[place] for one in seen), volatilities=volatilities[place])
            for place in range(len(decided))
        ),
        {
            name: Come(until, bars.close[known])
            for name, (until, known) in outcome_bars(bars, decided, config.horizons).items()
        },
    )


def _same_decisions(made: Decisions, judged: JudgedRows) -> bool:
    """Whether times, prices and outcomes of the whole test part are those that were judged."""
    bars = made.valid[made.parts["test"]]
    target = made.labels.target[bars].astype(np.float32)
    return (
        np.array_equal(made.inputs.decisions.available_at[bars], judged.time)
        and np.array_equal(made.inputs.decisions.close[bars], judged.close)
        and np.array_equal(target, judged.y.astype(np.float32))
    )


def _timeframe(
    config: RunConfig,
    bars: Bars,
    visible: Int64Array,
    decided: Int64Array,
    last_train: int,
    recorded: dict[str, object] | None,
) -> list[TimeframeSeen]:
    """What was visible of one timeframe at the bars ``decided`` [R] of the decision timeframe."""
    last = visible[decided]
    learnt = learnt_bars(visible, last_train)
    scaler, raw = sample_columns(bars.timeframe, columns_of(config, bars), *learnt, last)
    if recorded is not None:
        found, scaler = scaler, Scaler.from_dict(recorded)
        if not _agree(found, scaler):
            raise DataInvalid(
                f"this version of the product computes other inputs of {bars.timeframe} than the "
                "one that trained the run, so what the network was fed cannot be shown"
            )
    scaled = scaler.apply(raw)  # [R, F]
    oldest = last - (config.model.context_bars - 1)
    return [
        TimeframeSeen(
            timeframe=bars.timeframe,
            last=_candle(bars, int(bar)),
            coming=_candle(bars, int(bar) + 1) if bar + 1 < len(bars) else None,
            first_open=int(bars.open_time[oldest[place]]),
            features=_features(scaler, raw, scaled[place], place),
        )
        for place, bar in enumerate(last)
    ]


def _features(
    scaler: Scaler, raw: Features, scaled: npt.NDArray[np.float32], place: int
) -> tuple[FeatureValue, ...]:
    return tuple(
        FeatureValue(
            name=name,
            raw=float(raw.columns[name][place]),
            scaled=float(value),
            is_cut=bool(abs(value) >= CLIP),
            mean=mean,
            std=std,
        )
        for name, value, mean, std in zip(
            scaler.names, scaled, scaler.mean, scaler.std, strict=True
        )
    )


def _agree(found: Scaler, recorded: Scaler) -> bool:
    """Whether the candles give the recorded means and deviations again."""
    if found.names != recorded.names:
        return False
    deviation = np.array(recorded.std)
    off = np.abs(np.array(found.mean) - np.array(recorded.mean)) / deviation
    wide = np.abs(np.array(found.std) - deviation) / deviation
    return bool(max(off.max(), wide.max()) <= RELATIVE)


def _candle(bars: Bars, bar: int) -> Candle:
    return Candle(
        open_time=int(bars.open_time[bar]),
        available_at=int(bars.available_at[bar]),
        open=float(bars.open[bar]),
        high=float(bars.high[bar]),
        low=float(bars.low[bar]),
        close=float(bars.close[bar]),
        volume=float(bars.volume[bar]),
    )


def _volatilities(
    config: RunConfig,
    made: Decisions,
    decided: Int64Array,
    last_train: int,
    fed: FedWith | None,
) -> list[tuple[VolatilitySeen, ...]]:
    """The volatilities [R, K] of the return over the next bars, as the heads get them."""
    per_bar = volatility_per_bar(made.inputs.decisions)
    if fed is None:
        train = made.labels.target[made.valid[made.parts["train"]]].astype(np.float32)
        floor = floor_of(per_bar[WARMUP_BARS : last_train + 1])
        unit = float(train.astype(np.float64).std())
    else:
        floor, unit = fed.volatility_floor, fed.target_scale
    deviation = volatility_forecast(config, per_bar[decided], floor)
    logs = np.log(deviation / np.float32(unit))
    return [
        tuple(
            VolatilitySeen(half_life_bars=bars, deviation=float(one), fed=float(log))
            for bars, one, log in zip(HALF_LIVES_BARS, row, row_logs, strict=True)
        )
        for row, row_logs in zip(deviation, logs, strict=True)
    ]
