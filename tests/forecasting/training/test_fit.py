"""Whole fits through the one door, and the files they leave."""

from __future__ import annotations

import errno
import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from runs_app.forecasting.config.schema import LossKind
from runs_app.forecasting.data.prepare import PreparedData
from runs_app.forecasting.evaluation.context import RunContext, write_context
from runs_app.forecasting.evaluation.documents import (
    BASELINES,
    TradingCheck,
    TradingRule,
    Verdict,
)
from runs_app.forecasting.evaluation.judged_rows import column_names
from runs_app.forecasting.evaluation.report import Report
from runs_app.forecasting.events import (
    EXIT_CODES,
    BaselinesScored,
    CheckpointRemoved,
    CheckpointSaved,
    EpochFinished,
    Event,
    FitFailed,
    FitFinished,
    FitStarted,
    Reason,
    StepTaken,
    from_line,
)
from runs_app.forecasting.training import checkpoint_store
from runs_app.forecasting.training.checkpoint import load_checkpoint, restore_network
from runs_app.forecasting.training.feed import DecisionTable
from runs_app.forecasting.training.fit import run
from tests.forecasting.training.conftest import write_run
from tests.synthetic import small_config

EPOCHS = 4


def events_of(run_dir: Path) -> list[Event]:
    lines = (run_dir / "events.jsonl").read_bytes()
    assert lines.endswith(b"\n")
    return [from_line(line) for line in lines.splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, data_root: Path) -> Path:
    """A completed Student-t run of four epochs that keeps one checkpoint."""
    train = {
        "max_epochs": EPOCHS, "batch_size": 64, "steps_per_epoch": 12, "learning_rate": 3e-3,
        "keep_checkpoints": 1, "log_every_steps": 5, "early_stopping_patience": 0,
    }  # fmt: skip
    run_dir = write_run(tmp_path_factory.mktemp("runs") / "done", small_config(train=train))
    assert run(run_dir, data_root, progress=False) == EXIT_CODES[Reason.COMPLETED]
    return run_dir


def test_events_come_in_order(finished: Path) -> None:
    events = events_of(finished)
    assert isinstance(events[0], FitStarted)
    assert events[0].steps_per_epoch == 12
    assert isinstance(events[1], BaselinesScored)
    assert set(events[1].scores) == set(BASELINES)
    for scores in events[1].scores.values():
        assert set(scores) == {"val_nll", "val_crps", "val_pinball", "val_rmse"}
        assert all(value is not None and math.isfinite(value) for value in scores.values())
    assert isinstance(events[-1], FitFinished)
    assert events[-1].reason is Reason.COMPLETED
    steps = [event for event in events if isinstance(event, StepTaken)]
    assert [event.step for event in steps] == [1, *range(5, 12 * EPOCHS + 1, 5)]
    assert all(math.isfinite(event.train_loss) and event.grad_norm > 0 for event in steps)
    assert all(event.samples_per_second > 0 and event.eta_seconds >= 0 for event in steps[1:])
    epochs = [event for event in events if isinstance(event, EpochFinished)]
    assert [event.epoch for event in epochs] == list(range(1, EPOCHS + 1))
    assert set(epochs[0].metrics) == {
        "val_loss", "val_da", "val_f1", "val_f1_short", "val_f1_long", "val_rmse", "val_nll",
        "val_crps", "val_pinball",
    }  # fmt: skip
    assert [event.at for event in events] == sorted(event.at for event in events)


def test_checkpoints_are_whole_pruned_and_named(finished: Path) -> None:
    folder = finished / "checkpoints"
    events = events_of(finished)
    saved = {event.path: event for event in events if isinstance(event, CheckpointSaved)}
    removed = {event.path for event in events if isinstance(event, CheckpointRemoved)}
    best = json.loads((finished / "metrics.json").read_text())["best_epoch"]
    kept = {f"checkpoint-epoch{best}.ckpt", f"checkpoint-epoch{EPOCHS}.ckpt"}
    assert {path.name for path in folder.iterdir()} == kept | {"best.ckpt", "last.ckpt"}
    assert {f"checkpoints/{name}" for name in kept} == set(saved) - removed
    for name in kept:
        payload = (folder / name).read_bytes()
        event = saved[f"checkpoints/{name}"]
        assert event.sha256 == hashlib.sha256(payload).hexdigest()
        assert event.size_bytes == len(payload)
    assert (folder / "best.ckpt").samefile(folder / f"checkpoint-epoch{best}.ckpt")
    assert (folder / "last.ckpt").samefile(folder / f"checkpoint-epoch{EPOCHS}.ckpt")


