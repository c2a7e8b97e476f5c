"""``torch.compile``, or a sentence where this machine cannot do it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, cast

import torch

from runs_app.forecasting.errors import ConfigInvalid, FieldError

if TYPE_CHECKING:
    from collections.abc import Callable

    from runs_app.forecasting.losses.forecast import Forecast
    from runs_app.forecasting.network.forecaster import Forecaster

COMPILERS = ("g++", "clang++")


def compiled(network: Forecaster, device: torch.device) -> Callable[..., Forecast]:
    """The network as one compiled function over the same weights.

    Compiles a line of arithmetic first, so that a machine that cannot do it is found out before the
    first step. Raises ``ConfigInvalid``.
    """
    if device.type == "cpu":
        _require_compiler()
    try:
        torch.compile(lambda x: (x * 2.0).sin())(torch.ones(8, device=device))
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise _refusal(f"does not work on this machine ({reason})") from error
    return cast("Callable[..., Forecast]", torch.compile(network))


def _require_compiler() -> None:
    if not any(shutil.which(name) for name in COMPILERS):
        raise _refusal(f"needs a C++ compiler on the worker's machine ({' or '.join(COMPILERS)})")


def _refusal(why: str) -> ConfigInvalid:
    return ConfigInvalid([FieldError("train.compile", f"{why}; switch it off")])
