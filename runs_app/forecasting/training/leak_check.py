"""All leak checks of one configuration and its data: the sentinel, and the control beside it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from torch import Tensor

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.prepare import PreparedData
from runs_app.forecasting.evaluation.documents import LeakCheck
from runs_app.forecasting.leaks.evidence import Evidence
from runs_app.forecasting.leaks.sentinel import find_leaks
from runs_app.forecasting.training.control import shuffled_label_control

LOG = logging.getLogger(__name__)


def check_leaks(
    config: RunConfig, data: PreparedData, *, check_stop: Callable[[], None]
) -> LeakCheck:
    """Whether anything that is fed to a network could know the future.

    A few seconds at most; ``check_stop`` may raise in between. Torch's generators stay as they are.
    """
    began = time.perf_counter()
    check_stop()
    findings = find_leaks(evidence_of(config, data), seed=config.train.seed)
    control = shuffled_label_control(
        config,
        data.candles,
        decisions=sum(len(rows) for rows in data.splits.values()),
        seed=config.train.seed,
        check_stop=check_stop,
    )
    findings = (*findings, control)
    passed = all(finding.passed for finding in findings)
    return LeakCheck(
        passed=passed, findings=findings, seconds=round(time.perf_counter() - began, 3)
    )


def log_leaks(check: LeakCheck) -> None:
    """One line for a check that found nothing, one for each fault otherwise."""
    if check.passed:
        LOG.info("Leak check: %d checks passed", len(check.findings))
    for finding in check.findings:
        if not finding.passed:
            LOG.error("Leak check %s failed: %s", finding.name, finding.detail)


def evidence_of(config: RunConfig, data: PreparedData) -> Evidence:
    """The run's own arrays for the sentinel; nothing is copied."""
    return Evidence(
        config=config,
        candles=data.candles,
        features=tuple(_array(values) for values in data.features),
        last_bar=tuple(_array(last) for last in data.last_bar),
        decision_bar=data.decision_bar,
        decision_time=data.decision_time,
        target=_array(data.target),
        short_label=_array(data.short_label),
        long_label=_array(data.long_label),
        volatility=_array(data.volatility),
        volatility_floor=data.volatility_floor,
        splits={part: _array(rows) for part, rows in data.splits.items()},
        scalers=data.scalers,
    )


def _array(tensor: Tensor) -> Any:
    return tensor.numpy()