def test_best_checkpoint_reproduces_the_predictions(finished: Path, data: PreparedData) -> None:
    content = load_checkpoint(finished / "checkpoints" / "best.ckpt")
    network = restore_network(content)
    table = DecisionTable.on_device(data, context_bars=16, device=torch.device("cpu"))
    rows = data.splits["test"]
    batch = table.batch(rows)
    with torch.inference_mode():
        forecast = network(batch.windows, batch.log_volatility)
    frame = pd.read_parquet(finished / "predictions.parquet")
    test = frame[frame["split"] == "test"]
    mean = forecast.location.double().numpy() * content["target_scale"]
    assert test["mean"].to_numpy() == pytest.approx(mean, abs=1e-8)
    assert test["target"].to_numpy() == pytest.approx(data.target[rows].numpy())
    assert content["feature_names"] == [list(names) for names in data.feature_names]


def test_predictions_have_one_row_per_decision(finished: Path, data: PreparedData) -> None:
    frame = pd.read_parquet(finished / "predictions.parquet")
    assert tuple(frame.columns) == column_names()
    assert len(frame) == len(data.splits["validation"]) + len(data.splits["test"])
    assert str(frame["time"].dt.tz) == "UTC"
    assert frame["time"].is_monotonic_increasing
    assert not frame.isna().any().any()  # a Student-t head has all of them
    for horizon in ("short", "long"):
        shares = frame[[f"{horizon}_p_{name}" for name in ("down", "flat", "up")]].sum(axis=1)
        assert shares.to_numpy() == pytest.approx(1.0)
        assert set(frame[f"{horizon}_label"]) <= {0, 1, 2}
    levels = frame[["q0.05", "q0.25", "q0.5", "q0.75", "q0.95"]].to_numpy()
    assert (levels[:, 1:] >= levels[:, :-1]).all()


def test_metrics_are_strict_json_with_the_baselines_beside(finished: Path) -> None:
    def refuse(name: str) -> float:
        raise AssertionError(f"{name} is not JSON")

    summary = json.loads((finished / "metrics.json").read_text(), parse_constant=refuse)
    assert summary["reason"] == "completed"
    assert (summary["epochs"], summary["steps"]) == (EPOCHS, 12 * EPOCHS)
    assert len(summary["history"]) == EPOCHS
    assert summary["history"][summary["best_epoch"] - 1]["val_loss"] == pytest.approx(
        summary["validation"]["loss"], abs=1e-6
    )
    for split in ("validation", "test"):
        assert summary[split]["nll"] is not None
        assert summary[split]["crps"] > 0
    assert set(summary["baselines"]) == set(BASELINES)
    assert summary["baselines"]["garch"]["converged"] in (True, False)


def test_a_completed_run_is_judged_on_the_test_part(finished: Path, data: PreparedData) -> None:
    summary = json.loads((finished / "metrics.json").read_text())
    verdict = Verdict.model_validate(summary["verdict"])
    event = events_of(finished)[-1]
    assert isinstance(event, FitFinished)
    assert event.verdict == verdict
    assert verdict.rows == len(data.splits["test"])
    assert {one.baseline for one in verdict.comparisons} == set(BASELINES)
    assert [one.score for one in verdict.comparisons] == ["crps"] * 4 + ["nll"] * 4
    crps = scipy_crps(finished)
    assert verdict.comparisons[0].model == pytest.approx(crps, rel=2e-3)
    test = summary["scores"]["test"]
    assert set(test) == {"model", "model_uncalibrated", *BASELINES}
    for one in verdict.comparisons:
        assert (test["model"][one.score], test[one.baseline][one.score]) == pytest.approx(
            (one.model, one.reference)
        )
    assert test["model"]["nll"] == pytest.approx(summary["test"]["nll"])
    directions = summary["directions"]["test"]
    assert directions["next"]["rate"] == pytest.approx(summary["test"]["da"])
    assert directions["short"]["f1"] == pytest.approx(summary["test"]["f1_short"])
    assert sum(directions["long"]["prior"]) == pytest.approx(1.0)
    trading = TradingCheck.model_validate(summary["trading"])
    assert (trading.fee_bps, trading.slippage_bps, trading.tries) == (10.0, 2.0, 1)
    assert trading.periods == verdict.rows - 1


