"""Which charts a run's page has: of every figure that is reported, in words and with units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from runs_app.models import TrainingRun
from runs_app.standings import SCORES, Score, standings

RMSE = "val_rmse"
"""Has its chart whatever the loss is compared by."""

GIGABYTES = 1.024**2 / 1000
"""From what is measured, 1,048,576 bytes, to decimal gigabytes as everywhere on the pages."""

LOWER, HIGHER = "lower is better", "higher is better"

TRAINING, VALIDATION, SYSTEM = "training", "validation", "system"


@dataclass(frozen=True)
class Line:
    """One metric in a chart."""

    metric: str
    label: str
    colour: str = "--chart-val"
    dots: bool = False
    """True where points are few, so that each is marked."""


@dataclass(frozen=True)
class Chart:
    """One chart; ``key`` is its place in the page and its name in files."""

    key: str
    title: str
    unit: str
    lines: tuple[Line, ...]
    group: str
    factor: float = 1
    """From the stored unit to the one shown."""
    shown: bool = True
    """False where a reader has to choose it."""
    baselines: tuple[str, ...] = ()
    """Forecasters whose score by this metric is a line."""
    level: float | None = None
    """A value that is drawn across, in the unit shown."""
    level_label: str = ""
    shown_when_known: bool = False
    """True where it is shown as soon as there is something to show."""
    absent: str = ""
    """Why there is nothing to draw, in a sentence; empty where something is, or may come."""
    has_points: bool = False
    """True where there is something to draw, which the browser reads when it comes into view."""

    @property
    def nothing(self) -> str:
        """What stands where nothing is drawn."""
        if self.absent:
            return self.absent
        if self.has_points:
            return "Nothing was reported."
        return _BEFORE_BASELINES if self.baselines else _BEFORE[self.group]

    def as_dict(self) -> dict[str, Any]:
        """What ``static/js/charts.js`` needs of it."""
        return asdict(self)


_BEFORE = {
    TRAINING: "The curve begins with the first step.",
    VALIDATION: "The curve begins with the first validation.",
    SYSTEM: "Readings begin when the run does.",
}
_BEFORE_BASELINES = "The baselines come before the first step."

_KNOWN: dict[str, tuple[str, str, str, float, bool]] = {
    "learning_rate": ("Learning rate", "", TRAINING, 1, True),
    "grad_norm": ("Gradient norm", "before clipping", TRAINING, 1, True),
    "samples_per_second": ("Throughput", "samples/s", TRAINING, 1, True),
    "eta_seconds": ("ETA", "min left, as estimated then", TRAINING, 1 / 60, False),
    "val_f1": ("Validation F1", f"macro, 0 to 1, {HIGHER}", VALIDATION, 1, True),
    "val_f1_short": ("Validation F1, short horizon", f"macro, {HIGHER}", VALIDATION, 1, False),
    "val_f1_long": ("Validation F1, long horizon", f"macro, {HIGHER}", VALIDATION, 1, False),
    "gpu_utilization": ("GPU utilisation", "%", SYSTEM, 1, True),
    "gpu_memory_mb": ("GPU memory", "GB", SYSTEM, GIGABYTES, True),
    "cpu_percent": ("CPU of the machine", "%", SYSTEM, 1, True),
    "ram_mb": ("RAM of the machine", "GB", SYSTEM, GIGABYTES, True),
    "process_ram_mb": ("RAM of the trainer", "GB", SYSTEM, GIGABYTES, True),
    "disk_free_mb": ("Disk, free", "GB", SYSTEM, GIGABYTES, True),
    "run_disk_mb": ("Run on disk", "MB", SYSTEM, 1000 * GIGABYTES, False),
}
"""Title, unit, group, factor, and whether it is shown unasked."""

_NEVER = frozenset(
    (
        "epoch", "step", "best", "baselines", "device", "parameters", "steps_per_epoch",
        "max_epochs", "eta_minutes", "train_loss", "val_loss", "val_da", "resumed_from_step",
        "ram_total_mb", "gpu_memory_total_mb", "disk_total_mb", "attempt",
    )
)  # fmt: skip
"""Figures of the snapshot that are facts, or are drawn in a chart of their own."""


def charts(run: TrainingRun) -> list[Chart]:
    """The charts of a run as its snapshot is now, in the order of the page."""
    ended = "" if run.is_live else "was reported."
    table = standings(run)
    drawn = [
        _loss(ended),
        _accuracy(run, ended),
        *(_score(score, run, ended) for score in dict.fromkeys((*table.scores, SCORES[RMSE]))),
    ]
    taken = {line.metric for chart in drawn for line in chart.lines}
    drawn += [_known(name, run, ended) for name in _KNOWN if name not in taken]
    taken |= set(_KNOWN)
    drawn += [_other(name) for name in _others(run.metrics, taken)]
    order = (TRAINING, VALIDATION, SYSTEM)
    drawn = [replace(chart, has_points=_has_points(chart, run.metrics)) for chart in drawn]
    return sorted(drawn, key=lambda chart: order.index(chart.group))


def _has_points(chart: Chart, metrics: Mapping[str, Any]) -> bool:
    lines = any(line.metric in metrics for line in chart.lines)
    return lines or bool(chart.baselines and metrics.get("baselines"))


def _loss(ended: str) -> Chart:
    lines = (
        Line("train_loss", "train", "--chart-train"),
        Line("val_loss", "val", "--chart-val", dots=True),
    )
    absent = f"No loss {ended}" if ended else ""
    return Chart("loss", "Loss", f"train and validation, {LOWER}", lines, TRAINING, absent=absent)


def _accuracy(run: TrainingRun, ended: str) -> Chart:
    line = Line("val_da", "DA %", dots=True)
    return Chart(
        "da", "Validation DA", f"directional accuracy, %, {HIGHER}", (line,), VALIDATION, 100,
        shown=run.is_live or "val_da" in run.metrics, shown_when_known=True, level=50,
        level_label="coin", absent=f"No direction {ended}" if ended else "",
    )  # fmt: skip


def _score(score: Score, run: TrainingRun, ended: str) -> Chart:
    return Chart(
        score.key,
        f"Validation {score.label}",
        f"{score.unit}, {LOWER}",
        (Line(score.key, "model", dots=True),),
        VALIDATION,
        score.factor,
        shown=run.is_live or score.key in run.metrics or "baselines" in run.metrics,
        shown_when_known=True,
        baselines=score.baselines,
        absent=f"No validation {ended}" if ended else "",
    )


def _known(name: str, run: TrainingRun, ended: str) -> Chart:
    title, unit, group, factor, shown = _KNOWN[name]
    known = name in run.metrics
    absent = "" if known else _why_absent(name, run, ended)
    dots = group == VALIDATION
    line = Line(name, title.removeprefix("Validation "), dots=dots)
    # Of a machine without a GPU one sentence says so, above the charts; no empty panel does.
    there = shown and not absent
    return Chart(
        name,
        title,
        unit,
        (line,),
        group,
        factor,
        shown=there,
        shown_when_known=shown,
        absent=absent,
    )


def _why_absent(name: str, run: TrainingRun, ended: str) -> str:
    if name.startswith("gpu_") and run.metrics.get("gpu_note"):
        return str(run.metrics["gpu_note"])
    return f"None {ended}" if ended else ""


def _others(metrics: Mapping[str, Any], taken: Iterable[str]) -> list[str]:
    """Figures that the page has no words for."""
    words = {"NaN", "Infinity", "-Infinity"}
    return sorted(
        name
        for name, value in metrics.items()
        if name not in _NEVER and name not in taken and not name.startswith(("test_", "rolled"))
        and (value in words if isinstance(value, str) else type(value) in (int, float))
    )  # fmt: skip


def _other(name: str) -> Chart:
    score = SCORES.get(name)
    group = VALIDATION if name.startswith("val_") else TRAINING
    title = f"Validation {score.label}" if score else name.replace("_", " ")
    line = Line(name, score.label if score else name, dots=group == VALIDATION)
    unit = f"{score.unit}, {LOWER}" if score else ""
    return Chart(name, title, unit, (line,), group, score.factor if score else 1, shown=False)
