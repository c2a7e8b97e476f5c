"""From a configuration to tensors: the one way from a candle file to what the network is fed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.allocation import keeping_freed_memory
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.faults import utc_text
from runs_app.forecasting.data.inputs import (
    Inputs,
    columns_of,
    learnt_bars,
    volatility_forecast,
    volatility_per_bar,
)
from runs_app.forecasting.data.inspect import check_against, facts_of
from runs_app.forecasting.data.ledger import chosen_time, lay_out
from runs_app.forecasting.data.ledger_rows import RowLedger
from runs_app.forecasting.data.loading import load_candles
from runs_app.forecasting.data.resample import Bars
from runs_app.forecasting.data.scaling import Scaler, scale_columns
from runs_app.forecasting.data.source import source_path
from runs_app.forecasting.data.volatility import floor_of
from runs_app.forecasting.data.warmup import WARMUP_BARS
from runs_app.forecasting.data.windows import feature_tensor
from runs_app.forecasting.errors import ConfigInvalid, DataInvalid
from runs_app.forecasting.progress import advance

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PreparedData:
    """All that training needs. S timeframes from the shortest bar on, N valid decisions in order.

    ``features``: per timeframe float32 [bars_s, F_s], scaled; ``feature_names``: [F_s].
    ``last_bar``: per timeframe int64 [N], the last bar closed by the decision.
    ``bars``: all closed bars of the decision timeframe, unused ones too; ``decision_bar``: int64
    [N], the bar in them at whose close a decision is made. ``candles``: what all of it was made
    from, for the leak sentinel.
    ``decision_time``: int64 [N], ms UTC, the close of the decision bar; ``close``: its price [N].
    ``target``: float32 [N], log-return over the next bars. ``volatility``: float32
    [N, K], its standard deviation as each of the ``HALF_LIVES_BARS`` has it at the decision, above
    zero; ``volatility_floor``: the least one of a single bar, learnt on the train part.
    ``short_label``, ``long_label``: int64 [N], 0 down, 1 flat, 2 up. ``splits``: per part int64
    indices into N; a decision near a border is in none. ``scalers``: plain data for the checkpoint.
    ``notes``: lines for the log. ``ledger``: where every row went. ``fingerprint``: SHA-256 of all
    candles of the file, and ``source_sha256`` of its bytes; both empty for candles that came from
    none.
    """

    timeframes: tuple[str, ...]
    features: tuple[Tensor, ...]
    feature_names: tuple[tuple[str, ...], ...]
    last_bar: tuple[Tensor, ...]
    bars: Bars
    decision_bar: Int64Array
    decision_time: Int64Array
    close: FloatArray
    target: Tensor
    volatility: Tensor
    volatility_floor: float
    short_label: Tensor
    long_label: Tensor
    splits: Mapping[str, Tensor]
    scalers: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    candles: Candles
    ledger: RowLedger
    fingerprint: str = ""
    source_sha256: str = ""


def prepare(config: RunConfig, data_root: Path) -> PreparedData:
    """Read, resample, compute features, label, split and scale.

    ``config.data.source`` is a path relative to ``data_root``, or absolute. Raises ``DataInvalid``
    when the file is at fault or too little is left, ``ConfigInvalid`` with field paths when the
    configuration asks for what the file does not hold.
    """
    loaded = load_candles(
        source_path(config.data.source, data_root),
        repair=config.data.repair,
        reading=config.data.reading,
    )
    advance()
    errors = check_against(config, facts_of(loaded.candles))
    if errors:
        raise ConfigInvalid(errors)
    notes = (*loaded.notes, f"the candles of the file have the SHA-256 {loaded.fingerprint}")
    return prepare_candles(
        config,
        chosen_time(config, loaded.candles),
        notes,
        fingerprint=loaded.fingerprint,
        source_sha256=loaded.source_sha256,
    )


@keeping_freed_memory()
def prepare_candles(
    config: RunConfig,
    candles: Candles,
    notes: tuple[str, ...] = (),
    *,
    fingerprint: str = "",
    source_sha256: str = "",
) -> PreparedData:
    """``prepare`` for candles in memory; all of them are used. Raises ``DataInvalid``."""
    made = lay_out(config, candles)
    advance()
    if made.ledger.problem:
        raise DataInvalid(made.ledger.problem)
    inputs, labels, valid, parts = made.inputs, made.labels, made.valid, made.parts
    decisions = inputs.decisions
    last_train = int(valid[parts["train"][-1]])
    tensors, scalers = _scaled_features(config, inputs, last_train)
    per_bar = volatility_per_bar(decisions)
    floor = floor_of(per_bar[WARMUP_BARS : last_train + 1])
    return PreparedData(
        timeframes=config.data.ordered_timeframes,
        features=tensors,
        feature_names=tuple(scaler.names for scaler in scalers),
        last_bar=tuple(torch.from_numpy(last[valid]) for last in inputs.visible),
        bars=decisions,
        decision_bar=valid,
        decision_time=made.time,
        close=decisions.close[valid],
        target=torch.from_numpy(labels.target[valid].astype(np.float32)),
        volatility=torch.from_numpy(volatility_forecast(config, per_bar[valid], floor)),
        volatility_floor=floor,
        short_label=torch.from_numpy(labels.short[valid]),
        long_label=torch.from_numpy(labels.long[valid]),
        splits={part: torch.from_numpy(index) for part, index in parts.items()},
        scalers=tuple(scaler.as_dict() for scaler in scalers),
        notes=(
            *notes,
            *_bar_notes(inputs.all_bars),
            *made.ledger.lines(),
            *_span_notes(parts, made.time),
        ),
        candles=candles,
        ledger=made.ledger,
        fingerprint=fingerprint,
        source_sha256=source_sha256,
    )


def _scaled_features(
    config: RunConfig, inputs: Inputs, last_train: int
) -> tuple[tuple[Tensor, ...], list[Scaler]]:
    """Scaled features per timeframe; scalers see only bars closed by the last train decision."""
    tensors, scalers = [], []
    for bars, last in zip(inputs.all_bars, inputs.visible, strict=True):
        scaler, values = scale_columns(
            bars.timeframe,
            columns_of(config, bars),
            *learnt_bars(last, last_train),
        )
        scalers.append(scaler)
        tensors.append(feature_tensor(torch.from_numpy(values)))
        advance()
    return tuple(tensors), scalers


def _bar_notes(all_bars: tuple[Bars, ...]) -> tuple[str, ...]:
    return tuple(
        f"{bars.timeframe}: {len(bars):,} bars, of which the first {WARMUP_BARS} are warm-up"
        for bars in all_bars
    )


def _span_notes(parts: dict[str, Int64Array], decision_time: Int64Array) -> tuple[str, ...]:
    return tuple(
        f"{part}: {len(index):,} decisions from {utc_text(int(decision_time[index[0]]))} to "
        f"{utc_text(int(decision_time[index[-1]]))}"
        for part, index in parts.items()
    )
