"""What is shown of a decision is what the network was fed, what was scored, and what came."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from scipy import stats

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.prepare import PreparedData, prepare
from runs_app.forecasting.data.resample import resample
from runs_app.forecasting.decision.__main__ import look, main
from runs_app.forecasting.decision.documents import Block, Decision, TimeframeSeen
from runs_app.forecasting.evaluation.documents import BASELINES
from runs_app.forecasting.evaluation.judged_rows import METADATA_KEY, column_names
from runs_app.forecasting.evaluation.report import Report
from runs_app.forecasting.training.feed import DecisionTable
from runs_app.forecasting.training.fit import run
from tests.forecasting.training.conftest import write_run
from tests.synthetic import random_candles, small_config, write_candles

EVERYTHING = slice(0, 100_000)
TRAIN = {"max_epochs": 1, "batch_size": 64, "steps_per_epoch": 4}
OHLC = ("open_time", "available_at", "open", "high", "low", "close", "volume")


def _config(kind: str = "student_t") -> RunConfig:
    return small_config(train=TRAIN, loss={"kind": kind})


def _trained(folder: Path, data_root: Path, kind: str = "student_t") -> Path:
    run_dir = write_run(folder / kind, _config(kind))
    assert run(run_dir, data_root, progress=False) == 0
    return run_dir


@pytest.fixture(scope="module")
def holed_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Candles with holes, so that the last bar of a timeframe is not always the one before."""
    root = tmp_path_factory.mktemp("holed")
    write_candles(root / "candles.csv", random_candles(4200, seed=3, missing_share=0.02))
    return root


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory, holed_root: Path) -> Path:
    return _trained(tmp_path_factory.mktemp("decided"), holed_root)


@pytest.fixture(scope="module")
def data(holed_root: Path) -> PreparedData:
    return prepare(_config(), holed_root)


@pytest.fixture(scope="module")
def block(run_dir: Path, holed_root: Path) -> Block:
    return look(run_dir, holed_root, holed_root / "store", EVERYTHING)


def _seen(decision: Decision) -> tuple[TimeframeSeen, ...]:
    assert decision.inputs is not None
    return decision.inputs.timeframes


def test_inputs_are_those_the_network_was_fed_bit_for_bit(block: Block, data: PreparedData) -> None:
    rows = data.splits["test"]
    table = DecisionTable.on_device(data, context_bars=16, device=torch.device("cpu"))
    batch = table.batch(rows)
    assert [one.at for one in block.decisions] == data.decision_time[rows.numpy()].tolist()
    for slot, timeframe in enumerate(data.timeframes):
        fed = batch.windows[slot][:, -1].numpy()  # the newest bar of every window
        shown = [_seen(one)[slot] for one in block.decisions]
        assert {one.timeframe for one in shown} == {timeframe}
        names = [tuple(value.name for value in one.features) for one in shown]
        assert set(names) == {data.feature_names[slot]}
        scaled = np.array([[value.scaled for value in one.features] for one in shown], np.float32)
        assert scaled.tobytes() == fed.tobytes()
    assert block.verified
    assert block.problem == ""


def test_raw_values_come_to_the_scaled_ones(block: Block) -> None:
    for one in block.decisions[::97]:
        for seen in _seen(one):
            for value in seen.features:
                expected = np.clip((value.raw - value.mean) / value.std, -10, 10)
                assert value.scaled == pytest.approx(expected, rel=1e-6, abs=1e-7)
                assert value.is_cut == (abs(value.scaled) >= 10)


def test_volatilities_are_those_the_heads_were_fed(block: Block, data: PreparedData) -> None:
    rows = data.splits["test"]
    table = DecisionTable.on_device(data, context_bars=16, device=torch.device("cpu"))
    found = [one.inputs.volatilities for one in block.decisions if one.inputs is not None]
    deviation = np.array([[v.deviation for v in one] for one in found], np.float32)
    assert deviation.tobytes() == data.volatility[rows].numpy().tobytes()
    fed = np.array([[v.fed for v in one] for one in found])
    assert fed == pytest.approx(table.log_volatility[rows].numpy(), abs=1e-6)


def test_the_last_bar_has_closed_and_the_next_one_has_not(block: Block, data: PreparedData) -> None:
    for slot, timeframe in enumerate(data.timeframes):
        bars = resample(data.candles, timeframe)
        place = {int(at): index for index, at in enumerate(bars.available_at)}
        for one in block.decisions:
            seen = _seen(one)[slot]
            assert seen.last.available_at <= one.at
            assert seen.coming is None or seen.coming.available_at > one.at
            index = place[seen.last.available_at]
            for candle, bar in ((seen.last, index), (seen.coming, index + 1)):
                if candle is not None:
                    values = [getattr(candle, name) for name in OHLC]
                    assert values == [getattr(bars, name)[bar] for name in OHLC]
            assert seen.first_open == bars.open_time[index - 15]


