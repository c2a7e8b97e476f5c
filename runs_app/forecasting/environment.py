"""What a fit ran with: ``RUN_DIR/environment.json``, one record per attempt that began training.

The trainer writes it, because only it knows its device, its threads, its packages and what became
of the candles. No torch, no Django.
"""

from __future__ import annotations

import os
import stat
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from runs_app.forecasting.data.ledger_rows import RowLedger
from runs_app.forecasting.evaluation.documents import Record
from runs_app.forecasting.provenance import CodeState
from runs_app.forecasting.whole_file import write_whole

ENVIRONMENT_FILE = "environment.json"
MAX_BYTES = 4 * 1024 * 1024


class DataFacts(Record):
    """The candles a fit learnt from."""

    source: str
    """As the configuration names the file."""
    source_sha256: str
    """Of the file's bytes."""
    candles_sha256: str
    """Fingerprint of the candles themselves: equal for equal candles, whatever the file."""
    candles: int
    """Those inside the chosen time."""


class Environment(Record):
    """One attempt's surroundings."""

    attempt: int
    at: datetime
    python: str
    platform: str
    torch: str
    device: str
    """``CPU`` or the name of the GPU."""
    devices: int
    threads: int
    """Of torch, in one process."""
    processor: str
    compiled: bool
    packages: dict[str, str]
    """Installed version by name, of what ``requirements.txt`` pins."""
    code: CodeState
    data: DataFacts
    ledger: RowLedger
    purge_seconds: int
    """Left out between two parts of the data."""
    tries: int
    """Runs on the data set so far, this one included; the deflated Sharpe ratio counts them."""
    resumed_from_step: int | None = None
    resume: str = ""
    """``exact`` or ``approximate``, where it went on from a checkpoint."""
    init_sha256: str = ""
    """Of ``init.ckpt``, where the first weights are another run's."""


class Environments(Record):
    """The whole file: attempts in order."""

    attempts: tuple[Environment, ...]


def read_environments(run_dir: Path) -> tuple[Environment, ...]:
    """The records of a run directory; none where there is no such file, or it cannot be read.

    No link is followed and nothing but a regular file of at most ``MAX_BYTES`` is read.
    """
    try:
        descriptor = os.open(
            run_dir / ENVIRONMENT_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        )
        with os.fdopen(descriptor, "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode) or state.st_size > MAX_BYTES:
                return ()
            return Environments.model_validate_json(file.read(MAX_BYTES)).attempts
    except (OSError, ValidationError):
        return ()


def newest_environment(run_dir: Path) -> Environment | None:
    """What the newest attempt of a run directory trained with; None before one began."""
    return next(reversed(read_environments(run_dir)), None)


def add_environment(run_dir: Path, environment: Environment) -> None:
    """Append a record; one of the same attempt is replaced. Raises ``OSError``."""
    before = [one for one in read_environments(run_dir) if one.attempt != environment.attempt]
    whole = Environments(attempts=(*before, environment))
    write_whole(run_dir / ENVIRONMENT_FILE, whole.model_dump_json(indent=2) + "\n")
