"""Which rows of the candles are used, and where the others went: before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.inputs import Inputs, collect_inputs
from runs_app.forecasting.data.labels import Labels, label_decisions
from runs_app.forecasting.data.ledger_rows import PartRows, RowLedger
from runs_app.forecasting.data.splits import LEAST_DECISIONS, PARTS, in_ms, split
from runs_app.forecasting.errors import DataInvalid
from runs_app.forecasting.utc import instant

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Decisions:
    """Decisions that have whole inputs and known outcomes (N), and the parts they fall into.

    ``valid``: int64 [N], their bars in ``inputs.decisions``. ``time``: int64 [N], ms UTC, when they
    are made. ``parts``: per part int64 indices into N.
    """

    inputs: Inputs
    labels: Labels
    valid: Int64Array
    time: Int64Array
    parts: dict[str, Int64Array]
    ledger: RowLedger


def lay_out(config: RunConfig, candles: Candles) -> Decisions:
    """Bars, labels and parts for a configuration; all candles are used. Refuses nothing."""
    inputs = collect_inputs(config, candles)
    labels = label_decisions(inputs.decisions, config.horizons, config.data.max_gap_bars)
    valid = np.flatnonzero(inputs.warm & ~labels.in_tail & ~labels.in_gap)
    time = inputs.decisions.available_at[valid]
    parts = split(config, time, labels.end_time[valid])
    used = sum(len(index) for index in parts.values())
    warm = int(inputs.warm.sum())
    tail = int((inputs.warm & labels.in_tail).sum())
    gap = int((inputs.warm & labels.in_gap).sum())
    ledger = RowLedger(
        decision_timeframe=config.data.decision_timeframe,
        candles=len(candles),
        decision_bars=len(inputs.decisions),
        warmup=len(inputs.decisions) - warm,
        tail=tail,
        gap=gap,
        between=warm - tail - gap - used,
        used=used,
        parts=tuple(_part(name, time[parts[name]]) for name in PARTS),
    )
    return Decisions(inputs, labels, valid, time, parts, ledger)


def ledger_of(config: RunConfig, candles: Candles) -> RowLedger:
    """The ledger of the chosen time of these candles, as a run with ``config`` would have it."""
    return lay_out(config, chosen_time(config, candles)).ledger


def chosen_time(config: RunConfig, candles: Candles) -> Candles:
    """The candles from the start to the end date; ``DataInvalid`` where there are none."""
    chosen = candles.between(_ms(config.data.start), _ms(config.data.end))
    if len(chosen) == 0:
        raise DataInvalid("the chosen time holds no candle; move the start date or the end date")
    return chosen


def _part(name: str, times: Int64Array) -> PartRows:
    return PartRows(
        name=name,
        decisions=len(times),
        needed=LEAST_DECISIONS[name],
        first=instant(times[0]) if len(times) else None,
        last=instant(times[-1]) if len(times) else None,
    )


def _ms(at: datetime | None) -> int | None:
    return None if at is None else in_ms(at)
