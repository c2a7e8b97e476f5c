"""Samples of GPU and host while a run trains. Never raises for a device that cannot answer."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pynvml

from runs_app.disk import read_disk

logger = logging.getLogger(__name__)

MIB = 1024 * 1024
SHORTEST_CPU_SECONDS = 0.5
"""Over less the share of busy processors is chance: a few ticks of the kernel's clock."""
NO_GPU = "No NVIDIA GPU was found on the worker's machine; training runs on the CPU."


@cache
def _nvml_problem() -> str | None:
    """Start NVML once per process; a sentence where there is none."""
    try:
        pynvml.nvmlInit()
        return None if pynvml.nvmlDeviceGetCount() else NO_GPU
    except (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded):
        return NO_GPU
    except pynvml.NVMLError as error:
        return f"The NVIDIA driver does not answer: {error}."


@cache
def gpu_uuids() -> tuple[str, ...]:
    """UUIDs of the devices a run can be given: MIG instances where MIG is on, else whole GPUs."""
    if _nvml_problem():
        return ()
    found: list[str] = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        device = pynvml.nvmlDeviceGetHandleByIndex(index)
        found += _mig_uuids(device) or [pynvml.nvmlDeviceGetUUID(device)]
    return tuple(found)


@cache
def gpu_label(uuid: str) -> str:
    """The name of a device; its UUID where it does not tell."""
    try:
        return str(pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByUUID(uuid)))
    except pynvml.NVMLError:
        return uuid


class Sampler:
    """Samples one trainer, the machine, and the GPUs it was given (none: no GPU).

    Of several GPUs it gives the memory of all and the mean utilisation.
    """

    def __init__(self, gpus: Sequence[str], run_directory: Path) -> None:
        self._gpus = tuple(gpus)
        self._directory = run_directory
        psutil.cpu_percent()  # the first call only sets the starting point
        self._cpu_since = time.monotonic()

    def sample(self, pid: int | None) -> dict[str, Any]:
        """Figures of this moment in percent and MiB; what cannot be measured is left out."""
        memory = psutil.virtual_memory()
        figures: dict[str, Any] = {
            "ram_mb": round((memory.total - memory.available) / MIB),
            "ram_total_mb": round(memory.total / MIB),
        }
        if time.monotonic() - self._cpu_since >= SHORTEST_CPU_SECONDS:
            figures["cpu_percent"] = psutil.cpu_percent()
            self._cpu_since = time.monotonic()
        with suppress(OSError):
            disk = read_disk()
            figures["disk_free_mb"] = round(disk.free / MIB)
            figures["disk_total_mb"] = round(disk.total / MIB)
            figures["run_disk_mb"] = round(_bytes_below(self._directory) / MIB, 1)
        if pid is not None:
            figures["process_ram_mb"] = _tree_memory_mib(pid)
        return figures | self._gpu_figures()

    def _gpu_figures(self) -> dict[str, Any]:
        problem = _nvml_problem()
        if not self._gpus or problem:
            return {"gpu_note": problem or NO_GPU}
        found = [_figures_of(gpu) for gpu in self._gpus]
        figures: dict[str, Any] = {}
        for sample in found:
            figures |= {k: v for k, v in sample.items() if k in ("gpu_name", "gpu_note")}
        for name in ("gpu_memory_mb", "gpu_memory_total_mb"):
            if all(name in sample for sample in found):
                figures[name] = sum(sample[name] for sample in found)
        rates = [sample["gpu_utilization"] for sample in found if "gpu_utilization" in sample]
        if len(rates) == len(found):
            figures["gpu_utilization"] = round(sum(rates) / len(rates))
        if len(found) > 1 and "gpu_name" in figures:
            figures["gpu_name"] = f"{len(found)} x {figures['gpu_name']}"
        return figures


def _figures_of(gpu: str) -> dict[str, Any]:
    try:
        device = pynvml.nvmlDeviceGetHandleByUUID(gpu)
    except pynvml.NVMLError as error:
        return {"gpu_note": f"The GPU of this run does not answer: {error}."}
    figures: dict[str, Any] = {}
    memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, device)
    if memory is not None:
        figures["gpu_memory_mb"] = round(memory.used / MIB)
        figures["gpu_memory_total_mb"] = round(memory.total / MIB)
    name = _ask(pynvml.nvmlDeviceGetName, device)
    if name is not None:
        figures["gpu_name"] = name
    rates = _ask(pynvml.nvmlDeviceGetUtilizationRates, device)
    if rates is not None:
        figures["gpu_utilization"] = rates.gpu
    elif gpu.startswith("MIG-"):
        figures["gpu_note"] = "NVIDIA measures no utilisation for a MIG instance."
    else:
        figures["gpu_note"] = "This GPU reports no utilisation."
    return figures


def _ask(question: Callable[[Any], Any], device: Any) -> Any | None:
    """One NVML answer; None where the device has none."""
    try:
        return question(device)
    except pynvml.NVMLError as error:
        logger.debug("%s: %s", getattr(question, "__name__", question), error)
        return None


def _mig_uuids(device: Any) -> list[str]:
    mode = _ask(pynvml.nvmlDeviceGetMigMode, device)
    if not mode or mode[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
        return []
    count = _ask(pynvml.nvmlDeviceGetMaxMigDeviceCount, device) or 0
    found = []
    for index in range(count):
        try:
            instance = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(device, index)
        except pynvml.NVMLError:
            continue  # no instance stands at this index
        found.append(pynvml.nvmlDeviceGetUUID(instance))
    return found


def _bytes_below(folder: Path) -> int:
    """What the files of a run take on the disk now; one that goes meanwhile counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):  # a folder that goes meanwhile ends nothing
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(place, name).lstat().st_blocks * 512  # POSIX's blocks
    return total


def _tree_memory_mib(pid: int) -> int:
    """Resident memory of a process and everything it started."""
    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for process in tree:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue  # it ended in between
    return round(total / MIB)