def scipy_crps(run_dir: Path) -> float:
    """Mean CRPS of the test predictions, integrated numerically."""
    frame = pd.read_parquet(run_dir / "predictions.parquet")
    test = frame[frame["split"] == "test"]
    grid = np.linspace(-0.03, 0.03, 2401)
    mean, scale, df = (test[name].to_numpy()[:, None] for name in ("mean", "scale", "df"))
    step = (grid >= test["target"].to_numpy()[:, None]).astype(float)
    square = np.square(stats.t.cdf((grid - mean) / scale, df) - step)
    return float(square.sum(axis=1).mean() * (grid[1] - grid[0]))


def test_the_report_holds_what_the_plots_need(finished: Path, data: PreparedData) -> None:
    text = (finished / "report.json").read_text()
    assert len(text) < 1_000_000
    report = Report.model_validate_json(text)
    rows = len(data.splits["test"])
    assert (report.timeframe, report.horizon_bars, report.rows) == ("1m", 2, rows)
    assert report.pit is not None
    assert {sum(one.counts) for one in report.pit.histograms} == {rows}
    assert {one.by: sum(one.rows) for one in report.breakdowns} == {
        "hour": rows, "volatility": rows,
    }  # fmt: skip
    frame = pd.read_parquet(finished / "predictions.parquet").tail(200)
    assert report.fan.time == tuple(frame["time"].astype("datetime64[ms, UTC]").astype("int64"))
    assert report.fan.close == pytest.approx(frame["close"].to_numpy())
    moved = np.log(np.array(report.fan.target_close) / np.array(report.fan.close))
    assert moved == pytest.approx(frame["target"].to_numpy(), abs=1e-6)


def test_the_tries_on_a_data_set_are_told_by_whoever_starts_the_run(
    tmp_path: Path, data_root: Path
) -> None:
    train = {"max_epochs": 1, "batch_size": 64, "steps_per_epoch": 2}
    costs = {"fee_bps": 0.5, "slippage_bps": 0.0}
    run_dir = write_run(tmp_path, small_config(train=train, costs=costs))
    write_context(run_dir, RunContext(tries=30))
    assert run(run_dir, data_root, progress=False) == 0
    trading = TradingCheck.model_validate(
        json.loads((run_dir / "metrics.json").read_text())["trading"]
    )
    assert (trading.tries, trading.fee_bps, trading.slippage_bps) == (30, 0.5, 0.0)
    sign = trading.result(TradingRule.SIGN)
    assert sign.deflated_sharpe < sign.probabilistic_sharpe


@pytest.mark.parametrize("kind", [LossKind.GAUSSIAN_NLL, LossKind.QUANTILE, LossKind.MSE])
def test_the_other_losses_fit_too(kind: LossKind, tmp_path: Path, data_root: Path) -> None:
    train = {"max_epochs": 1, "batch_size": 64, "steps_per_epoch": 5}
    run_dir = write_run(tmp_path, small_config(train=train, loss={"kind": kind.value}))
    assert run(run_dir, data_root, progress=False) == 0
    frame = pd.read_parquet(run_dir / "predictions.parquet")
    empty = {name for name in frame.columns if frame[name].isna().all()}
    assert (
        empty
        == {
            LossKind.GAUSSIAN_NLL: {"df"},
            LossKind.QUANTILE: {"mean", "scale", "df"},
            LossKind.MSE: {"scale", "df", "q0.05", "q0.25", "q0.5", "q0.75", "q0.95"},
        }[kind]
    )
    report = Report.model_validate_json((run_dir / "report.json").read_text())
    score, baselines, nominals, levels = {
        LossKind.GAUSSIAN_NLL: ("crps", 4, {0.5, 0.8, 0.95}, 7),
        LossKind.QUANTILE: ("pinball", 4, {0.5, 0.9}, 5),
        LossKind.MSE: ("squared_error", 2, {0.5, 0.8, 0.95}, 0),
    }[kind]
    finish = events_of(run_dir)[-1]
    assert isinstance(finish, FitFinished) and finish.verdict is not None
    deciding = [one for one in finish.verdict.comparisons if one.score == score]
    assert report.score == finish.verdict.comparisons[0].score == score
    assert len(deciding) == baselines
    assert {row.nominal for row in report.coverage} == nominals
    assert len(report.fan.quantiles) == len(report.fan.levels) == levels


