"""A fit that starts from another run's weights: ``RUN_DIR/init.ckpt``.

Only the weights are taken: optimizer, step count and order of the windows are the fit's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runs_app.forecasting.errors import CheckpointDamaged, ConfigInvalid, DataInvalid, FieldError
from runs_app.forecasting.events import INIT_FILE
from runs_app.forecasting.training.checkpoint import load_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from runs_app.forecasting.config.schema import RunConfig
    from runs_app.forecasting.data.prepare import PreparedData
    from runs_app.forecasting.network.forecaster import Forecaster

SHAPES = ("d_model", "layers", "heads", "context_bars", "patch_length", "patch_stride")
"""Fields of ``model`` that the weights were made for."""


def start_from_branch(
    network: Forecaster, run_dir: Path, config: RunConfig, data: PreparedData
) -> str:
    """Give ``network`` the weights of ``init.ckpt``; which those are, empty where there is none.

    Raises ``ConfigInvalid`` where they do not fit the configuration, ``DataInvalid`` where the
    file is damaged.
    """
    path = run_dir / INIT_FILE
    if not path.exists():
        return ""
    try:
        content = load_checkpoint(path)
        _refuse_other_shapes(content, config, data)
        network.load_state_dict(content["network"])
        epoch, step = int(content["epoch"]), int(content["step"])
    except CheckpointDamaged as damage:
        raise DataInvalid(f"The weights to start from cannot be used: {damage}") from damage
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataInvalid(
            f"{INIT_FILE} is no checkpoint of this version; branch from another checkpoint"
        ) from error
    return f"weights after step {step:,}, epoch {epoch:,}"


def _refuse_other_shapes(content: dict[str, Any], config: RunConfig, data: PreparedData) -> None:
    theirs, ours = content["config"], config.model_dump(mode="json")
    facts = [
        ("data.timeframes", list(content["timeframes"]), list(data.timeframes)),
        (
            "features",
            [list(names) for names in content["feature_names"]],
            [list(names) for names in data.feature_names],
        ),
        ("loss.kind", theirs["loss"]["kind"], ours["loss"]["kind"]),
        *((f"model.{name}", theirs["model"][name], ours["model"][name]) for name in SHAPES),
    ]
    errors = [
        FieldError(
            field,
            f"the weights to start from were trained with {_words(then)}, and this run has "
            f"{_words(now)}; take the old value, or start without these weights",
        )
        for field, then, now in facts
        if then != now
    ]
    if errors:
        raise ConfigInvalid(errors)


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_words(item) for item in value) or "none"
    return str(value)
