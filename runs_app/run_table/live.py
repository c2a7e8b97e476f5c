"""What changed in the rows that a page shows: a small answer, and none where nothing changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from runs_app.models import TrainingRun
from runs_app.queries import about
from runs_app.run_table.lines import RunLine, run_lines

MOST_ROWS = 100
"""Rows that one question asks about; a page has no more."""

MOST_NEWER = 100
"""Newer runs that are counted; the page says "more than" beyond."""


@dataclass(frozen=True)
class Standing:
    """The rows asked for as they stand, and how many runs are newer than the page."""

    keys: tuple[int, ...] = about("Keys of the rows, in the order asked for.")
    newer: int = about("Visible runs made after the page was.")
    etag: str = about("The same only where nothing that a row shows has changed.")

    def lines(self) -> list[RunLine]:
        """The rows themselves."""
        return run_lines(list(self.keys))


def standing(uids: tuple[str, ...], newest: int, form: str) -> Standing:
    """How these rows stand; ``form`` is what else the answer depends on."""
    rows = list(
        TrainingRun.objects.visible()
        .filter(uid__in=uids)
        .values_list(
            "uid", "pk", "last_seq", "status", "cancel_requested_at", "kill_requested_at", "name",
            "tags", "archived_at", "priority",
        )
    )  # fmt: skip
    at = {uid: place for place, uid in enumerate(uids)}
    rows.sort(key=lambda row: at[row[0]])
    found = TrainingRun.objects.filter(pk__gt=newest, trashed_at=None)
    newer = len(found.order_by("pk").values_list("pk", flat=True)[: MOST_NEWER + 1])
    said = repr((rows, newer, form))
    return Standing(
        keys=tuple(row[1] for row in rows),
        newer=newer,
        etag=hashlib.sha256(said.encode()).hexdigest()[:32],
    )
