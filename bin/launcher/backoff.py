"""How long to wait before a process that has ended is started again."""

from __future__ import annotations

FIRST_SECONDS = 0.5
MOST_SECONDS = 30.0
WELL_SECONDS = 60.0
"""After this long in good order an end counts as the first one."""


class Backoff:
    """At once the first time, then twice as long from end to end, for ever."""

    def __init__(self) -> None:
        self._next = 0.0

    def seconds(self, well: float) -> float:
        """The pause after an end, where the process had run in good order for ``well`` seconds."""
        if well >= WELL_SECONDS:
            self._next = 0.0
        pause = self._next
        self._next = min(2 * pause, MOST_SECONDS) if pause else FIRST_SECONDS
        return pause
