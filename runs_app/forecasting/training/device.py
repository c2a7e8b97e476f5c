"""Where the fit runs, and on how many cores."""

from __future__ import annotations

import os

import torch

from runs_app.forecasting.config.schema import Accelerator, TrainConfig
from runs_app.forecasting.cores import threads_for
from runs_app.forecasting.counted import counted
from runs_app.forecasting.errors import ConfigInvalid, FieldError


def choose_device(config: TrainConfig, *, rank: int = 0, ranks: int = 1) -> torch.device:
    """The device of process ``rank`` of a fit's ``ranks`` processes; each has a GPU of its own.

    Raises ``ConfigInvalid`` when a GPU is wanted and there is none, when there are too few, and
    when ``config`` wants another number of processes than there are.
    """
    if config.devices != ranks:
        raise _refusal(
            "devices", f"is {config.devices}, but the fit was started with {ranks} process(es)"
        )
    has_gpu = config.accelerator is not Accelerator.CPU and torch.cuda.is_available()
    if config.accelerator is Accelerator.GPU and not has_gpu:
        raise _refusal(
            "accelerator", "there is no GPU that torch can use on this machine; choose auto or cpu"
        )
    if not has_gpu:
        return torch.device("cpu")
    there = torch.cuda.device_count()
    if there < ranks:
        raise _refusal(
            "devices",
            f"{counted(ranks, 'GPU is', 'GPUs are')} wanted and torch can use {there} here; "
            f"choose at most {there}, or the CPU (train.accelerator)",
        )
    torch.cuda.set_device(rank)
    return torch.device("cuda", rank)


def _refusal(field: str, message: str) -> ConfigInvalid:
    return ConfigInvalid([FieldError(f"train.{field}", message)])


def use_available_cores(ranks: int = 1) -> None:
    """Take the threads that are this fit's share; ``OMP_NUM_THREADS`` in the environment wins.

    The ``ranks`` processes of a fit divide them.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    given = int(wanted) if wanted.isdecimal() else 0
    torch.set_num_threads(max(1, (given or threads_for()) // ranks))


def describe_device(device: torch.device, ranks: int = 1) -> str:
    """``CPU (2 threads)`` or the GPU's name, and how many of them."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        return name if ranks == 1 else f"{ranks} x {name}"
    threads = torch.get_num_threads()
    each = counted(threads, "thread")
    return f"CPU ({each})" if ranks == 1 else f"CPU ({ranks} processes of {each})"
