"""What a candle file holds and what is wrong with it: a document for page, JSON and shell.

Imports neither pandas nor pyarrow, so that the web side can show what another process found.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

Order = Literal["ascending", "newest first", "unsorted"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Understood(_Part):
    """How the file was read."""

    container: str
    """The ending of the file, such as ``.csv.gz``."""
    header: str
    """What tells the columns apart."""
    columns: dict[str, str]
    """Name (or number, counted from 1) of the column of time, open, high, low, close, volume."""
    time: str
    """How times are written."""
    zone: str
    volume: str
    notes: tuple[str, ...]


class Question(_Part):
    """What the file leaves open: ``field`` of the configuration's data, and what may be meant."""

    field: str
    readings: tuple[str, ...]
    text: str


class Example(_Part):
    """One row: its line (or row) in the file from 1 on, its time where it has one, and words."""

    line: int
    at: datetime | None
    text: str


class Finding(_Part):
    """One kind of thing found. ``share`` is of all rows of the file."""

    kind: str
    title: str
    count: int
    share: float
    stops: bool
    """True where the import is refused; False where it is only noted."""
    repair: str
    """What happens to these rows with repair; for what is only noted, what happens anyway."""
    examples: tuple[Example, ...]


class Gap(_Part):
    """Bars that are not there: the last one before, the first one after, how many between."""

    after: datetime
    before: datetime
    missing: int


class TimeframeBars(_Part):
    """Bars of one timeframe between the first and the last row, counted round the clock.

    ``present`` have at least one of the file's bars in them, ``whole`` all of them.
    """

    timeframe: str
    expected: int
    present: int
    whole: int

    @property
    def missing(self) -> int:
        """Bars in whose time no row lies."""
        return self.expected - self.present


class Step(_Part):
    """The largest move of the close between two neighbouring rows, as a log-return."""

    at: datetime
    log_return: float


class DataReport(_Part):
    """One candle file. What could not be found out is empty, and ``problem`` says why."""

    name: str
    rows: int
    problem: str
    """Why it cannot be used as it is, one sentence; empty when it can."""
    repaired_problem: str
    """Why it cannot be used even with repair; empty when it can."""
    question: Question | None
    understood: Understood | None
    timeframe: str
    bar_seconds: float | None
    bars: int
    """Candles as they would be used: without repair, or with it where that is needed."""
    left_out: int
    """Rows that repair leaves out."""
    first_open: datetime | None
    last_open: datetime | None
    order: Order | None
    timeframes: tuple[TimeframeBars, ...]
    gaps: int
    missing: int
    longest_gaps: tuple[Gap, ...]
    largest_step: Step | None
    jump_threshold: float | None
    """Log-return beyond which a step counts as a jump."""
    findings: tuple[Finding, ...]

    @property
    def state(self) -> str:
        """One of: usable, repairable, question, refused."""
        if not self.problem:
            return "usable"
        if self.question is not None:
            return "question"
        return "refused" if self.repaired_problem else "repairable"

    @property
    def stopping(self) -> tuple[Finding, ...]:
        """The findings that stop the import."""
        return tuple(finding for finding in self.findings if finding.stops)

    @property
    def noted(self) -> tuple[Finding, ...]:
        """The findings that stop nothing."""
        return tuple(finding for finding in self.findings if not finding.stops)

    def finding(self, kind: str) -> Finding | None:
        """The finding of this kind, if there is one."""
        return next((found for found in self.findings if found.kind == kind), None)
