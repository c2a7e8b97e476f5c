"""Fetch candles here and now, for a command: the same slices as a worker's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runs_app.execution import fetching
from runs_app.forecasting.data.fetch_wish import FetchWish

Tell = Callable[[dict[str, Any]], None]


def fetch_now(wish: FetchWish, tell: Tell) -> dict[str, Any]:
    """Fetch to the end; ``tell`` hears every second how far it is.

    What the core answers at the end: ``file``, ``bars``, ``notes``. Raises ``CoreFailed``.
    """
    progress = fetching.Progress(wish)

    def wanted() -> bool:
        tell(progress())
        return True

    while True:
        answer = fetching.fetch(wish, wanted)
        if answer["done"]:
            return answer
