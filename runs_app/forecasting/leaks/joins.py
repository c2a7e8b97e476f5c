"""The check of the joins: no bar shows before its nominal close, and none that closed is kept back.

Every decision of the run is looked at, in every timeframe.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.data.faults import utc_text
from runs_app.forecasting.data.inputs import Inputs
from runs_app.forecasting.leaks.evidence import Evidence


@dataclass(frozen=True)
class Joins:
    """How many pairs of decision and timeframe were looked at, and sentences on the wrong ones."""

    pairs: int
    faults: tuple[str, ...]


def look_at_joins(evidence: Evidence, inputs: Inputs) -> Joins:
    """Compare the bar that each decision is shown with the bar's own closing time."""
    faults = []
    decided = evidence.decision_time
    for bars, last in zip(inputs.all_bars, evidence.last_bar, strict=True):
        closes = bars.open_time + duration_seconds(bars.timeframe) * 1000
        for early in np.flatnonzero(closes[last] > decided)[:1]:
            faults.append(
                f"the decision of {utc_text(int(decided[early]))} is shown the {bars.timeframe} "
                f"bar that closes at {utc_text(int(closes[last[early]]))}"
            )
        following = np.minimum(last + 1, len(bars) - 1)
        held_back = (following > last) & (closes[following] <= decided)
        for late in np.flatnonzero(held_back)[:1]:
            faults.append(
                f"the decision of {utc_text(int(decided[late]))} is not shown the "
                f"{bars.timeframe} bar that closed at {utc_text(int(closes[following[late]]))}"
            )
    return Joins(len(decided) * len(evidence.last_bar), tuple(faults))
