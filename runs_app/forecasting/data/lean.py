"""Files of QuantConnect Lean: no header, 'YYYYMMDD HH:MM' times, equity prices times 10,000."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from runs_app.forecasting.config.reading import ColumnOrder
from runs_app.forecasting.errors import DataInvalid, ReadingAmbiguous

FloatArray = npt.NDArray[np.float64]

PRICE_SCALE = 1e-4
_TIME = r"^[0-9]{8} [0-9]{2}:[0-9]{2}$"
_TRADE_COLUMNS, _QUOTE_COLUMNS = 6, 11
_CENT = 100
_LEAST_SHARE_OF_CENTS = 0.9
"""US stocks trade in cents; prices below one dollar and before 2001 may lie between."""


def lean_price_scale(
    time: pa.ChunkedArray, columns: Sequence[FloatArray], order: ColumnOrder
) -> float:
    """What to multiply the prices of a file without header with: 1 where it is not Lean's equity.

    ``columns`` are the numbers [rows] of the columns from the second on. Whole prices that are
    nearly all whole cents when divided by 10,000, with whole volumes, are shares; whole prices that
    are not could be either, and are refused, as are quotes (bid and ask apart) where ``order`` does
    not say which side is meant. Raises ``DataInvalid``, of quotes ``ReadingAmbiguous``.
    """
    count = len(columns) + 1
    if count not in (_TRADE_COLUMNS, _QUOTE_COLUMNS) or not _has_lean_times(time):
        return 1.0
    if count == _QUOTE_COLUMNS:
        if order in (ColumnOrder.BID, ColumnOrder.ASK):
            return 1.0
        raise ReadingAmbiguous(
            "the file holds quotes in the layout of Lean, bid and ask candles side by side, and no "
            "trades; which price is meant is yours to say: keep columns 1 to 6 (bid) or 1 and 7 to "
            "11 (ask) under a first line time,open,high,low,close,volume",
            field="column_order",
            readings=(ColumnOrder.BID, ColumnOrder.ASK),
        )
    prices = np.concatenate(columns[:4])
    if not bool(np.all(prices % 1 == 0)):
        return 1.0
    cents = float(np.mean(prices % _CENT == 0))
    if cents >= _LEAST_SHARE_OF_CENTS and bool(np.all(columns[4] % 1 == 0)):
        return PRICE_SCALE
    raise DataInvalid(
        "the file has the layout of Lean and whole prices, and whether they are multiplied by "
        "10,000 cannot be told; write the true prices under a first line "
        "time,open,high,low,close,volume"
    )


def _has_lean_times(time: pa.ChunkedArray) -> bool:
    if not (pa.types.is_string(time.type) or pa.types.is_large_string(time.type)):
        return False
    return pc.all(pc.match_substring_regex(time, _TIME)).as_py() is True
