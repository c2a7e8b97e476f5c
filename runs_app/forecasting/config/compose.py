"""Presets of ``configs/`` composed by Hydra, the caller's values laid over them, all checked."""

from __future__ import annotations

import copy
import threading
from functools import cache
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from runs_app.forecasting.config.document import (
    check_tree,
    from_yaml,
    parse_yaml,
    to_tree,
    to_yaml,
    validate,
)
from runs_app.forecasting.config.paths import Tree, get_path, merge
from runs_app.forecasting.config.schema import LossKind, RunConfig, Variant

__all__ = [
    "compose_config",
    "from_yaml",
    "parse_yaml",
    "preset_tree",
    "preset_value",
    "preset_values",
    "to_tree",
    "to_yaml",
]

CONFIG_DIR = Path(__file__).resolve().parents[3] / "configs"
DEFAULT_VARIANT = Variant.BASE
DEFAULT_LOSS = LossKind.STUDENT_T

# Hydra's compose API is one process-wide singleton: two threads composing at once would each see
# the other's search path.
HYDRA_LOCK = threading.RLock()


@cache
def _composed(variant: Variant, loss: LossKind) -> Tree:
    with (
        HYDRA_LOCK,
        initialize_config_dir(str(CONFIG_DIR), job_name="runs", version_base="1.3"),
    ):
        config = compose("config", overrides=[f"model={variant}", f"loss={loss}"])
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    return cast("Tree", plain)


def preset_tree(variant: str = DEFAULT_VARIANT, loss: str = DEFAULT_LOSS) -> Tree:
    """All values of a preset, nested; only ``data.source`` is missing. Raises ``ValueError``."""
    return copy.deepcopy(_composed(Variant(variant), LossKind(loss)))


def preset_value(path: str, variant: str = DEFAULT_VARIANT, loss: str = DEFAULT_LOSS) -> Any:
    """One value of a preset. Raises ``KeyError`` for a path that is none of it, ``ValueError``."""
    return copy.deepcopy(get_path(_composed(Variant(variant), LossKind(loss)), path))


def preset_values(variant: str) -> dict[str, Any]:
    """What choosing a preset fills in, by dotted path (``model.d_model``, ``train.batch_size``).

    Holds the network's values and every training value in which some preset differs from the rest.
    """
    chosen = preset_tree(variant)
    others = [preset_tree(other) for other in Variant]
    values = {f"model.{key}": value for key, value in chosen["model"].items()}
    for key, value in chosen["train"].items():
        if any(other["train"][key] != value for other in others):
            values[f"train.{key}"] = value
    return values


def _choice(values: Tree, path: str, default: str) -> str:
    """The group choice a request names; the schema reports one that is not offered."""
    try:
        chosen = get_path(values, path)
    except KeyError:
        return default
    kinds: type[Variant] | type[LossKind] = Variant if path == "model.variant" else LossKind
    known = isinstance(chosen, str) and chosen in {str(kind) for kind in kinds}
    return str(chosen) if known else default


def compose_config(values: Tree) -> RunConfig:
    """The run's configuration: the preset that ``values`` choose, with ``values`` laid over it.

    ``values`` is nested as the schema; what it does not name comes from ``configs/``. Raises
    ``ConfigInvalid`` naming every field at fault by its dotted schema path.
    """
    check_tree(values)
    variant = _choice(values, "model.variant", DEFAULT_VARIANT)
    loss = _choice(values, "loss.kind", DEFAULT_LOSS)
    return validate(merge(preset_tree(variant, loss), values))
