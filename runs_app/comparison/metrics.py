"""Every score that runs are compared by: its name, its unit, and which way it is better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from runs_app.comparison.curves import VALIDATION_KEYS
from runs_app.comparison.facts import Facts
from runs_app.series import finite


class Better(StrEnum):
    """Which way a score is better."""

    LOWER = "lower"
    HIGHER = "higher"
    NEAREST = "nearest"
    """The nearest to ``Metric.target``."""


class Part(StrEnum):
    """The rows a score was measured on."""

    TRAIN = "Training"
    VALIDATION = "Validation, at the epoch of the lowest validation loss"
    TEST = "Test part, which no choice has seen"


@dataclass(frozen=True)
class Metric:
    """One score."""

    key: str
    label: str
    unit: str
    factor: float
    """From the stored unit (log-return, nats, share) to the one shown."""
    better: Better
    part: Part
    read: Callable[[Facts], Any]
    meaning: str = ""
    target: float = 0.0
    """Of ``Better.NEAREST``, in the stored unit."""
    of_loss: bool = False
    """True for a loss, which is comparable only where kind and weights are the same."""

    def value(self, facts: Facts) -> float | None:
        """The stored value of a run; None where it has none."""
        return finite(self.read(facts))

    @property
    def title(self) -> str:
        """The name of its curve."""
        if self.part is Part.TRAIN:
            return "Training loss"
        return f"Validation {self.label.lower() if self.of_loss else self.label}"

    @property
    def direction(self) -> str:
        """The known direction in words."""
        if self.better is Better.NEAREST:
            return f"nearest to {self.target * self.factor:g} {self.unit}"
        return f"{self.better} is better"


def _best(key: str) -> Callable[[Facts], Any]:
    return lambda facts: facts.best.get(key)


def _test(key: str) -> Callable[[Facts], Any]:
    return lambda facts: facts.latest.get(f"test_{key}")


def _file(*path: str) -> Callable[[Facts], Any]:
    return lambda facts: facts.of_file(*path)


def _skill(score: str) -> Callable[[Facts], Any]:
    def read(facts: Facts) -> Any:
        found = facts.skill(score)
        return found.skill if found else None

    return read


def _coverage(nominal: float) -> Metric:
    share = round(100 * nominal)
    return Metric(
        f"coverage_{share}",
        f"Coverage of the {share} % interval",
        "%",
        100,
        Better.NEAREST,
        Part.TEST,
        lambda facts: facts.coverage.get(nominal),
        target=nominal,
    )


LOWER, HIGHER, NEAREST = Better.LOWER, Better.HIGHER, Better.NEAREST
_CRPS = "Continuous ranked probability score"
_NLL = "Negative log-likelihood of what happened"
_ECE = "Expected calibration error of the three classes"
_SKILL = "Against the baseline that is hardest to beat by this score"

METRICS: tuple[Metric, ...] = (
    Metric("train_loss", "Train loss, latest", "", 1, LOWER, Part.TRAIN,
           lambda facts: facts.run.train_loss, of_loss=True),
    Metric("val_loss", "Loss", "", 1, LOWER, Part.VALIDATION,
           lambda facts: facts.run.best_val_loss, of_loss=True),
    Metric("val_nll", "NLL", "nats", 1, LOWER, Part.VALIDATION, _best("val_nll"), _NLL),
    Metric("val_crps", "CRPS", "bp", 1e4, LOWER, Part.VALIDATION, _best("val_crps"), _CRPS),
    Metric("val_pinball", "Pinball loss", "bp", 1e4, LOWER, Part.VALIDATION, _best("val_pinball")),
    Metric("val_rmse", "RMSE", "bp", 1e4, LOWER, Part.VALIDATION, _best("val_rmse")),
    Metric("val_da", "DA", "%", 100, HIGHER, Part.VALIDATION, _best("val_da"),
           "Directional accuracy: how often the sign of the return was right"),
    Metric("val_f1", "F1", "", 1, HIGHER, Part.VALIDATION, _best("val_f1"),
           "Macro F1 of down, flat, up"),
    Metric("test_loss", "Loss", "", 1, LOWER, Part.TEST, _test("loss"), of_loss=True),
    Metric("test_nll", "NLL", "nats", 1, LOWER, Part.TEST,
           _file("scores", "test", "model", "nll"), _NLL),
    Metric("test_crps", "CRPS", "bp", 1e4, LOWER, Part.TEST,
           _file("scores", "test", "model", "crps"), _CRPS),
    Metric("test_pinball", "Pinball loss", "bp", 1e4, LOWER, Part.TEST,
           _file("scores", "test", "model", "pinball")),
    Metric("test_rmse", "RMSE", "bp", 1e4, LOWER, Part.TEST,
           _file("scores", "test", "model", "rmse")),
    Metric("test_mae", "MAE", "bp", 1e4, LOWER, Part.TEST,
           _file("scores", "test", "model", "mae")),
    Metric("skill_crps", "Skill by CRPS", "%", 100, HIGHER, Part.TEST, _skill("crps"), _SKILL),
    Metric("skill_nll", "Skill by NLL", "nats", 1, HIGHER, Part.TEST, _skill("nll"), _SKILL),
    Metric("skill_pinball", "Skill by pinball loss", "%", 100, HIGHER, Part.TEST,
           _skill("pinball"), _SKILL),
    Metric("skill_squared_error", "Skill by squared error", "%", 100, HIGHER, Part.TEST,
           _skill("squared_error"), _SKILL),
    Metric("test_da", "DA", "%", 100, HIGHER, Part.TEST,
           _file("directions", "test", "next", "rate"),
           "Directional accuracy: how often the sign of the return was right"),
    Metric("test_f1_short", "F1, short horizon", "", 1, HIGHER, Part.TEST, _test("f1_short")),
    Metric("test_f1_long", "F1, long horizon", "", 1, HIGHER, Part.TEST, _test("f1_long")),
    Metric("test_ece_short", "ECE, short horizon", "%", 100, LOWER, Part.TEST,
           _file("directions", "test", "short", "ece"), _ECE),
    Metric("test_ece_long", "ECE, long horizon", "%", 100, LOWER, Part.TEST,
           _file("directions", "test", "long", "ece"), _ECE),
    *(_coverage(nominal) for nominal in (0.5, 0.8, 0.95)),
)  # fmt: skip
"""In the order of the table. What no run has is left out of it."""

CURVES: tuple[Metric, ...] = tuple(
    metric for metric in METRICS if metric.key in ("train_loss", *VALIDATION_KEYS)
)
"""The scores that a run reports again and again."""