def test_equal_seeds_give_equal_weights(tmp_path: Path, data_root: Path) -> None:
    weights = []
    for name in ("first", "second"):
        train = {"max_epochs": 1, "batch_size": 64, "steps_per_epoch": 5}
        run_dir = write_run(tmp_path / name, small_config(train=train))
        assert run(run_dir, data_root, progress=False) == 0
        weights.append(load_checkpoint(run_dir / "checkpoints" / "last.ckpt")["network"])
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_early_stopping_says_so(tmp_path: Path, data_root: Path) -> None:
    train = {
        "max_epochs": 50, "batch_size": 64, "steps_per_epoch": 2, "learning_rate": 1e-9,
        "weight_decay": 0.0, "early_stopping_patience": 1,
    }  # fmt: skip
    run_dir = write_run(tmp_path, small_config(train=train, model={"dropout": 0.0}))
    assert run(run_dir, data_root, progress=False) == 0
    finish = events_of(run_dir)[-1]
    assert isinstance(finish, FitFinished)
    assert finish.message.startswith("Stopped early after")
    assert json.loads((run_dir / "metrics.json").read_text())["epochs"] < 50


def failure_of(run_dir: Path, data_root: Path) -> tuple[int, FitFailed]:
    code = run(run_dir, data_root, progress=False)
    event = events_of(run_dir)[-1]
    assert isinstance(event, FitFailed)
    return code, event


def test_a_bad_configuration_names_its_field(tmp_path: Path, data_root: Path) -> None:
    run_dir = write_run(tmp_path, small_config())
    path = run_dir / "config.yaml"
    path.write_text(path.read_text().replace("d_model: 16", "d_model: 17"))
    code, event = failure_of(run_dir, data_root)
    assert code == 11
    assert "model.d_model" in event.fields


def test_a_missing_configuration_is_a_sentence(tmp_path: Path, data_root: Path) -> None:
    code, event = failure_of(tmp_path, data_root)
    assert code == 11
    assert "config.yaml does not exist" in event.message


def test_a_missing_file_is_a_data_fault(tmp_path: Path, data_root: Path) -> None:
    code, event = failure_of(write_run(tmp_path, small_config("nowhere.csv")), data_root)
    assert code == EXIT_CODES[event.reason]
    assert event.reason in (Reason.DATA, Reason.CONFIG)
    assert "nowhere.csv" in event.message


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), Reason.DISK_FULL),
        (MemoryError(), Reason.OUT_OF_MEMORY),
        (torch.OutOfMemoryError("CUDA out of memory"), Reason.OUT_OF_MEMORY),
        (ZeroDivisionError("oops"), Reason.BUG),
    ],
)
def test_other_faults_have_their_own_word_and_code(
    error: Exception,
    reason: Reason,
    tmp_path: Path,
    data_root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(checkpoint_store, "write_durably", fail)
    train = {"max_epochs": 1, "batch_size": 64, "steps_per_epoch": 2}
    code, event = failure_of(write_run(tmp_path, small_config(train=train)), data_root)
    assert (event.reason, code) == (reason, EXIT_CODES[reason])
    assert "Traceback" in capsys.readouterr().err
    if reason is Reason.OUT_OF_MEMORY:
        assert "train.batch_size" in event.message
        assert "model.d_model" in event.message
    if reason is Reason.BUG:
        assert "ZeroDivisionError: oops" in event.message


def test_starting_over_leaves_nothing_of_the_earlier_attempt(
    tmp_path: Path, data_root: Path
) -> None:
    train = {"max_epochs": 2, "batch_size": 64, "steps_per_epoch": 2}
    run_dir = write_run(tmp_path, small_config(train=train))
    assert run(run_dir, data_root, progress=False) == 0
    first = len(events_of(run_dir))
    with (run_dir / "events.jsonl").open("ab") as file:
        file.write(b'{"at":"2024')  # a crash in the middle of a line
    write_run(run_dir, small_config(train={**train, "max_epochs": 1}))
    assert run(run_dir, data_root, progress=False) == 0
    events = events_of(run_dir)[first:]
    removed = {event.path for event in events if isinstance(event, CheckpointRemoved)}
    assert removed == {f"checkpoints/checkpoint-epoch{epoch}.ckpt" for epoch in (1, 2)}
    names = {path.name for path in (run_dir / "checkpoints").iterdir()}
    assert names == {"checkpoint-epoch1.ckpt", "best.ckpt", "last.ckpt"}
