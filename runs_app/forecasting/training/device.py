"""Where the fit runs, and on how many cores."""

from __future__ import annotations

import os

import torch

from runs_app.forecasting.config.schema import Accelerator
from runs_app.forecasting.cores import threads_for
from runs_app.forecasting.errors import ConfigInvalid, FieldError


def choose_device(accelerator: Accelerator) -> torch.device:
    """The device of the fit. Raises ``ConfigInvalid`` when a GPU is wanted and there is none."""
    has_gpu = accelerator is not Accelerator.CPU and torch.cuda.is_available()
    if accelerator is Accelerator.GPU and not has_gpu:
        raise ConfigInvalid(
            [
                FieldError(
                    "train.accelerator",
                    "there is no GPU that torch can use on this machine; choose auto or cpu",
                )
            ]
        )
    return torch.device("cuda", 0) if has_gpu else torch.device("cpu")


def use_available_cores() -> None:
    """Take the threads that are this fit's share; ``OMP_NUM_THREADS`` in the environment wins."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    given = int(wanted) if wanted.isdecimal() else 0
    torch.set_num_threads(given or threads_for())


def describe_device(device: torch.device) -> str:
    """``CPU (2 threads)`` or the GPU's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU ({threads} thread{'s' if threads != 1 else ''})"
