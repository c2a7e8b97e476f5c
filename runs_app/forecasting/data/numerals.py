"""A column of numbers, however written, as float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

FloatArray = npt.NDArray[np.float64]

_GROUPED = r"\$?-?\d{1,3}(?:,\d{3})+(?:\.\d+)?"
_CERTAIN = r",\d{3}(?:,|\.\d)"
_PLAIN = r"\$?-?\d+(?:\.\d*)?"
_MAGNITUDES = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def read_numbers(column: pa.ChunkedArray) -> FloatArray:
    """A column as float64 [rows], NaN where there is no finite number; not to be written to.

    Text may have a dollar sign, thousands set off by commas, and K, M, B or T behind it
    (``863.34K``). ``1,234`` is read as one thousand only where another value of the column shows
    that its commas are no decimal signs (``1,234.50``); else it is no number.
    """
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        values: FloatArray = column.cast(pa.float64(), safe=False).to_numpy()
    elif pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    else:
        text = pd.Series(column.to_pandas()).astype(str)
        values = pd.to_numeric(text, errors="coerce").to_numpy(np.float64, copy=True)
        odd = np.isnan(values)
        if odd.any():
            values[odd] = _read_decorated(text[odd])
    finite = np.isfinite(values)
    return values if bool(finite.all()) else np.where(finite, values, np.nan)


def _read_decorated(text: pd.Series) -> FloatArray:
    text = text.str.strip()
    factor = text.str[-1:].map(_MAGNITUDES)
    bare = text.where(factor.isna(), text.str[:-1])
    grouped = bare.str.fullmatch(_GROUPED)
    comma = bare.str.contains(",", regex=False)
    certain = bool(bare[grouped].str.contains(_CERTAIN).any()) and bool(grouped[comma].all())
    fitting = bare.str.fullmatch(_PLAIN) | (grouped & certain)
    cleaned = bare.where(fitting).str.replace("[$,]", "", regex=True)
    numbers = pd.to_numeric(cleaned, errors="coerce") * factor.fillna(1.0)
    out: FloatArray = numbers.to_numpy(np.float64)
    return out
