"""Put right what ``reconcile`` found. Each thing is looked at again before it is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from runs_app.choices import DataSetState
from runs_app.execution import artifacts, reconcile, removal, run_directory, trash
from runs_app.execution.reconcile import Difference, Kind
from runs_app.forecasting.config.document import to_yaml, validate
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forecasting.events import CONFIG_FILE
from runs_app.forecasting.fence import LOCK_FILE
from runs_app.models import DataSet, TrainingRun


@dataclass
class Repaired:
    """What a repair came to."""

    freed: int = 0
    """Bytes on disk."""
    done: list[str] = field(default_factory=list)
    """What was done, one sentence each."""
    left: list[str] = field(default_factory=list)
    """What was not, and why."""


def repair(differences: Sequence[Difference]) -> Repaired:
    """Remove what no row names, and forget rows whose file is gone or is not what it was.

    Runs that are pending or running are left alone, and nothing outside MEDIA_ROOT is touched.
    """
    result = Repaired()
    for uid in dict.fromkeys(one.run for one in differences if one.run):
        try:
            _repair_run(uid, result)
        except (OSError, removal.InUse, trash.NotNow, ConfigInvalid) as error:
            result.left.append(f"Run {uid}: {error}")
    for one in differences:
        if not one.run:
            try:
                _repair_folder(one, result)
            except (OSError, removal.InUse) as error:
                result.left.append(f"{one.path}: {error}")
    return result


def _repair_run(uid: str, result: Repaired) -> None:
    run = TrainingRun.objects.filter(uid=uid).first()
    if run is None:
        return
    directory = run_directory.path_of(uid)
    if run.purge_started_at:
        result.freed += trash.purge(run.pk)
        result.done.append(f"Run {uid} was deleted for good.")
        return
    if run.is_live:
        result.left.append(f"Run {uid} is {run.status}; nothing of it was touched.")
        return
    if reconcile.entries(directory) is None:
        if directory.is_symlink() or directory.exists():
            result.left.append(f"Run {uid}: something that is no folder stands in its place.")
            return
        config = to_yaml(validate(run.config))
        (run_directory.make(uid) / CONFIG_FILE).write_text(config, encoding="utf-8")
        result.done.append(f"Run {uid} got a new folder with its configuration and nothing else.")
    # A trainer that starts meanwhile waits for this lock.
    with removal.unused(directory / LOCK_FILE):
        run.refresh_from_db()
        if run.is_live:
            return
        result.done += [f"Run {uid}: {said}" for said in artifacts.register_all(run.pk, directory)]
        for one in reconcile.differences_of(run):
            if one.kind in (Kind.LEFTOVER, Kind.UNLISTED):
                name = Path(settings.MEDIA_ROOT, one.path).relative_to(directory)
                result.freed += removal.remove_file(directory, name.as_posix())
                result.done.append(f"Run {uid}: {name} was removed.")


def _repair_folder(one: Difference, result: Repaired) -> None:
    path = Path(settings.MEDIA_ROOT, one.path)
    if one.kind is Kind.NO_DIRECTORY:
        waiting = DataSet.objects.filter(store_key=path.name)
        waiting.update(store_key="", state=DataSetState.WAITING)
        result.done.append(f"{one.path}: its file will be read again.")
        return
    roots = (Path(settings.RUNS_ROOT), Path(settings.DATASETS_ROOT))
    if path.parent not in roots or not reconcile.is_settled(path.lstat()) or _has_row(path):
        result.left.append(f"{one.path}: it is in use now.")
        return
    with removal.unused(path / LOCK_FILE):
        result.freed += removal.remove(path.parent, path.name)
    result.done.append(f"{one.path} was removed.")


def _has_row(path: Path) -> bool:
    if path.parent == Path(settings.RUNS_ROOT):
        return TrainingRun.objects.filter(uid=path.name).exists()
    return DataSet.objects.filter(store_key=path.name).exists()
