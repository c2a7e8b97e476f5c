"""What a run cannot know by itself and is told by whoever started it: ``RUN_DIR/context.json``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from runs_app.forecasting.evaluation.documents import Record
from runs_app.forecasting.whole_file import write_shared

CONTEXT_FILE = "context.json"


class RunContext(Record):
    """What stands around a run; without the file a run is taken for the first try."""

    tries: int = Field(default=1, ge=1)
    """Runs started on the same data set so far, this one included."""


def read_context(run_dir: Path) -> RunContext:
    """The context of a run directory. Raises ``pydantic.ValidationError``, a ``ValueError``."""
    path = run_dir / CONTEXT_FILE
    if not path.exists():
        return RunContext()
    return RunContext.model_validate_json(path.read_bytes())


def write_context(run_dir: Path, context: RunContext) -> None:
    """Write the file, whole or not at all, before the fit starts. Raises ``OSError``."""
    write_shared(run_dir / CONTEXT_FILE, f"{context.model_dump_json()}\n")