def test_what_was_said_is_what_was_scored(block: Block, run_dir: Path) -> None:
    scores = json.loads((run_dir / "metrics.json").read_text())["scores"]["test"]
    for key in ("model", *BASELINES):
        rows = [next(f for f in one.forecasters if f.key == key) for one in block.decisions]
        for name, stored in (("nll", "nll"), ("crps", "crps"), ("absolute_error", "mae")):
            mean = np.mean([getattr(row, name) for row in rows])
            assert mean == pytest.approx(scores[key][stored], rel=1e-9), (key, name)
    report = Report.model_validate_json((run_dir / "report.json").read_text())
    assert report.pit is not None
    pit = [one.forecasters[0].pit for one in block.decisions]
    counts, _ = np.histogram(pit, 20, (0.0, 1.0))
    assert tuple(counts) == report.pit.histograms[0].counts


def test_the_largest_losses_of_the_report_are_ranked_first(block: Block, run_dir: Path) -> None:
    report = Report.model_validate_json((run_dir / "report.json").read_text())
    assert report.largest is not None
    assert report.largest.score == "nll"
    assert set(report.largest.losses) == {"model", *BASELINES}
    ranked = sorted(block.decisions, key=lambda one: one.loss_rank)
    assert [one.loss_rank for one in ranked] == list(range(1, len(ranked) + 1))
    assert tuple(one.at for one in ranked[:10]) == report.largest.time
    losses = [one.forecasters[0].nll for one in ranked]
    assert losses == sorted(losses, key=lambda loss: -(loss or 0.0))
    assert report.largest.losses["model"] == pytest.approx(losses[:10])
    assert report.largest.losses["garch"] == pytest.approx(
        [next(f.nll for f in one.forecasters if f.key == "garch") for one in ranked[:10]]
    )


def test_a_density_is_the_one_of_its_parameters(block: Block) -> None:
    for one in block.decisions[::211]:
        grid = np.array(one.grid)
        assert (np.diff(grid) > 0).all()
        assert grid[0] < one.outcome < grid[-1]
        model = one.forecasters[0]
        expected = stats.t.pdf(grid, model.df, model.location, model.scale)
        assert model.density == pytest.approx(expected, rel=1e-4)
        assert 0.97 < np.trapezoid(model.density, grid) < 1.01
        assert one.probability_up == pytest.approx(
            stats.t.sf(0.0, model.df, model.location, model.scale)
        )
        for quantile in one.quantiles:
            below = stats.t.cdf(quantile.log_return, model.df, model.location, model.scale)
            assert below == pytest.approx(quantile.level)
            assert quantile.price == pytest.approx(one.close * np.exp(quantile.log_return))


def test_what_came_is_told_with_its_instant(block: Block, data: PreparedData) -> None:
    rows = data.splits["test"].numpy()
    for one, row in list(zip(block.decisions, rows, strict=True))[::53]:
        bar = data.decision_bar[row] + 2
        assert one.outcome_at == data.bars.available_at[bar]
        assert one.outcome_price == data.bars.close[bar]
        assert one.outcome == pytest.approx(np.log(one.outcome_price / one.close), abs=1e-7)
        for direction, label, seconds in (
            (one.directions[0], data.short_label[row], 300),
            (one.directions[1], data.long_label[row], 1800),
        ):
            assert direction.came == ("down", "flat", "up")[int(label)]
            assert direction.until == one.at + 1000 * seconds
            assert direction.move is not None
            way = int(np.sign(direction.move)) if abs(direction.move) > direction.threshold else 0
            assert direction.came == ("down", "flat", "up")[way + 1]
            told = direction.probabilities[int(label)]
            assert direction.log_loss == pytest.approx(-np.log(told))
            assert direction.prior is not None
            assert direction.prior_log_loss == pytest.approx(-np.log(direction.prior[int(label)]))


def _copied(run_dir: Path, folder: Path) -> Path:
    return shutil.copytree(run_dir, folder / "copy", ignore=shutil.ignore_patterns("*.ckpt"))


