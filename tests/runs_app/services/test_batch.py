"""Files of runs: lists and grids, checked as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs_app.forecasting.errors import ConfigInvalid
from runs_app.models import TrainingRun
from runs_app.services.batch import plan_batch
from tests.factories import make_config, make_run

pytestmark = pytest.mark.django_db

GRID = """
name: sweep
base: {data_source: BTCUSDT_1m, variant: tiny, long_horizon: 1d}
grid:
  regression_loss: [mse, quantile]
  seed: [1, 2, 3]
"""


def test_a_grid_is_every_combination(candles: Path) -> None:
    planned = plan_batch(GRID)
    assert [(run.payload["regression_loss"], run.payload["seed"]) for run in planned] == [
        (loss, seed) for loss in ("mse", "quantile") for seed in (1, 2, 3)
    ]
    assert planned[0].name == "sweep: regression_loss=mse, seed=1"
    assert all(run.payload["variant"] == "tiny" for run in planned)


@pytest.mark.parametrize(
    "text",
    [
        "- {data_source: BTCUSDT_1m}\n- {name: two, data_source: BTCUSDT_1m, seed: 2}",
        "runs:\n- data: {source: BTCUSDT_1m}\n- {name: two, config: {data_source: BTCUSDT_1m}}",
    ],
)
def test_a_list_of_runs(candles: Path, text: str) -> None:
    assert [run.name for run in plan_batch(text)] == ["", "two"]


def test_a_base_alone_is_one_run(candles: Path) -> None:
    assert len(plan_batch("base: {data_source: BTCUSDT_1m}")) == 1


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("3", "file", "must be a list of runs"),
        ("", "file", "must be a list of runs"),
        ("[]", "runs", "at least one run"),
        ("runs: 3", "runs", "at least one run"),
        ("[3]", "run 1", "must be a group of keys"),
        ("base: 3", "base", "must be a group of keys"),
        ("base: {data_source: BTCUSDT_1m}\ngrid: {seed: 3}", "grid", "a list"),
        ("base: {data_source: BTCUSDT_1m}\ngrid: {seed: []}", "grid", "at least one value"),
        ("bas: {}", "bas", "did you mean base?"),
        ("runs: [{}]\nbase: {}", "runs", "cannot stand beside"),
        ("[{data_source: BTCUSDT_1m}, {data_source: no, seed: -1}]", "run 2, seed", "at least 0"),
        ("[{name: x, config: 3}]", "run 1 (x)", "must be a group of keys"),
        ("[{name: x, config: {}, seed: 3}]", "run 1, seed", "belongs inside config"),
        ("base: &a {seed: 1}\ngrid: *a", "", "alias"),
        ("base: {data_source: '${oc.env:HOME}'}", "base.data_source", "interpolation"),
        ("base: {data_source: BTCUSDT_1m}\ngrid: {seed: [" + "1," * 1001 + "]}", "file", "1,001"),
        (
            "base: {}\ngrid: {" + ", ".join(f"k{n}: [1, 2]" for n in range(40)) + "}",
            "file",
            "at most 1,000",
        ),
        ("base: [", "", "not valid YAML"),
    ],
)
def test_a_wrong_file_is_refused_in_words(candles: Path, text: str, path: str, words: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        plan_batch(text)
    found = {error.path: error.message for error in caught.value.errors}
    assert words in found[path]
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {clone_of: nosuchrun}", "There is no run nosuchrun"),
        ("- {clone_of: 7}", "must be the id of a run"),
        ("- {clone_of: RUN, seeds: 2}", "a clone is a single run"),
        ("- {clone_of: RUN, batch_size: 0}", "batch_size"),
    ],
)
def test_a_clone_that_cannot_be_made(candles: Path, text: str, words: str) -> None:
    config = make_config(data={"source": "BTCUSDT_1m.csv"}).model_dump(mode="json")
    run = make_run(config=config)
    with pytest.raises(ConfigInvalid, match=words):
        plan_batch(text.replace("RUN", run.uid))
    assert TrainingRun.objects.count() == 1
