"""Viewers of one run that lack the same are given the same text, made once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Any

from runs_app.live.fragments import render_update
from runs_app.live.updates import Update, read_update

TEXTS = 16
"""Newest texts kept, of all runs together; each is a megabyte at most."""

TOGETHER_SECONDS = 0.25
"""So long an update that was read may be taken by another viewer: that brings them together."""


class Shared:
    """Updates and their texts by run and by the events they cover; safe in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: OrderedDict[tuple[str, int, int], str] = OrderedDict()
        self._ends: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def read(self, run_pk: int, uid: str, after: int) -> Update:
        """The update after a number, as far as the last one that was read, if that is new."""
        with self._lock:
            at, end = self._ends.get(uid, (0.0, 0))
        if end > after and time.monotonic() - at < TOGETHER_SECONDS:
            return read_update(run_pk, uid, after, up_to=end)
        update = read_update(run_pk, uid, after)
        with self._lock:
            _keep(self._ends, uid, (time.monotonic(), update.seq))
        return update

    def text(self, run_pk: int, uid: str, after: int, update: Update) -> str:
        """The HTML of an update that begins after a number."""
        key = (uid, after, update.seq)
        with self._lock:
            known = self._texts.get(key)
        if known is None:
            known = render_update(run_pk, update)
            with self._lock:
                _keep(self._texts, key, known)
        return known


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > TEXTS:
        kept.popitem(last=False)


shared = Shared()
