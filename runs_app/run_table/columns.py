"""The columns of the run table: what each shows, and by what it is ordered. Stated nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runs_app.models import TrainingRun
from runs_app.templatetags.runs_format import duration, figure, percent, sig, size, whole


@dataclass(frozen=True)
class Column:
    """One column. ``field`` is the run's own column that it is ordered by, never text of a user."""

    key: str
    label: str
    field: str = ""
    title: str = ""
    """What the label leaves out."""
    css: str = "col-number num"
    narrow: str = "d-none d-md-table-cell"
    """Class that hides it on a narrow screen, where the columns were not chosen."""
    show: Callable[[TrainingRun], str] | None = None
    """Its text for a run; None where the row's template writes it."""
    first_descending: bool = False
    """A first click shows the largest."""
    limited: bool = False
    """True where runs can be narrowed to a range of it."""

    @property
    def heading(self) -> str:
        """Classes of the heading: its alignment and width."""
        return self.css


def _of(name: str, write: Callable[[Any], Any]) -> Callable[[TrainingRun], str]:
    return lambda run: str(write(getattr(run, name)))


def _loss(name: str) -> Callable[[TrainingRun], str]:
    """A loss as it is: NaN or infinite too."""
    return lambda run: sig(figure(run, name))


def _basis_points(name: str) -> Callable[[TrainingRun], str]:
    def write(run: TrainingRun) -> str:
        value = getattr(run, name)
        return sig(None if value is None else 1e4 * value)

    return write


def _skill(run: TrainingRun) -> str:
    if run.skill is None:
        return sig(None)
    return f"{100 * run.skill:+.2f}".replace("-", "−")


WIDE = "d-none d-xxl-table-cell"
BEST = "validation part, at the epoch of the best loss"
LOSS: dict[str, Any] = {"limited": True, "narrow": ""}
SCORE: dict[str, Any] = {"limited": True, "narrow": "d-none d-lg-table-cell"}
SIZE: dict[str, Any] = {"limited": True, "narrow": WIDE, "first_descending": True}

COLUMNS: dict[str, Column] = {
    column.key: column
    for column in (
        Column("status", "Status", "status", css="col-status", narrow=""),
        Column("verdict", "Verdict", "outcome", "The model against the baselines on the test part",
               css="col-outcome"),
        Column("tags", "Tags", css="col-tags"),
        Column("epoch", "Epoch", "epoch", first_descending=True, limited=True),
        Column("step", "Step", "step", show=_of("step", whole), **SIZE),
        Column("train_loss", "Train loss", "train_loss", "The latest",
               narrow=WIDE, limited=True, show=_loss("train_loss")),
        Column("val_loss", "Val loss", "val_loss", "The latest", show=_loss("val_loss"), **LOSS),
        Column("best", "Best", "best_val_loss", "The lowest validation loss",
               narrow=WIDE, limited=True, show=_of("best_val_loss", sig)),
        Column("val_nll", "NLL", "val_nll", f"Negative log-likelihood in nats, {BEST}",
               show=_of("val_nll", sig), **SCORE),
        Column("val_crps", "CRPS bp", "val_crps",
               f"Continuous ranked probability score in basis points, {BEST}",
               show=_basis_points("val_crps"), **SCORE),
        Column("val_pinball", "Pinball bp", "val_pinball", f"Pinball loss in basis points, {BEST}",
               show=_basis_points("val_pinball"), **SCORE),
        Column("val_rmse", "RMSE bp", "val_rmse", f"Root mean squared error in bp, {BEST}",
               show=_basis_points("val_rmse"), **SCORE),
        Column("val_da", "DA %", "val_da", f"Directional accuracy, {BEST}",
               show=_of("val_da", percent), first_descending=True, **SCORE),
        Column("val_f1", "F1", "val_f1", f"Macro F1 of down, flat and up, {BEST}",
               show=_of("val_f1", sig), first_descending=True, **SCORE),
        Column("skill", "Skill %", "skill",
               "Test part: how much better than the baseline that is hardest to beat",
               show=_skill, first_descending=True, **SCORE),
        Column("duration", "Time", "seconds", "From its start to its end",
               css="col-time num text-secondary", **SIZE),
        Column("size", "Size", "size_bytes", "Its files on the disk, once it has ended",
               css="col-number num text-secondary", **SIZE,
               show=lambda run: size(run.size_bytes or None)),
        Column("priority", "Priority", "priority", "Which of the waiting runs start first",
               css="col-number", first_descending=True,
               show=lambda run: str(run.get_priority_display())),
        Column("created", "Created", "created_at", css="col-time nowrap text-secondary",
               first_descending=True, narrow=""),
    )
}  # fmt: skip
"""By the word in the address, in the order of the table. The name of the run stands before them."""

DEFAULT = (
    "status", "verdict", "epoch", "train_loss", "val_loss", "best", "val_da", "duration", "created",
)  # fmt: skip

NAME = Column("name", "Run", "name", css="", narrow="")
SORTS: dict[str, Column] = {
    NAME.key: NAME,
    **{key: column for key, column in COLUMNS.items() if column.field},
}
"""What the table can be ordered by."""

FIGURES: dict[str, str] = {key: column.field for key, column in COLUMNS.items() if column.limited}
"""What it can be narrowed to a range of: word to the run's column."""


def duration_text(seconds: float | None) -> str:
    """A running time as the table shows it."""
    return duration(seconds)
