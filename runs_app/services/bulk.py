"""One intent for several runs, each done by itself; what did not go is told run by run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from runs_app.errors import RunError
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.services.cancel import cancel_run
from runs_app.services.labels import RunEdit, change_tags, edit_run
from runs_app.services.trash import trash_run

MOST_RUNS = 500
"""Runs of one call; each is a few queries."""


class Bulk(StrEnum):
    """What can be done to several runs."""

    CANCEL = "cancel"
    TAG = "tag"
    UNTAG = "untag"
    ARCHIVE = "archive"
    UNARCHIVE = "unarchive"
    DELETE = "delete"


TAGGING = frozenset({Bulk.TAG, Bulk.UNTAG})
"""What needs tags."""


@dataclass
class BulkDone:
    """What came of it: ids in the order asked for, and a sentence for each that did not go."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def do_to_all(
    action: Bulk, uids: list[str], *, tags: tuple[str, ...] = (), cancel: bool = False
) -> BulkDone:
    """Do it to each run; ``cancel`` lets *delete* stop a live one first."""
    acts: dict[Bulk, Callable[[str], object]] = {
        Bulk.CANCEL: cancel_run,
        Bulk.TAG: lambda uid: change_tags(uid, add=tags),
        Bulk.UNTAG: lambda uid: change_tags(uid, remove=tags),
        Bulk.ARCHIVE: lambda uid: edit_run(uid, RunEdit(archived=True)),
        Bulk.UNARCHIVE: lambda uid: edit_run(uid, RunEdit(archived=False)),
        Bulk.DELETE: lambda uid: trash_run(uid, cancel=cancel),
    }
    result = BulkDone()
    for uid in dict.fromkeys(uids):
        try:
            acts[action](uid)
        except RunError as error:
            result.failed[uid] = str(error)
        except ConfigInvalid as invalid:
            result.failed[uid] = f"Run {uid}: {invalid}"
        else:
            result.done.append(uid)
    return result
