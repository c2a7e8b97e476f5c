"""What a run directory's own log says about its checkpoints. No torch, no Django.

The log is ``events.jsonl``. Between the moment at which a checkpoint gets its name and the one at
which its event is on the disk a trainer may be killed; so the trainer writes what it is about to
name into ``written.json`` first, and a file that matches that is as good as announced.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from runs_app.forecasting.events import (
    CHECKPOINT_DIR,
    EVENTS_FILE,
    CheckpointRemoved,
    CheckpointSaved,
    from_line,
)
from runs_app.forecasting.whole_file import write_whole

WRITTEN_FILE = "written.json"
PATH = re.compile(rf"{CHECKPOINT_DIR}/[\w-][\w.-]*\.ckpt")
MARKS = (b'"kind":"checkpoint"', b'"kind":"checkpoint_removed"')
"""A line without one of these is no such event: finding that out is far cheaper than JSON."""


@dataclass(frozen=True)
class Recorded:
    """The newest ``CheckpointSaved`` of every path that was not removed after it."""

    saved: dict[str, CheckpointSaved]
    """In the order of their saving."""
    unannounced: CheckpointSaved | None = None
    """The last one that was about to get its name, where its event was not written."""

    def accepts(self, path: str) -> tuple[CheckpointSaved, ...]:
        """The events of which the file ``path`` may be; none where nothing is known of it."""
        known = (self.saved.get(path), self.unannounced)
        return tuple(one for one in known if one is not None and one.path == path)


def recorded_checkpoints(run_dir: Path) -> Recorded:
    """Read the log once. A run directory without one has none."""
    saved: dict[str, CheckpointSaved] = {}
    try:
        with (run_dir / EVENTS_FILE).open("rb") as lines:
            for line in lines:
                if not any(mark in line for mark in MARKS):
                    continue
                try:
                    event = from_line(line)
                except ValueError:  # a half-written line, which no reader takes
                    continue
                if isinstance(event, CheckpointSaved) and PATH.fullmatch(event.path):
                    saved.pop(event.path, None)
                    saved[event.path] = event
                elif isinstance(event, CheckpointRemoved):
                    saved.pop(event.path, None)
    except FileNotFoundError:
        pass
    written = read_written(run_dir)
    if written is not None and written == saved.get(written.path):
        written = None
    return Recorded(saved, written)


def note_written(run_dir: Path, event: CheckpointSaved) -> None:
    """Say which checkpoint is about to get its name. Raises ``OSError``."""
    write_whole(run_dir / WRITTEN_FILE, event.model_dump_json() + "\n")


def read_written(run_dir: Path) -> CheckpointSaved | None:
    """What ``note_written`` said last; None where it said nothing."""
    try:
        found = json.loads((run_dir / WRITTEN_FILE).read_text(encoding="utf-8"))
        event = CheckpointSaved.model_validate(found)
    except (OSError, ValueError):
        return None
    return event if PATH.fullmatch(event.path) else None
