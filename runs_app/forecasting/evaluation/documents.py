"""What is said about a finished run, as frozen records: in ``metrics.json``, in events, on pages.

This module imports neither torch nor Django.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen record that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Outcome(StrEnum):
    """How a model compares with a baseline, after a test of significance."""

    BEATS = "beats"
    TIES = "ties"
    LOSES = "loses"


BASELINES: dict[str, str] = {
    "random_walk": "random walk",
    "constant": "constant mean and variance",
    "ewma": "EWMA volatility",
    "garch": "GARCH(1,1)-t",
}
"""Names of the baselines in keys, and in words."""


class Comparison(Record):
    """The model against one baseline on exactly the same test rows, by one proper score."""

    baseline: str
    """A key of ``BASELINES``."""
    score: str
    """``crps``, ``nll``, ``pinball`` or ``squared_error``; lower is better."""
    model: float
    reference: float
    """Mean score of the model and of the baseline."""
    skill: float
    """1 - model / reference; for the NLL, whose zero means nothing, reference - model in nats."""
    skill_low: float
    skill_high: float
    """95 % interval of the skill by a block bootstrap."""
    statistic: float
    p_value: float
    """Diebold-Mariano, two-sided, HAC variance, small-sample correction of Harvey et al. (1997)."""
    outcome: Outcome


class Verdict(Record):
    """The first thing said about a finished run. It cannot be switched off."""

    outcome: Outcome
    """``beats`` only when every baseline is beaten; ``loses`` when any of them is better."""
    edge: bool
    """True when the outcome is ``beats`` and no leak check failed."""
    sentence: str
    """One sentence: which baseline decides, by how much, how sure."""
    baseline: str
    """The baseline that decides: the hardest to beat."""
    rows: int
    """Test decisions that were compared."""
    comparisons: tuple[Comparison, ...]
    remarks: tuple[str, ...] = ()
    """Further sentences: direction hit rate with its interval, result after costs, coverage."""


class LeakFinding(Record):
    """One check of the leak sentinel."""

    name: str
    """``features``, ``timeframes``, ``labels``, ``scaler``, ``warmup`` or ``shuffled_labels``."""
    passed: bool
    detail: str
    """What was checked and what was found, a sentence with figures."""


class LeakCheck(Record):
    """Whether anything a network sees could know the future."""

    passed: bool
    findings: tuple[LeakFinding, ...]
    seconds: float
