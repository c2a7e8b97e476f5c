"""Branch a run: a new run that starts from the weights of one of its checkpoints."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runs_app.choices import Kinship
from runs_app.endings import Button, instead
from runs_app.errors import ArtifactNotFound, CheckpointUnusable, RunNotCopyable
from runs_app.execution import run_directory
from runs_app.execution.artifacts import CHUNK_BYTES
from runs_app.execution.lifecycle import Kin, create_run
from runs_app.forecasting.config.paths import FIELDS, get_path
from runs_app.forecasting.config.request import RunRequest, flat_from_config, parse_request
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.forecasting.events import INIT_FILE
from runs_app.models import Checkpoint, TrainingRun
from runs_app.services.checkpoints import find_checkpoint
from runs_app.services.clone import COPY, changed, copy_name, run_to_copy
from runs_app.services.launch import MAX_NAME, check, clean_name, refuse_full
from runs_app.services.run_files import open_run_file

FREE = {"model.variant", "model.dropout"}
"""Fields of the network that its weights were not made for."""

FIXED = tuple(
    path
    for path in FIELDS
    if path in {"data.timeframes", "loss.kind"}
    or (path.startswith(("model.", "features.")) and path not in FREE)
)
"""Fields that a branch has in common with its parent, or the weights would not fit."""


def branch_run(
    uid: str,
    checkpoint: str = "",
    changes: Mapping[str, Any] | None = None,
    *,
    name: Any = None,
) -> TrainingRun:
    """A new pending run that starts from a checkpoint: the one named, else the best, else the last.

    It has its parent's form but for ``changes``. Raises ``RunNotFound``, ``RunNotCopyable``,
    ``CheckpointNotFound``, ``CheckpointUnusable``, ``ConfigInvalid`` and ``OSError``.
    """
    run = run_to_branch(uid)
    row = find_checkpoint(run, checkpoint)
    label = branch_name(run) if name is None else clean_name(name)
    return _start(run, row, changed(run, changes or {}), label)


def launch_branch(uid: str, checkpoint: str, payload: Any, *, name: str = "") -> TrainingRun:
    """The same from a whole form, as the builder holds it."""
    run = run_to_branch(uid)
    row = find_checkpoint(run, checkpoint)
    return _start(run, row, parse_request(payload), clean_name(name))


def run_to_branch(uid: str) -> TrainingRun:
    """The run, which may be live. Raises ``RunNotFound`` and ``RunNotCopyable``."""
    run = run_to_copy(uid)
    if not run.checkpoints.exists():
        raise RunNotCopyable(
            f"Run {uid} has no checkpoint to branch from. {instead(run, Button.BRANCH)}"
        )
    return run


def branch_name(run: TrainingRun) -> str:
    """The name of a run's branch."""
    return f"branch of {copy_name(run).removeprefix(COPY)}"[:MAX_NAME]


def words_of(row: Checkpoint) -> str:
    """Whose weights a branch starts from: ``checkpoint-epoch3 (step 1,200)``."""
    name = row.path.rpartition("/")[2].removesuffix(".ckpt")
    return f"{name} (step {row.step:,})"


def weights_of(run: TrainingRun, path: str) -> str:
    """The same of a checkpoint by its path; empty where there is none any more."""
    row = run.checkpoints.filter(path=path).first()
    return words_of(row) if row else ""


def check_branch(run: TrainingRun, config: RunConfig) -> None:
    """Refuse a configuration that the run's weights do not fit; raises ``ConfigInvalid``."""
    ours = config.model_dump(mode="json")
    errors = []
    for path in FIXED:
        try:
            then = get_path(run.config, path)
        except KeyError:
            continue
        now = get_path(ours, path)
        if then != now:
            message = (
                f"must stay {_shown(then)} in a branch: the weights of run {run.uid} were made for "
                f"it, not for {_shown(now)}. Put it back, or use Clone, which starts anew"
            )
            errors.append(FieldError(path, message))
    if errors:
        raise ConfigInvalid(errors)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    return str(value)


def _start(run: TrainingRun, row: Checkpoint, request: RunRequest, label: str) -> TrainingRun:
    refuse_full()
    config = check(request)
    try:
        check_branch(run, config)
    except ConfigInvalid as invalid:
        raise request.renamed(invalid) from invalid
    kin = Kin(run, Kinship.BRANCH, words_of(row))
    with _weights(run, row) as weights:
        return create_run(
            config,
            flat_from_config(config),
            label,
            kin=kin,
            furnish=lambda directory: weights.replace(directory / INIT_FILE),
        )


@contextmanager
def _weights(run: TrainingRun, row: Checkpoint) -> Iterator[Path]:
    """A copy of the checkpoint whose SHA-256 is the recorded one, beside the run's own files.

    Made before the new run is stored, so that no lock of the database waits for a large file; what
    is not moved away is removed. Raises ``CheckpointUnusable`` and ``OSError``.
    """
    copy = run_directory.path_of(run.uid) / f".{INIT_FILE}.{secrets.token_hex(6)}.part"
    try:
        _copy(run, row, copy)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _copy(run: TrainingRun, row: Checkpoint, copy: Path) -> None:
    try:
        source = open_run_file(run, row.path)
    except ArtifactNotFound as error:
        raise CheckpointUnusable(
            f"The file of {row.path} is not there any more. Branch from another checkpoint."
        ) from error
    digest = hashlib.sha256()
    with source.file, copy.open("xb") as target:
        while chunk := source.file.read(CHUNK_BYTES):
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    if digest.hexdigest() != row.sha256:
        raise CheckpointUnusable(
            f"The file of {row.path} is not what was saved: its SHA-256 differs from the recorded "
            f"one. {'Try again in a moment, or branch' if run.is_live else 'Branch'} from another "
            "checkpoint."
        )
