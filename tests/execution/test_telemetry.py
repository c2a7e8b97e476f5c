"""Samples of GPUs that cannot answer everything; the driver's answers are put in at its door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from runs_app.execution import telemetry

GIB = 1024 * telemetry.MIB


def refuse(error: int) -> Callable[..., Any]:
    def ask(*_: object) -> Any:
        raise pynvml.NVMLError(error)

    return ask


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A driver with one whole GPU that answers everything."""
    answers: dict[str, Callable[..., Any]] = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda _: "handle",
        "nvmlDeviceGetHandleByUUID": lambda _: "handle",
        "nvmlDeviceGetUUID": lambda handle: f"GPU-{handle}",
        "nvmlDeviceGetMigMode": refuse(pynvml.NVML_ERROR_NOT_SUPPORTED),
        "nvmlDeviceGetName": lambda _: "NVIDIA Example",
        "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(used=2 * GIB, total=8 * GIB),
        "nvmlDeviceGetUtilizationRates": lambda _: SimpleNamespace(gpu=37),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)
    caches = (telemetry._nvml_problem, telemetry.gpu_uuids)
    for cached in caches:
        cached.cache_clear()
    yield monkeypatch
    for cached in caches:
        cached.cache_clear()


def gpu_part(uuid: str) -> dict[str, Any]:
    sample = telemetry.Sampler([uuid], Path("none")).sample(None)
    return {name: value for name, value in sample.items() if name.startswith("gpu")}


@pytest.mark.usefixtures("driver")
def test_a_whole_gpu() -> None:
    assert telemetry.gpu_uuids() == ("GPU-handle",)
    assert gpu_part("GPU-handle") == {
        "gpu_name": "NVIDIA Example",
        "gpu_memory_mb": 2048,
        "gpu_memory_total_mb": 8192,
        "gpu_utilization": 37,
    }


def test_a_mig_instance_has_no_utilisation(driver: pytest.MonkeyPatch) -> None:
    unsupported = refuse(pynvml.NVML_ERROR_NOT_SUPPORTED)
    driver.setattr(pynvml, "nvmlDeviceGetUtilizationRates", unsupported)
    driver.setattr(pynvml, "nvmlDeviceGetMigMode", lambda _: (1, 1))
    driver.setattr(pynvml, "nvmlDeviceGetMaxMigDeviceCount", lambda _: 3)
    instances = {0: "a", 2: "c"}

    def instance(_: object, index: int) -> str:
        if index not in instances:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return instances[index]

    driver.setattr(pynvml, "nvmlDeviceGetMigDeviceHandleByIndex", instance)
    driver.setattr(pynvml, "nvmlDeviceGetUUID", lambda handle: f"MIG-{handle}")

    assert telemetry.gpu_uuids() == ("MIG-a", "MIG-c")
    part = gpu_part("MIG-a")
    assert "MIG" in part["gpu_note"]
    assert part["gpu_memory_mb"] == 2048
    assert "gpu_utilization" not in part


def test_a_gpu_that_fell_off_the_bus_stops_nothing(driver: pytest.MonkeyPatch) -> None:
    driver.setattr(pynvml, "nvmlDeviceGetHandleByUUID", refuse(pynvml.NVML_ERROR_GPU_IS_LOST))

    assert "does not answer" in gpu_part("GPU-handle")["gpu_note"]


def test_no_driver(driver: pytest.MonkeyPatch) -> None:
    driver.setattr(pynvml, "nvmlInit", refuse(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND))

    assert telemetry.gpu_uuids() == ()
    assert gpu_part("GPU-x") == {"gpu_note": telemetry.NO_GPU}
