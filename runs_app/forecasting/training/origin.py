"""On what a fit runs, as far as its last bits depend on it."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from runs_app.forecasting.config.schema import RunConfig
    from runs_app.forecasting.data.prepare import PreparedData

CPU_INFO = Path("/proc/cpuinfo")


def origin_of(data: PreparedData, device: torch.device, config: RunConfig) -> dict[str, str]:
    """By name: ``data`` (a digest), ``torch``, ``device``, ``threads``, ``processor``,
    ``compile``."""
    on_gpu = device.type == "cuda"
    return {
        "data": digest(data),
        "torch": str(torch.__version__),
        "device": torch.cuda.get_device_name(device) if on_gpu else "CPU",
        "threads": str(torch.get_num_threads()),
        "processor": f"{_processor()} {torch.backends.cpu.get_cpu_capability()}",
        "compile": "on" if config.train.compile else "off",
    }


def digest(data: PreparedData) -> str:
    """SHA-256 of when decisions are made, their outcomes, and the features' names and scaling."""
    found = hashlib.sha256()
    found.update(data.decision_time.tobytes())
    for values in (data.target, data.volatility, data.short_label, data.long_label):
        found.update(values.numpy().tobytes())
    found.update(repr((data.timeframes, data.feature_names, data.scalers)).encode())
    return found.hexdigest()


def differences(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """Why the same steps may end in other bits; empty where they may not."""
    reasons = []
    if now["device"] != "CPU":
        reasons.append(f"{now['device']} adds numbers in no fixed order")
    if now["compile"] == "on":
        reasons.append("torch.compile may choose other kernels")
    names = {"torch": "torch", "device": "device", "threads": "threads", "processor": "processor"}
    reasons += [
        f"{label} was {then[name]} and is {now[name]}"
        for name, label in names.items()
        if then[name] != now[name]
    ]
    return reasons


def _processor() -> str:
    try:
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
