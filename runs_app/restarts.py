"""Processes of the product that ended and were started again, as ``bin/start`` tells it.

The file's form is described in ``bin/launcher/ends.py``. Under any other process manager there is
none, and one left by an earlier ``bin/start`` does not name this process's parent.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Annotated, Literal

from django.conf import settings
from django.utils import timezone
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

SHOWN = timedelta(hours=1)
"""So long the pages speak of a process that is up again."""
MAX_BYTES = 65_536

Name = Literal["valkey", "web", "worker", "beat"]


class Restart(BaseModel):
    """The last end of one process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    restarts: int = Field(ge=1)
    """How often it was started again since ``bin/start``."""
    how: Annotated[str, Field(min_length=1, max_length=200)]
    """Goes on after *The worker process*."""
    ended_at: AwareDatetime
    up: bool
    """Whether it is ready again."""


class _Told(BaseModel):
    launcher: int
    processes: dict[Name, Restart]


def read_restarts() -> dict[Name, Restart]:
    """By name, what ended in the last hour or is down now; empty where nothing is known."""
    try:
        with settings.ENV.ends_file.open("rb") as stream:
            told = _Told.model_validate_json(stream.read(MAX_BYTES))
    except (OSError, ValidationError):
        return {}
    if told.launcher != os.getppid():
        return {}
    since = timezone.now() - SHOWN
    return {n: each for n, each in told.processes.items() if not each.up or each.ended_at > since}
