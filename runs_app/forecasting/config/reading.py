"""How an ambiguous candle file is to be read: what only a person can say about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DateOrder(StrEnum):
    """Whether 01/02/2024 is the first of February or the second of January."""

    AUTO = "auto"
    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


class ColumnOrder(StrEnum):
    """The order of the prices in a file without header, or which side of a file of quotes."""

    AUTO = "auto"
    OHLC = "ohlc"
    OCHL = "ochl"
    BID = "bid"
    ASK = "ask"


@dataclass(frozen=True)
class Reading:
    """A person's answers to what a file leaves open; ``auto`` where the file must tell itself."""

    date_order: DateOrder = DateOrder.AUTO
    column_order: ColumnOrder = ColumnOrder.AUTO


AS_WRITTEN = Reading()
"""No answer given: a file that leaves something open is refused with the question."""
