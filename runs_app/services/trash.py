"""Delete runs: to the trash, back from it, and for good."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from runs_app.errors import RunInTrash, RunInUse, RunNotFound, RunNotInTrash, RunStillLive
from runs_app.execution import lifecycle, trash
from runs_app.models import TrainingRun

EMPTY_SECONDS = 20.0
"""How long emptying the trash may keep its sender waiting; workers delete the rest."""


@dataclass
class Emptied:
    """What emptying the trash came to."""

    runs: int = 0
    """Deleted for good."""
    freed: int = 0
    """Bytes on disk."""
    left: int = 0
    """To be deleted by the next sweeps."""
    faults: list[str] = field(default_factory=list)
    """Why runs are not deleted yet, one sentence each."""


def trash_run(uid: str, *, cancel: bool = False) -> TrainingRun:
    """Move a run to the trash; returns it as it stands then.

    One that is pending or running is refused; with ``cancel`` it is cancelled instead, and goes to
    the trash when it has ended, however it ends. Raises ``RunNotFound``, ``RunStillLive`` and
    ``RunInTrash``.
    """
    run = _find(uid)
    if run.is_trashed:
        raise RunInTrash(f"Run {uid} is in the trash already. Restore it, or delete it for good.")
    if run.is_live and not cancel:
        raise RunStillLive(
            f"Run {uid} is still {run.status}; cancel it before you delete it, or choose cancel "
            "and delete."
        )
    # The wish stands before the cancel, so that whoever ends the run sees it.
    if run.is_live and trash.want(run.pk):
        lifecycle.request_cancel(run.pk)
    moved = trash.put_in(run.pk)
    if moved:
        return moved
    run.refresh_from_db()
    if run.is_trashed:
        trash.weigh(run.pk)
        run.refresh_from_db()
    return run


def restore_run(uid: str) -> TrainingRun:
    """Take a run out of the trash, as it was. Raises ``RunNotFound`` and ``RunNotInTrash``."""
    run = _find(uid)
    restored = trash.take_out(run.pk)
    if restored is None:
        raise RunNotInTrash(_why_not_there(TrainingRun.objects.filter(pk=run.pk).first(), uid))
    return restored


def purge_run(uid: str) -> int:
    """Delete a run of the trash for good; returns the bytes freed on disk.

    Interrupted, it can be called again, and the sweep goes on with it. Raises ``RunNotFound``,
    ``RunNotInTrash``, ``RunInUse`` and ``OSError``.
    """
    run = _find(uid)
    if not run.is_trashed:
        raise RunNotInTrash(f"Run {uid} is not in the trash. Delete it first.")
    try:
        return trash.purge(run.pk)
    except trash.NotNow as error:
        raise RunInUse(str(error)) from error


def empty_trash() -> Emptied:
    """Delete every run of the trash for good, as far as that goes in ``EMPTY_SECONDS``.

    What is left then is certain to go: it cannot be restored any more, and the sweep deletes it.
    """
    until = time.monotonic() + EMPTY_SECONDS
    done = Emptied()
    marked = [trash.start_purge(pk) for pk in _keys()]
    for run in marked:
        if run is None:
            continue
        if time.monotonic() > until:
            done.left += 1
            continue
        try:
            done.freed += trash.purge(run.pk)
            done.runs += 1
        except trash.NotNow as error:
            done.faults.append(str(error))
        except OSError as error:
            done.faults.append(f"Run {run.uid}: {error.strerror or error}.")
    return done


def refuse_trashed(run: TrainingRun) -> None:
    """Raise ``RunInTrash`` for a run in the trash."""
    if run.is_trashed:
        raise RunInTrash(f"Run {run.uid} is in the trash; restore it first.")


def _keys() -> list[int]:
    return list(TrainingRun.objects.trashed().values_list("pk", flat=True))


def _find(uid: str) -> TrainingRun:
    run = TrainingRun.objects.filter(uid=uid).first()
    if run is None:
        raise RunNotFound(f"There is no run {uid}.")
    return run


def _why_not_there(run: TrainingRun | None, uid: str) -> str:
    if run is None or run.purge_started_at:
        return f"Run {uid} is being deleted for good; it cannot be restored any more."
    return f"Run {uid} is not in the trash."
