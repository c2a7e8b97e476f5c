"""Which decision of a run's test part a text means: its time as addresses hold it, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from runs_app.errors import DecisionInvalid
from runs_app.forecasting.utc import EPOCH, instant

MAX_TEXT = 64
"""A longer text is not said back."""

Times = npt.NDArray[np.int64]
"""When the decisions of a test part were made [N], ms UTC, ascending."""


def address(milliseconds: int) -> str:
    """An instant as ``at`` takes it: ``2017-05-19T13:00Z``, seconds only where there are any."""
    moment = instant(milliseconds)
    fine = "milliseconds" if moment.microsecond else "seconds" if moment.second else "minutes"
    return moment.isoformat(timespec=fine).replace("+00:00", "Z")


def place_of(times: Times, text: str) -> int:
    """Which of ``times`` the text names. Raises ``DecisionInvalid``."""
    moment = _moment(text)
    if moment is None:
        shown = text if len(text) <= MAX_TEXT and text.isprintable() else "what was sent"
        raise DecisionInvalid(
            f"must be a time in UTC such as {address(int(times[-1]))}, not {shown}",
            nearest=int(times[-1]),
        )
    asked, rest = divmod(moment - EPOCH, timedelta(milliseconds=1))
    place = int(np.abs(times - asked).argmin())
    nearest = int(times[place])
    if nearest == asked and not rest:
        return place
    said = f"is {moment:%Y-%m-%d %H:%M:%S} UTC, "
    offer = f"; the nearest is {address(nearest)}"
    if times[0] < asked < times[-1]:
        said += (
            "when no decision of the test part was taken: each is taken at the close of a bar, and "
            "only where every timeframe has its context and the outcome is known"
        )
    else:
        side = "before" if asked <= times[0] else "after"
        said += (
            f"{side} the test part, whose {len(times):,} decisions go from "
            f"{address(int(times[0]))} to {address(int(times[-1]))}"
        )
    raise DecisionInvalid(said + offer, nearest=nearest)


def _moment(text: str) -> datetime | None:
    """The instant that the text names, None where it names none."""
    plain = text.strip()
    for form in (plain, plain.replace(" ", "+")):  # a + that was not escaped came as a space
        try:
            moment = datetime.fromisoformat(form)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None
