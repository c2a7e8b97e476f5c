"""Whole fits on a market that calms down: calibrated on validation alone, shipped in the model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.prepare import PreparedData, prepare
from runs_app.forecasting.evaluation.calibration import Calibration
from runs_app.forecasting.evaluation.documents import Outcome, Verdict
from runs_app.forecasting.events import CheckpointSaved, FitFinished, from_line
from runs_app.forecasting.training.checkpoint import load_checkpoint, restore_network
from runs_app.forecasting.training.feed import DecisionTable
from runs_app.forecasting.training.fit import run
from runs_app.forecasting.training.predictive import predictive_of
from tests.forecasting.training.conftest import write_run
from tests.synthetic import MONDAY_MS, small_config, write_candles

BARS = 5000


@dataclass(frozen=True)
class Fitted:
    folder: Path
    content: dict[str, object]
    summary: dict[str, object]
    frame: pd.DataFrame
    data: PreparedData

    @property
    def calibration(self) -> Calibration:
        return Calibration.model_validate(self.content["calibration"])


def _candles() -> Candles:
    """Even until the training part ends, then half as volatile: what was learnt is too wide."""
    returns = 5e-4 * np.random.default_rng(0).standard_t(4, BARS)
    returns[int(0.75 * BARS) :] *= 0.5
    close = 100.0 * np.exp(np.cumsum(returns))
    opened = np.concatenate([[100.0], close[:-1]])
    return Candles(
        MONDAY_MS + 60_000 * np.arange(BARS, dtype=np.int64), opened, np.maximum(opened, close),
        np.minimum(opened, close), close, np.ones(BARS), 60,
    )  # fmt: skip


def _config(kind: str) -> RunConfig:
    train = {"max_epochs": 1, "batch_size": 64, "steps_per_epoch": 2, "learning_rate": 1e-9}
    return small_config(train=train, loss={"kind": kind}, horizons={"next_bars": 1})


def _fit(folder: Path, candles: Candles, kind: str) -> Fitted:
    folder.mkdir()
    write_candles(folder / "candles.csv", candles)
    config = _config(kind)
    run_dir = write_run(folder / "run", config)
    assert run(run_dir, folder, progress=False) == 0
    return Fitted(
        run_dir,
        load_checkpoint(run_dir / "checkpoints" / "best.ckpt"),
        json.loads((run_dir / "metrics.json").read_text()),
        pd.read_parquet(run_dir / "predictions.parquet"),
        prepare(config, folder),
    )


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return _fit(tmp_path_factory.mktemp("calm") / "student", _candles(), "student_t")


def test_a_density_that_is_too_wide_is_narrowed_for_the_test_part_too(student: Fitted) -> None:
    assert 0.3 < student.calibration.scale < 0.9
    assert student.calibration.rows == len(student.data.splits["validation"])
    assert student.summary["calibration"] == student.calibration.model_dump(mode="json")
    for split in ("validation", "test"):
        scores = student.summary["scores"][split]
        for score in ("nll", "crps"):
            assert scores["model"][score] < scores["model_uncalibrated"][score]
            assert student.summary[split][score] == pytest.approx(scores["model"][score])
        assert scores["model"]["rmse"] == scores["model_uncalibrated"]["rmse"]
    event = [from_line(line) for line in (student.folder / "events.jsonl").open("rb")][-1]
    assert isinstance(event, FitFinished)
    assert event.metrics["test_nll"] == student.summary["test"]["nll"]
    assert event.verdict is not None
    compared = {one.score: one.model for one in event.verdict.comparisons}
    assert compared["nll"] == pytest.approx(student.summary["test"]["nll"])


def test_the_checkpoint_alone_gives_the_calibrated_predictions(student: Fitted) -> None:
    content, data = student.content, student.data
    table = DecisionTable.on_device(data, context_bars=16, device=torch.device("cpu"))
    batch = table.batch(data.splits["test"])
    with torch.inference_mode():
        forecast = restore_network(content)(batch.windows, batch.log_volatility)
    p = predictive_of(forecast, _config("student_t").loss.kind, target_scale=table.target_scale)
    test = student.frame[student.frame["split"] == "test"]
    shipped = student.calibration.apply(p)
    assert test["scale"].to_numpy() == pytest.approx(np.asarray(shipped.scale), rel=1e-5)
    probabilities = torch.softmax(forecast.long_logits.double(), -1).numpy()
    columns = ["long_p_down", "long_p_flat", "long_p_up"]
    expected = student.calibration.long.apply(probabilities)
    assert test[columns].to_numpy() == pytest.approx(expected, abs=1e-6)


def test_the_events_tell_the_truth_about_the_amended_file(student: Fitted) -> None:
    events = [from_line(line) for line in (student.folder / "events.jsonl").open("rb")]
    saved = [event for event in events if isinstance(event, CheckpointSaved)]
    assert [event.path for event in saved] == ["checkpoints/checkpoint-epoch1.ckpt"] * 2
    assert saved[-1].is_best and saved[-1].is_last
    assert (saved[0].epoch, saved[0].step, saved[0].val_loss) == (
        saved[1].epoch, saved[1].step, saved[1].val_loss,
    )  # fmt: skip
    for name in ("checkpoint-epoch1.ckpt", "best.ckpt", "last.ckpt"):
        payload = (student.folder / "checkpoints" / name).read_bytes()
        assert hashlib.sha256(payload).hexdigest() == saved[-1].sha256


def test_what_the_test_part_holds_changes_no_calibration(student: Fitted, tmp_path: Path) -> None:
    candles = _candles()
    first = int(student.data.decision_bar[student.data.splits["test"][0]])
    changed = np.arange(BARS) > first
    prices = {}
    for name in ("open", "high", "low", "close"):
        values = getattr(candles, name).copy()
        values[changed] = 50.0 * (values[changed] / 50.0) ** 3
        prices[name] = values
    other = _fit(
        tmp_path / "other",
        Candles(candles.open_time, **prices, volume=candles.volume, bar_seconds=60),
        "student_t",
    )
    assert other.calibration == student.calibration
    assert other.summary["scores"]["validation"] == student.summary["scores"]["validation"]
    assert other.summary["scores"]["test"] != student.summary["scores"]["test"]


def test_quantiles_are_stretched_and_a_point_stays(tmp_path: Path) -> None:
    fitted = _fit(tmp_path / "quantile", _candles(), "quantile")
    assert min(fitted.calibration.stretch) < 0.9 and fitted.calibration.stretch[2] == 1.0
    scores = fitted.summary["scores"]["test"]
    assert scores["model"]["pinball"] < scores["model_uncalibrated"]["pinball"]
    point = _fit(tmp_path / "point", _candles(), "mse")
    assert (point.calibration.scale, point.calibration.stretch) == (1.0, ())


def test_a_market_that_calms_down_is_no_edge(student: Fitted) -> None:
    """Model and baselines are too wide alike, and learn so from the same rows."""
    verdict = Verdict.model_validate(student.summary["verdict"])
    assert verdict.outcome is not Outcome.BEATS and not verdict.edge
    constant = next(one for one in verdict.comparisons if one.baseline == "constant")
    assert constant.score == "crps" and abs(constant.skill) < 0.01
    factors = {key: one["validation_scale"] for key, one in student.summary["baselines"].items()}
    assert factors["constant"] == pytest.approx(student.calibration.scale, rel=0.15)
    assert factors["garch"] < 0.8
