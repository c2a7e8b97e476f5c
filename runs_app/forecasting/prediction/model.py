"""A trained network with all that its inputs and its units need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.scaling import Scaler
from runs_app.forecasting.errors import ModelInvalid
from runs_app.forecasting.evaluation.calibration import Calibration
from runs_app.forecasting.evaluation.predictive import FloatArray, Predictive
from runs_app.forecasting.losses.forecast import Forecast
from runs_app.forecasting.network.forecaster import Forecaster
from runs_app.forecasting.training.checkpoint import load_checkpoint, restore_network
from runs_app.forecasting.training.predictive import float64, predictive_of

EXPORT_WEIGHTS, EXPORT_CONFIG = "model.safetensors", "config.json"


@dataclass(frozen=True)
class TrainedModel:
    """One checkpoint, ready to forecast.

    ``target_scale`` turns the network's standardised units into log-returns. ``volatility_floor``
    is the least volatility of one bar, learnt on the train part. ``calibration`` is None where the
    fit was stopped before it was judged.
    """

    config: RunConfig
    network: Forecaster
    scalers: tuple[Scaler, ...]
    target_scale: float
    volatility_floor: float
    calibration: Calibration | None
    epoch: int
    step: int

    @property
    def feature_names(self) -> tuple[tuple[str, ...], ...]:
        """Names of the features of each timeframe, shortest bar first."""
        return tuple(scaler.names for scaler in self.scalers)

    def judge(self, parts: list[Forecast]) -> tuple[Predictive, FloatArray, FloatArray]:
        """What the network's outputs say: the calibrated distribution of the log-return, and the
        calibrated probabilities [N, 3] of the short and of the long direction.
        """
        forecast = Forecast.concatenate(parts)
        kind = self.config.loss.kind
        predictive = predictive_of(forecast, kind, target_scale=self.target_scale)
        short = float64(torch.softmax(forecast.short_logits.double(), dim=-1))
        long = float64(torch.softmax(forecast.long_logits.double(), dim=-1))
        known = self.calibration
        if known is None:
            return predictive, short, long
        return known.apply(predictive), known.short.apply(short), known.long.apply(long)


def load_model(path: Path) -> TrainedModel:
    """Read a checkpoint, or the folder of an export; nothing in it is executed.

    Raises ``ModelInvalid``.
    """
    if path.is_dir():
        return _model_of(_exported(path))
    if not path.is_file():
        raise ModelInvalid(f"{path.name} does not exist; train the run first")
    try:
        content = load_checkpoint(path, device=torch.device("cpu"))
    except Exception as error:  # torch.load raises what the damage happens to break
        raise ModelInvalid(
            f"{path.name} is no checkpoint, or is damaged; take another checkpoint of the run"
        ) from error
    try:
        return _model_of(content)
    except (KeyError, TypeError, ValidationError, RuntimeError) as error:
        raise ModelInvalid(
            f"{path.name} was written by another version of the product, or is no checkpoint of "
            "it; train the run again"
        ) from error


def _exported(folder: Path) -> dict[str, Any]:
    """The contents of an export, in the form of a checkpoint's."""
    try:
        facts: dict[str, Any] = json.loads((folder / EXPORT_CONFIG).read_text(encoding="utf-8"))
        network = load_file(folder / EXPORT_WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelInvalid(
            f"{folder.name} is no exported model: {EXPORT_CONFIG} and {EXPORT_WEIGHTS} belong there"
        ) from error
    names = [scaler["names"] for scaler in facts["scalers"]]
    return facts | {"network": network, "feature_names": names}


def _model_of(content: dict[str, Any]) -> TrainedModel:
    calibration = content.get("calibration")
    return TrainedModel(
        config=RunConfig.model_validate(content["config"]),
        network=restore_network(content),
        scalers=tuple(Scaler.from_dict(values) for values in content["scalers"]),
        target_scale=float(content["target_scale"]),
        volatility_floor=float(content["volatility_floor"]),
        calibration=None if calibration is None else Calibration.model_validate(calibration),
        epoch=int(content["epoch"]),
        step=int(content["step"]),
    )
