"""The row ledger as a document. Imports no candles, so that the web side can show it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class PartRows(BaseModel):
    """One part's decisions: how many, and the closes (UTC) of its first and last decision bar."""

    model_config = ConfigDict(frozen=True)

    name: str
    decisions: int
    needed: int
    """The fewest with which the part says anything."""
    first: datetime | None
    last: datetime | None


class RowLedger(BaseModel):
    """Every bar of the decision timeframe, counted exactly once.

    ``decision_bars - warmup - tail - gap - between = used``, and ``used`` is the sum of the parts.
    """

    model_config = ConfigDict(frozen=True)

    decision_timeframe: str
    candles: int
    """Candles of the file inside the chosen time."""
    decision_bars: int
    warmup: int
    """Without a whole warm-up and context behind them in every timeframe."""
    tail: int
    """Whose outcome lies after the end of the data."""
    gap: int
    """Whose outcome spans a hole of more than ``data.max_gap_bars`` bars."""
    between: int
    """Left out between two parts: purge of the longest label, bar to enter, embargo."""
    used: int
    parts: tuple[PartRows, ...]

    @property
    def problem(self) -> str:
        """Why too little is left to train, as a sentence; empty when there is enough."""
        small = next((part for part in self.parts if part.decisions < part.needed), None)
        if small is None:
            return ""
        return (
            f"the {small.name} part has {small.decisions} usable decisions, and at least "
            f"{small.needed} are needed; choose a shorter long horizon, less context, "
            f"fewer long timeframes or more data ({'; '.join(self.lines())})"
        )

    def lines(self) -> tuple[str, ...]:
        """The ledger as lines for a log."""
        return (
            f"{self.candles:,} candles make {self.decision_bars:,} decision bars",
            f"{self.decision_bars:,} decision bars - {self.warmup:,} warm-up and context - "
            f"{self.tail:,} at the end without a known outcome - {self.gap:,} with a hole in the "
            f"outcome - {self.between:,} between the parts = {self.used:,} used",
        )
