"""A trained model in forms that other programs read: safetensors with its configuration, and ONNX.

The ONNX graph holds the units and the calibration: scaled windows and the causal volatility go in,
calibrated parameters in log-returns come out. It is written only when ONNX Runtime agrees with
PyTorch on it within ``TOLERANCE``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from safetensors.torch import save_file
from torch import Tensor

from runs_app.forecasting.config.half_lives import HALF_LIVES_BARS
from runs_app.forecasting.data.scaling import CLIP
from runs_app.forecasting.errors import ModelInvalid
from runs_app.forecasting.prediction.model import EXPORT_CONFIG, EXPORT_WEIGHTS, TrainedModel
from runs_app.forecasting.prediction.network import IN_RETURNS, CalibratedNetwork
from runs_app.forecasting.whole_file import EXPORT_DRAFT

LOG = logging.getLogger(__name__)

FORMAT = 1
ONNX_FILE, README_FILE = "model.onnx", "README.txt"

TOLERANCE = 1e-4
"""Largest difference between ONNX Runtime and PyTorch, relative to 1 + the value in the target's
standard deviations (probabilities and degrees of freedom: relative to 1 + the value)."""

_CHECKED_BATCHES = (1, 7, 64)
_SEED = 20_240_101


@dataclass(frozen=True)
class Port:
    """An input or an output of the graph: its name and its shape in words."""

    name: str
    shape: str
    meaning: str


def export_model(model: TrainedModel, folder: Path) -> dict[str, Any]:
    """Write the four files into ``folder`` (made if absent); returns their hashes and the check.

    Raises ``ModelInvalid`` where the ONNX graph disagrees with PyTorch, ``OSError`` where the
    folder cannot be written. Files of an earlier export are replaced, each whole or not at all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network = CalibratedNetwork(model).eval()
    with tempfile.TemporaryDirectory(dir=folder, prefix=EXPORT_DRAFT) as name:
        work = Path(name)
        _write_onnx(model, network, work / ONNX_FILE)
        difference = _check(model, network, work / ONNX_FILE)
        save_file(
            {key: value.contiguous() for key, value in model.network.state_dict().items()},
            work / EXPORT_WEIGHTS,
        )
        facts = _facts(model, network, difference)
        (work / EXPORT_CONFIG).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        (work / README_FILE).write_text(_readme(model, network), encoding="utf-8")
        hashes = {file.name: _sha256(file) for file in sorted(work.iterdir())}
        for file in sorted(work.iterdir()):
            file.replace(folder / file.name)
    return {"files": hashes, "onnx": facts["onnx"]}


def input_ports(model: TrainedModel) -> tuple[Port, ...]:
    """What the graph is fed, in order."""
    length = model.config.model.context_bars
    windows = tuple(
        Port(
            f"window_{scaler.timeframe}",
            f"[batch, {length}, {len(scaler.names)}] float32",
            f"the last {length} closed bars of {scaler.timeframe}, oldest first: "
            f"{', '.join(scaler.names)}; each (x - mean) / std, cut at +-{CLIP:g}",
        )
        for scaler in model.scalers
    )
    half_lives = ", ".join(f"{bars:g}" for bars in HALF_LIVES_BARS)
    volatility = Port(
        "volatility",
        f"[batch, {len(HALF_LIVES_BARS)}] float32",
        "causal standard deviations of the target, log-return: roots of EWMA of the decision bars' "
        f"variance with half-lives of {half_lives} bars (squared returns, or realised variance "
        "where finer bars are seen), times the root of the horizon; at least volatility_floor a "
        "bar",
    )
    return (*windows, volatility)


def _write_onnx(model: TrainedModel, network: CalibratedNetwork, path: Path) -> None:
    batch = torch.export.Dim("batch", min=1)
    names = [port.name for port in input_ports(model)]
    example = _random_inputs(model, 3, np.random.default_rng(_SEED))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        program = torch.onnx.export(
            network,
            example,
            dynamo=True,
            input_names=names,
            output_names=list(network.output_names),
            dynamic_shapes=(tuple({0: batch} for _ in example),),
            verbose=False,
        )
    if program is None:
        raise ModelInvalid("the network cannot be written as ONNX")
    program.save(str(path), include_initializers=True)


def _check(model: TrainedModel, network: CalibratedNetwork, path: Path) -> float:
    """The largest difference found; raises ``ModelInvalid`` above ``TOLERANCE``."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(_SEED + 1)
    worst = 0.0
    for size in _CHECKED_BATCHES:
        inputs = _random_inputs(model, size, rng)
        with torch.inference_mode():
            wanted = network(*inputs)
        found = session.run(
            None,
            {port.name: x.numpy() for port, x in zip(session.get_inputs(), inputs, strict=True)},
        )
        for name, expected, got in zip(network.output_names, wanted, found, strict=True):
            unit = model.target_scale if name in IN_RETURNS else 1.0
            worst = max(worst, _gap(torch.from_numpy(got) / unit, expected / unit))
    if not worst <= TOLERANCE:
        raise ModelInvalid(
            f"the ONNX graph differs from PyTorch by {worst:.2g}, more than {TOLERANCE:g}; it was "
            "not written"
        )
    return worst


def _gap(got: Tensor, expected: Tensor) -> float:
    return float(((got - expected).abs() / (1.0 + expected.abs())).max())


def _random_inputs(model: TrainedModel, batch: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Windows as wide as scaling lets them be, volatilities from quiet to wild."""
    length = model.config.model.context_bars
    windows = [
        torch.from_numpy(
            np.clip(rng.standard_t(3, (batch, length, len(names))), -CLIP, CLIP).astype(np.float32)
        )
        for names in model.feature_names
    ]
    ratio = np.exp(rng.normal(0.0, 1.0, (batch, len(HALF_LIVES_BARS))))
    return (*windows, torch.from_numpy((model.target_scale * ratio).astype(np.float32)))


def _facts(model: TrainedModel, network: CalibratedNetwork, difference: float) -> dict[str, Any]:
    calibration = model.calibration
    return {
        "format": FORMAT,
        "config": model.config.model_dump(mode="json"),
        "scalers": [scaler.as_dict() for scaler in model.scalers],
        "target_scale": model.target_scale,
        "volatility_floor": model.volatility_floor,
        "calibration": None if calibration is None else calibration.model_dump(mode="json"),
        "epoch": model.epoch,
        "step": model.step,
        "torch": torch.__version__,
        "onnx": {
            "inputs": [vars(port) for port in input_ports(model)],
            "outputs": list(network.output_names),
            "tolerance": TOLERANCE,
            "largest_difference": difference,
        },
    }


def _readme(model: TrainedModel, network: CalibratedNetwork) -> str:
    inputs = "\n".join(
        f"  {port.name}  {port.shape}\n      {port.meaning}" for port in input_ports(model)
    )
    outputs = "\n".join(f"  {name}  {network.meaning(name)}" for name in network.output_names)
    horizon = model.config.horizons
    return f"""A forecaster trained by AiStemPre.

Decided at each close of {model.config.data.decision_timeframe}: the log-return over the next
{horizon.next_bars} bar(s), and the directions over {horizon.short} and {horizon.long}.

{EXPORT_WEIGHTS}  the weights, for runs_app.forecasting.network.forecaster.Forecaster
{EXPORT_CONFIG}        configuration, scalers, units and calibration
{ONNX_FILE}         the network with its calibration inside

Inputs of {ONNX_FILE}
{inputs}

Outputs of {ONNX_FILE}, in log-returns where they are returns
{outputs}

The network may see a bar only once it has closed. Not investment advice.
"""


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
