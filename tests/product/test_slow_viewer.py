"""A viewer that does not read costs the web process nothing, and misses nothing."""

from __future__ import annotations

import json
import time

import psutil
import pytest
from websockets.sync.client import connect

from launcher.product import Product
from tests.scripted import ScriptedRun

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BATCHES, LINES = 60, 10_000
LINE = "{:06d} " + "x" * 100
"""Sixty batches of about a megabyte."""

GROWTH_BYTES = 40_000_000
"""Less than what the viewer did not read; the rendering and caches of Python are in it."""


def web_process(product: Product) -> psutil.Process:
    found = [one for one in product.processes() if "daphne" in one.cmdline()]
    assert len(found) == 1
    return found[0]


def test_a_viewer_that_does_not_read(live_product: Product) -> None:
    web = web_process(live_product)
    with ScriptedRun(live_product) as run:
        # A small queue: the library stops reading its socket when nobody takes the messages.
        with (
            connect(run.stream, max_queue=1, max_size=None, ping_interval=None) as slow,
            connect(run.stream, max_queue=1, max_size=None) as quick,
        ):
            run.say(["warm"])
            assert json.loads(quick.recv(timeout=20))["data"]["message"] == "warm"
            before = web.memory_info().rss
            worst, written = 0.0, 0
            largest = before
            quick_seqs, slow_seqs = [1], []
            for batch in range(BATCHES):
                first = batch * LINES
                last = run.say([LINE.format(first + n) for n in range(LINES)])
                began = time.monotonic()
                while quick_seqs[-1] < last:
                    quick_seqs.append(json.loads(quick.recv(timeout=20))["seq"])
                worst = max(worst, time.monotonic() - began)
                largest = max(largest, web.memory_info().rss)
                written += LINES * (len(LINE) + 6)
            assert written > 50_000_000
            assert largest - before < GROWTH_BYTES, (before, largest, worst)
            assert quick_seqs == list(range(1, last + 1))

            lines = 0
            while not slow_seqs or slow_seqs[-1] < last:
                message = json.loads(slow.recv(timeout=20))
                slow_seqs.append(message["seq"])
                lines += message["data"]["count"]
            assert slow_seqs == list(range(1, last + 1))
            assert lines == 1 + BATCHES * LINES
        run.complete()