def test_a_run_of_an_older_version_shows_what_it_kept(
    run_dir: Path, holed_root: Path, block: Block, tmp_path: Path
) -> None:
    old = _copied(run_dir, tmp_path)
    table = pq.read_table(old / "predictions.parquet").replace_schema_metadata(None)
    kept = [name for name in column_names() if name.partition("_")[0] not in ("random", "garch")]
    kept = [name for name in kept if not name.startswith(("constant", "ewma"))]
    pq.write_table(table.select(kept), old / "predictions.parquet")
    found = look(old, holed_root, tmp_path, slice(3, 5))
    assert not found.verified
    assert found.problem == ""
    for one, whole in zip(found.decisions, block.decisions[3:5], strict=True):
        assert [f.key for f in one.forecasters] == ["model"]
        assert one.forecasters[0].nll == whole.forecasters[0].nll
        assert one.loss_rank == whole.loss_rank
        assert one.inputs is not None and whole.inputs is not None
        assert one.inputs.timeframes == whole.inputs.timeframes


def _without_inputs(run_dir: Path, root: Path, tmp_path: Path) -> str:
    found = look(run_dir, root, tmp_path / "store", slice(0, 2))
    assert [one.inputs for one in found.decisions] == [None, None]
    assert found.decisions[0].forecasters[0].nll is not None
    assert found.decisions[0].directions[0].move is None
    assert not found.verified
    return found.problem


def test_other_candles_show_no_inputs(run_dir: Path, tmp_path: Path) -> None:
    write_candles(tmp_path / "candles.csv", random_candles(4200, seed=4, missing_share=0.02))
    assert "does not hold the candles any more" in _without_inputs(run_dir, tmp_path, tmp_path)


def test_candles_that_are_gone_show_no_inputs(run_dir: Path, tmp_path: Path) -> None:
    assert "candles.csv" in _without_inputs(run_dir, tmp_path, tmp_path)


def test_other_features_show_no_inputs(run_dir: Path, holed_root: Path, tmp_path: Path) -> None:
    """As after a change of the code between the run and now."""
    other = _copied(run_dir, tmp_path)
    table = pq.read_table(other / "predictions.parquet")
    fed: dict[str, Any] = json.loads(table.schema.metadata[METADATA_KEY])
    fed["scalers"][1]["mean"][3] += 1e-4
    metadata = {METADATA_KEY: json.dumps(fed).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), other / "predictions.parquet")
    assert "computes other inputs of 5m" in _without_inputs(other, holed_root, tmp_path)


def test_other_decisions_show_no_inputs(run_dir: Path, holed_root: Path, tmp_path: Path) -> None:
    other = _copied(run_dir, tmp_path)
    table = pq.read_table(other / "predictions.parquet")
    pq.write_table(table.slice(0, table.num_rows - 1), other / "predictions.parquet")
    assert "makes other decisions" in _without_inputs(other, holed_root, tmp_path)


@pytest.mark.parametrize("kind", ["gaussian_nll", "quantile", "mse"])
def test_every_head_shows_what_it_has(kind: str, tmp_path: Path, data_root: Path) -> None:
    run_dir = _trained(tmp_path, data_root, kind)
    found = look(run_dir, data_root, tmp_path / "store", slice(0, 3))
    report = Report.model_validate_json((run_dir / "report.json").read_text())
    assert report.largest is not None
    for one in found.decisions:
        model, *rivals = one.forecasters
        assert [rival.key for rival in rivals] == list(BASELINES)
        assert all(rival.nll is not None and rival.density for rival in rivals)
        assert (model.nll is None) == (model.pit is None) == (kind != "gaussian_nll")
        assert (model.pinball is None) == (kind != "quantile")
        assert one.loss_score == report.largest.score
        assert len(one.quantiles) == {"gaussian_nll": 7, "quantile": 5, "mse": 0}[kind]
        assert one.inputs is not None
    assert found.verified


def test_the_command_prints_one_object_or_a_sentence(
    run_dir: Path, holed_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(holed_root), str(tmp_path), "5", "2"]
    assert main([str(run_dir), *arguments]) == 0
    printed = Block.model_validate_json(capsys.readouterr().out)
    assert [one.place for one in printed.decisions] == [6, 7]
    broken = _copied(run_dir, tmp_path)
    (broken / "predictions.parquet").write_bytes(b"PAR1 and nothing more")
    assert main([str(broken), *arguments]) == 1
    assert (
        capsys.readouterr().err == "the run's predictions cannot be read; its files are damaged\n"
    )


def test_it_loads_no_torch() -> None:
    program = (
        "import sys, runs_app.forecasting.decision.__main__\n"
        "print([name for name in ('torch', 'pandas', 'arch') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "torch" not in done.stdout
