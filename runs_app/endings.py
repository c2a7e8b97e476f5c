"""The ends of a run, each with its words, what to do next, and which buttons fit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from runs_app.choices import FINAL, INFRASTRUCTURE, RunStatus
from runs_app.forecasting.events import Reason
from runs_app.models import TrainingRun
from runs_app.resumption import resume_step


class Button(StrEnum):
    """The four ways on from a run."""

    RESUME = "resume"
    RETRY = "retry"
    BRANCH = "branch"
    CLONE = "clone"


MEANINGS: dict[Button, str] = {
    Button.RESUME: "Resume, which goes on from its newest checkpoint as the same run",
    Button.RETRY: "Retry, which tries the same run once more",
    Button.BRANCH: "Branch, which starts a new run from its weights",
    Button.CLONE: "Clone, which starts a new run with the same settings",
}
"""How a refusal names the button that fits instead."""


@dataclass(frozen=True)
class Ending:
    """One reason in words: what it is called, and what to do next."""

    label: str
    advice: str
    first: Button
    """What most people want next, where it is possible."""


ENDINGS: dict[Reason, Ending] = {
    Reason.COMPLETED: Ending(
        "completed",
        "Nothing is left to train. Branch trains on from its weights, Clone starts anew.",
        Button.CLONE,
    ),
    Reason.CANCELLED: Ending(
        "cancelled",
        "Resume goes on from its newest checkpoint. Without one, Clone starts it anew.",
        Button.RESUME,
    ),
    Reason.CONFIG: Ending(
        "configuration",
        "Clone it and change what the message names.",
        Button.CLONE,
    ),
    Reason.DATA: Ending(
        "data",
        "Look at the report of its data set, mend the file or let faulty rows be left out, then "
        "Clone it.",
        Button.CLONE,
    ),
    Reason.OUT_OF_MEMORY: Ending(
        "out of memory",
        "The same would run out again: Clone it with a smaller batch, context or network.",
        Button.CLONE,
    ),
    Reason.NON_FINITE: Ending(
        "loss not finite",
        "The same steps would lead there again: Clone it with a lower learning rate.",
        Button.CLONE,
    ),
    Reason.STALLED: Ending(
        "stalled",
        "Retry tries it once more; the stacks of its threads are in the log. If its steps are "
        "honestly slow, Clone it with a higher train.stall_minutes.",
        Button.RETRY,
    ),
    Reason.KILLED: Ending(
        "killed",
        "Retry goes on from its newest checkpoint, or starts over where it had saved none.",
        Button.RETRY,
    ),
    Reason.WORKER_LOST: Ending(
        "worker lost",
        "See that the machine and its worker are well, then Retry.",
        Button.RETRY,
    ),
    Reason.DISK_FULL: Ending(
        "disk full",
        "Free space: empty the trash or delete runs that are not needed. Then Retry.",
        Button.RETRY,
    ),
    Reason.BUG: Ending(
        "unexpected error",
        "Report it together with its config.yaml and console.log. Resume or Clone may get past it.",
        Button.RESUME,
    ),
}
"""Every reason of the core."""


def ending(run: TrainingRun) -> Ending | None:
    """The words for how the run ended; None while it is live, or for a reason that is not known."""
    if run.status not in FINAL or run.reason not in set(Reason):
        return None
    return ENDINGS[Reason(run.reason)]


def reason_label(run: TrainingRun) -> str:
    """The reason of the end in words: ``out of memory``; empty where there is none."""
    known = ending(run)
    return known.label if known else run.reason.replace("_", " ")


def may_retry(run: TrainingRun) -> bool:
    """True where the infrastructure ended it, so that the same may be tried again."""
    return (
        run.status == RunStatus.FAILED and run.reason in INFRASTRUCTURE and run.trashed_at is None
    )


def buttons(run: TrainingRun) -> list[Button]:
    """What can be done with the run now, the likeliest first."""
    if run.trashed_at is not None:
        return []
    found = [Button.CLONE]
    if run.checkpoints.exists():
        found.insert(0, Button.BRANCH)
    if may_retry(run):
        found.insert(0, Button.RETRY)
    if resume_step(run) is not None:
        found.insert(0, Button.RESUME)
    known = ending(run)
    return sorted(found, key=lambda button: known is None or button != known.first)


def instead(run: TrainingRun, refused: Button) -> str:
    """Which button fits where ``refused`` does not, in a sentence."""
    if run.trashed_at is not None:
        return "It is in the trash; restore it first."
    found = next(button for button in buttons(run) if button != refused)
    return f"Use {MEANINGS[found]}."
