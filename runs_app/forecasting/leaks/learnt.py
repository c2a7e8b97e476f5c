"""The check of what is learnt from data before training: scalers and the floor of the volatility.

The run's candles are ended at the last train decision and go through the run's own code again. What
was learnt must come out the same, and so must every value that the train part is fed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runs_app.forecasting.data.features import Features
from runs_app.forecasting.data.inputs import (
    Inputs,
    collect_inputs,
    features_of,
    volatility_forecast,
    volatility_per_bar,
)
from runs_app.forecasting.data.scaling import Scaler, fit_scaler
from runs_app.forecasting.data.volatility import floor_of
from runs_app.forecasting.data.warmup import WARMUP_BARS
from runs_app.forecasting.leaks.evidence import Evidence, Float32Array, ended_at
from runs_app.forecasting.progress import advance

RELATIVE = 1e-9
"""The same numbers added in another order; anything learnt from later rows differs by far more."""


@dataclass(frozen=True)
class Learnt:
    """What was compared, and sentences on what differs."""

    scalers: int
    values: int
    faults: tuple[str, ...]
    different: tuple[str, ...]


def learn_again(evidence: Evidence) -> Learnt:
    """Learn from the candles known at the last train decision alone, and compare."""
    moment = evidence.last_train_time
    inputs = collect_inputs(evidence.config, ended_at(evidence.candles, moment))
    trained = int(evidence.splits["train"][-1])
    faults, different = [], []
    columns = values = 0
    for slot, bars in enumerate(inputs.all_bars):
        end = int(evidence.last_bar[slot][trained]) + 1
        used = Scaler.from_dict(evidence.scalers[slot])
        if end > len(bars):
            faults.append(f"the scaler of {bars.timeframe} reaches to bars not closed by then")
            continue
        features = features_of(evidence.config, bars)
        changed = _changed(used, features, evidence.features[slot], end)
        faults += _scaler_faults(used, features, end, leaving_out=changed)
        different += [f"{name} of {bars.timeframe}" for name in changed]
        advance()
        columns += len(used.names)
        values += len(used.names) * (end - WARMUP_BARS)
    faults += _volatility_faults(evidence, inputs, trained)
    return Learnt(columns, values, tuple(faults), tuple(different))


def _changed(used: Scaler, features: Features, fed: Float32Array, end: int) -> list[str]:
    """Features that are not what the train part is fed, to the bit; one by one, to spare memory."""
    found = []
    for i, (name, mean, std) in enumerate(zip(used.names, used.mean, used.std, strict=True)):
        one = Scaler(used.timeframe, (name,), (mean,), (std,))
        again = one.apply(Features({name: features.columns[name]}, features.bounded))
        if not np.array_equal(again[WARMUP_BARS:end, 0], fed[WARMUP_BARS:end, i]):
            found.append(name)
    return found


def _scaler_faults(
    used: Scaler, features: Features, end: int, *, leaving_out: list[str]
) -> list[str]:
    """Features whose mean or deviation is not that of the warm rows known to the train part.

    A feature that itself changed with what came later is not counted a second time.
    """
    again = fit_scaler(used.timeframe, features, WARMUP_BARS, end)
    if used.names != again.names:
        return [f"the scaler of {used.timeframe} has other features"]
    faults = []
    for name, *numbers in zip(used.names, used.mean, used.std, again.mean, again.std, strict=True):
        mean, deviation, mean_again, deviation_again = numbers
        same = np.isclose(mean, mean_again, rtol=RELATIVE, atol=RELATIVE * deviation_again)
        same = same and np.isclose(deviation, deviation_again, rtol=RELATIVE, atol=0.0)
        if not same and name not in leaving_out:
            faults.append(
                f"{name} of {used.timeframe} is scaled by mean {mean:.6g} and deviation "
                f"{deviation:.6g}, and the train part gives {mean_again:.6g} and "
                f"{deviation_again:.6g}"
            )
    return faults


def _volatility_faults(evidence: Evidence, inputs: Inputs, trained: int) -> list[str]:
    """Whether the floor, or a train row's volatility forecast, knows more than the train part."""
    per_bar = volatility_per_bar(inputs.decisions)
    rows = evidence.decision_bar[: trained + 1]
    floor = floor_of(per_bar[WARMUP_BARS : int(rows[-1]) + 1])
    faults = []
    if not np.isclose(floor, evidence.volatility_floor, rtol=RELATIVE, atol=0.0):
        faults.append(
            f"the floor of the volatility is {evidence.volatility_floor:.6g}, and the train part "
            f"gives {floor:.6g}"
        )
    again = volatility_forecast(evidence.config, per_bar[rows], floor)
    if not np.array_equal(again, evidence.volatility[: trained + 1]):
        faults.append("the volatility forecast of train decisions changes with what comes later")
    return faults
