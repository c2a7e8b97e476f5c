"""A leak check as a job: which configuration, on which candles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings

from runs_app.execution.core_process import Command
from runs_app.models import Job

MODULE = "runs_app.forecasting.training.check_command"
MEMORY_BYTES = 4 * 1024**3
"""2.6 million candles in seven timeframes, their features twice."""


def command(job: Job) -> Command:
    """``arguments``: ``config``, the resolved configuration."""
    return command_of(job.arguments["config"])


def command_of(config: dict[str, Any]) -> Command:
    """Check a resolved configuration and its data for leaks."""
    root = Path(settings.DATA_ROOT).resolve()
    return Command(
        MODULE, (json.dumps(config), "--data-root", str(root)), memory_bytes=MEMORY_BYTES
    )
