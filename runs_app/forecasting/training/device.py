"""Where the fit runs, and on how many cores."""

from __future__ import annotations

import math
import os
from pathlib import Path

import torch

from runs_app.forecasting.config.schema import Accelerator
from runs_app.forecasting.errors import ConfigInvalid, FieldError

CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


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
    """One thread fewer than cores may be used; ``OMP_NUM_THREADS`` in the environment wins.

    torch counts all cores of a host, also inside a container that may use two of them. And its
    threads wait for one another at every operation: where one of them shares its core with the web
    server or a browser, all stand still. On two busy cores, two threads took 15 times as long as
    one (measured on the tiny preset), hence one core is left to the others.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    given = int(wanted) if wanted.isdecimal() else 0
    torch.set_num_threads(given or max(1, _cores() - 1))


def describe_device(device: torch.device) -> str:
    """``CPU (2 threads)`` or the GPU's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU ({threads} thread{'s' if threads != 1 else ''})"


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = CGROUP_LIMIT.read_text().split()
        limit = math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no control group, or no limit in it ("max")
        limit = cores or 1
    return max(1, min(cores or 1, limit))
