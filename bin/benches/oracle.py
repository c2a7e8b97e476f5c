"""How much of what can be known of synthetic candles a tiny run comes to know.

The bundled sample is a GARCH(1,1) whose true conditional distribution is known. Measured is the
share of the distance in test NLL, between the constant Student-t that fits the training part best
and the truth, that a run closes: five runs of the preset ``tiny`` as it stands, each with candles
and weights of its own seed, trained by ``training.fit.run`` on a written file of 86,400 candles.
Beside the share the run scored stands what is expected of its forecasts over all the truth could
bring, which is free of the luck of one test part. About a minute a run on a free core.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from launcher.figures import Figure
from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.config.document import to_yaml
from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.data.sample import (
    DEFAULT_BARS,
    DEGREES_OF_FREEDOM,
    FILE_NAME,
    FIRST_OPEN_MS,
    simulate,
    write_sample,
)
from runs_app.forecasting.evaluation.predictive import Family, FloatArray, Predictive
from runs_app.forecasting.evaluation.scores import nll, quantile
from runs_app.forecasting.training import fit

SEEDS = (1, 2, 3, 4, 5)
LEAST_SHARE = 0.9
_MINUTE_MS = 1000 * duration_seconds("1m")
_LEVELS = (np.arange(100) + 0.5) / 100
"""The truth's quantiles by which an expectation is taken."""


@dataclass(frozen=True)
class Shares:
    """Parts of the distance from the constant to the truth that a run closed: 1 is all of it."""

    scored: float
    expected: float


def measure() -> list[Figure]:
    """Two figures a seed."""
    figures = []
    for seed in SEEDS:
        shares = run_once({"model": {"variant": "tiny"}}, bars=DEFAULT_BARS, seed=seed)
        figures += described(f"tiny, seed {seed}", shares, LEAST_SHARE)
    return figures


def described(name: str, shares: Shares, least: float) -> list[Figure]:
    """The figures of one run, in per cent."""
    return [
        Figure(f"{name}: distance closed", 100 * shares.scored, "%", 100 * least, at_least=True),
        Figure(f"{name}: expected of its forecasts", 100 * shares.expected, "%"),
    ]


def run_once(values: dict[str, Any], *, bars: int, seed: int) -> Shares:
    """Write candles, train by the product's one door, compare with the truth."""
    train = {**values.get("train", {}), "seed": seed, "accelerator": "cpu"}
    chosen = {"data": {"source": FILE_NAME}, **values, "train": train}
    with tempfile.TemporaryDirectory() as base:
        root = Path(base)
        write_sample(root / FILE_NAME, bars=bars, seed=seed)
        (root / "config.yaml").write_text(to_yaml(compose_config(chosen)), encoding="utf-8")
        status = fit.run(root, root, progress=False)
        if status:
            raise RuntimeError(f"the fit ended in {status}; its last lines say why")
        return shares_of(root, bars=bars, seed=seed)


def shares_of(run_dir: Path, *, bars: int, seed: int) -> Shares:
    """What the run of ``run_dir``, on ``bars`` candles of this seed, closed on its test part."""
    table = pq.read_table(run_dir / "predictions.parquet").to_pandas()
    table = table[table["split"] == "test"]
    drawn = simulate(bars, seed)
    closes = table["time"].dt.as_unit("ms").astype("int64").to_numpy()
    at = (closes - FIRST_OPEN_MS) // _MINUTE_MS  # the bar that opens when the decision is made
    outcome = drawn.log_return[at]
    if not np.allclose(outcome, table["target"], atol=1e-7):
        raise RuntimeError("the predictions are not of these candles")
    count = len(outcome)
    metrics = json.loads((run_dir / "metrics.json").read_text(encoding="utf-8"))
    shape = metrics["baselines"]["constant"]
    constant = _student(*(np.full(count, shape[key]) for key in ("location", "scale", "df")))
    unit = np.sqrt((DEGREES_OF_FREEDOM - 2.0) / DEGREES_OF_FREEDOM)
    truth = _student(
        np.zeros(count), drawn.volatility[at] * unit, np.full(count, DEGREES_OF_FREEDOM)
    )
    model = _student(*(table[key].to_numpy() for key in ("mean", "scale", "df")))
    return Shares(
        scored=_share(*(float(nll(one, outcome).mean()) for one in (constant, model, truth))),
        expected=_share(*(_expected(one, truth) for one in (constant, model, truth))),
    )


def _student(location: FloatArray, scale: FloatArray, df: FloatArray) -> Predictive:
    return Predictive(Family.STUDENT_T, location, scale, df)


def _expected(forecast: Predictive, truth: Predictive) -> float:
    """Mean NLL of ``forecast`` over all that the truth can bring."""
    levels = (nll(forecast, quantile(truth, float(level))).mean() for level in _LEVELS)
    return float(np.mean(list(levels)))


def _share(constant: float, model: float, truth: float) -> float:
    return (constant - model) / (constant - truth)
