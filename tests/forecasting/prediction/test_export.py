"""Exports agree with the network they were made from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.errors import ModelInvalid
from runs_app.forecasting.evaluation.calibration import Calibration, DirectionCalibration
from runs_app.forecasting.prediction import export
from runs_app.forecasting.prediction.export import TOLERANCE, export_model
from runs_app.forecasting.prediction.forecast import predict
from runs_app.forecasting.prediction.inputs import decision_inputs
from runs_app.forecasting.prediction.model import TrainedModel, load_model
from runs_app.forecasting.prediction.network import CalibratedNetwork
from tests.forecasting.prediction.conftest import train

NOW = datetime(2030, 1, 1, tzinfo=UTC)


SKEWED = DirectionCalibration(temperature=2.5, prior=(0.3, 0.3, 0.4))


@pytest.fixture(scope="module")
def model(model: TrainedModel) -> TrainedModel:
    """The trained model with a calibration that changes everything it can change."""
    return replace(model, calibration=Calibration(rows=500, scale=1.3, short=SKEWED, long=SKEWED))


@pytest.fixture(scope="module")
def exported(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    facts = export_model(model, folder)
    for name, digest in facts["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert facts["onnx"]["largest_difference"] <= TOLERANCE
    return folder


def test_onnx_gives_the_predictions_of_the_product(
    exported: Path, model: TrainedModel, candles: Candles
) -> None:
    inputs = decision_inputs(model, candles, last=50)
    windows = inputs.windows(torch.arange(50), model.config.model.context_bars)
    session = onnxruntime.InferenceSession(
        str(exported / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    feed = [*(window.numpy() for window in windows), inputs.volatility.numpy()]
    names = [port.name for port in session.get_inputs()]
    assert names == [f"window_{name}" for name in model.config.data.ordered_timeframes] + [
        "volatility"
    ]
    outputs = dict(
        zip(
            [port.name for port in session.get_outputs()],
            session.run(None, dict(zip(names, feed, strict=True))),
            strict=True,
        )
    )
    table = predict(model, candles, last=50, now=NOW).table.to_pandas()
    unit = model.target_scale
    np.testing.assert_allclose(outputs["location"], table["location"], atol=1e-4 * unit)
    np.testing.assert_allclose(outputs["scale"], table["scale"], rtol=1e-4)
    np.testing.assert_allclose(outputs["df"], table["df"], rtol=1e-4)
    np.testing.assert_allclose(outputs["short_probabilities"][:, 2], table["short_p_up"], atol=1e-5)


def test_the_folder_is_a_model_too(exported: Path, model: TrainedModel, candles: Candles) -> None:
    again = load_model(exported)
    weights = load_file(exported / "model.safetensors")
    for name, value in model.network.state_dict().items():
        assert torch.equal(weights[name], value)
    first = predict(model, candles, last=20, now=NOW).table
    assert predict(again, candles, last=20, now=NOW).table.equals(first)


def test_the_configuration_names_inputs_units_and_calibration(exported: Path) -> None:
    facts = json.loads((exported / "config.json").read_text())
    assert facts["onnx"]["tolerance"] == TOLERANCE
    assert facts["calibration"] is not None
    assert {"config", "scalers", "target_scale", "volatility_floor"} <= facts.keys()
    assert "closed" in (exported / "README.txt").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gaussian_nll", "quantile", "mse"])
def test_every_head_can_be_exported(
    kind: str, tmp_path: Path, data_root: Path, candles: Candles
) -> None:
    run_dir = train(tmp_path / kind, data_root, kind)
    stretch = (1.6, 0.7, 1.0, 1.1, 0.9) if kind == "quantile" else ()
    corrected = Calibration(rows=500, scale=0.8, stretch=stretch, short=SKEWED, long=SKEWED)
    model = replace(load_model(run_dir / "checkpoints" / "best.ckpt"), calibration=corrected)
    facts = export_model(model, tmp_path / "out")
    assert facts["onnx"]["largest_difference"] <= TOLERANCE
    inputs = decision_inputs(model, candles, last=30)
    windows = inputs.windows(torch.arange(30), model.config.model.context_bars)
    with torch.inference_mode():
        network = CalibratedNetwork(model)
        found = dict(zip(network.output_names, network(*windows, inputs.volatility), strict=True))
    table = predict(model, candles, last=30, now=NOW).table.to_pandas()
    if kind == "quantile":
        np.testing.assert_allclose(found["quantiles"][:, 0], table["q0.05"], rtol=1e-5)
        np.testing.assert_allclose(found["quantiles"][:, 4], table["q0.95"], rtol=1e-5)
    np.testing.assert_allclose(found["long_probabilities"][:, 0], table["long_p_down"], rtol=1e-4)


def test_a_graph_that_disagrees_is_not_written(
    model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TOLERANCE", 0.0)
    monkeypatch.setattr(export, "_gap", lambda *_: 1e-3)
    with pytest.raises(ModelInvalid, match="differs from PyTorch"):
        export_model(model, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
