"""What the page of a run says about where it comes from, how it stands, and the ways on from it."""

from __future__ import annotations

from dataclasses import dataclass

from runs_app.choices import MAX_LOSSES, RunStatus
from runs_app.endings import Button, Ending, buttons, ending, reason_label
from runs_app.models import TrainingRun
from runs_app.remedies import Change, changes, suggestion

SHOWN_CHILDREN = 20


@dataclass(frozen=True)
class NextSteps:
    """The header's part beside the state itself."""

    reason_label: str
    """The reason of the end in words; empty where there is none."""
    ending: Ending | None
    """Advice for this end; None while the run is live."""
    buttons: list[Button]
    """What can be done now, the likeliest first."""
    changes: list[Change]
    """What a clone that starts at once would change; empty where nothing is suggested."""
    interruption: str
    """Why a waiting run waits again, in a sentence; empty where it was not interrupted."""
    children: list[TrainingRun]
    """Clones and branches of the run, the newest first."""
    more_children: int
    """How many more there are."""


def next_steps(run: TrainingRun) -> NextSteps:
    """The ways on from ``run`` as it stands."""
    children = run.children.filter(trashed_at=None).order_by("-pk").only("uid", "name", "kinship")
    shown = list(children[:SHOWN_CHILDREN])
    more = children.count() - len(shown) if len(shown) == SHOWN_CHILDREN else 0
    return NextSteps(
        reason_label=reason_label(run),
        ending=ending(run),
        buttons=buttons(run),
        changes=changes(run.config, suggestion(run) or {}),
        interruption=interruption(run),
        children=shown,
        more_children=more,
    )


def interruption(run: TrainingRun) -> str:
    """Why a waiting run waits again, with how often that has happened; empty where it has not."""
    if run.status != RunStatus.PENDING or not run.message:
        return ""
    count = f" ({run.losses} of {MAX_LOSSES})" if run.losses else ""
    return f"Interrupted{count}: {run.message}"
