"""A million console lines at full speed: stored, read, searched, and what the processes hold.

The whole product runs with the scripted trainer of ``tests/faults`` that writes lines as fast as
the file takes them; five viewers hold the run's stream open, and a second run says a line forty
times a second meanwhile. Every line must be stored, and each viewer must have all numbers without
a gap. Memory is the most that was seen above the process's size before the flood. Not reached: the
20 flooding runs with 200 viewers for which the product is meant, since all of it shares two cores.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import numpy as np

from launcher.client import call, cancel, launch
from launcher.figures import Figure
from launcher.place import MODULES
from launcher.product import Product
from tests.faults.start import COMMAND
from tests.faults.trainers import flood, seed_of, steady
from tests.faults.viewer import Viewer

UNITS = 100
LINES = 10_000 * UNITS
VIEWERS = 5
MEGABYTE = 1_000_000
END_SECONDS = 570.0
LAST_LINE = f"1.{LINES} "
"""How the last line begins."""


def measure() -> list[Figure]:
    """Lines a second, delays of another run's lines, times of the page's parts, memory."""
    extra = {
        "PYTHONPATH": MODULES,
        "LOG_LEVEL": "WARNING",
        "RUN_SLOTS": "2",
    }
    with (
        tempfile.TemporaryDirectory(prefix="aistempre-bench-") as base,
        Product(Path(base), extra=extra, command=COMMAND) as product,
    ):
        return _measure(product)


def _measure(product: Product) -> list[Figure]:
    beside = launch(product, seed=seed_of(steady))
    _wait_until(product, beside, lambda run: run["status"] == "running")
    with _memory(product) as most, _delays(product, beside) as delays:
        flooding = launch(product, seed=seed_of(flood, UNITS))
        viewers = [Viewer(product.url, flooding).start() for _ in range(VIEWERS)]
        run = _wait_until(product, flooding, lambda run: run["finished_at"])
        for viewer in viewers:
            viewer.stop(END_SECONDS)
    if run["status"] != "completed":
        raise RuntimeError(f"the flood is {run['status']}: {run['message']}")
    for viewer in viewers:
        if viewer.seqs != list(range(1, len(viewer.seqs) + 1)) or not viewer.over:
            raise RuntimeError("a viewer has a gap")
    seconds = (_instant(run["finished_at"]) - _instant(run["started_at"])).total_seconds()
    page = _milliseconds(product, f"/runs/{flooding}")
    first, _ = _timed(product, f"/runs/{flooding}/log")
    missing = _search(product, flooding, "no such text")
    found = _search(product, flooding, LAST_LINE)
    cancel(product, beside)
    return [
        Figure("lines stored, 5 viewers, beside a run", LINES / seconds, "lines/s"),
        Figure("another run's line to its viewer, p95", float(np.percentile(delays, 95)), "s", 2.0),
        Figure("  lines measured", len(delays), "lines"),
        Figure("the run's page", page, "ms"),
        Figure("its newest 300 lines", first * 1000, "ms"),
        Figure("search to the end, nothing found", missing, "s"),
        Figure("search to the end, the last line found", found, "s"),
        Figure("memory of web, grown by", most["daphne"] / MEGABYTE, "MB", 300.0),
        Figure("memory of the worker, grown by", most["worker"] / MEGABYTE, "MB", 300.0),
        Figure("other load on this computer (1 min)", os.getloadavg()[0], ""),
    ]


def _wait_until(product: Product, uid: str, condition: object) -> dict[str, object]:
    until = time.monotonic() + END_SECONDS
    while time.monotonic() < until:
        run: dict[str, object] = call(product, "GET", f"/runs/{uid}")
        if condition(run):  # type: ignore[operator]
            return run
        time.sleep(0.2)
    raise RuntimeError(f"run {uid} did not come so far within {END_SECONDS:g} s")


@contextmanager
def _memory(product: Product) -> Iterator[dict[str, int]]:
    """The most that web and worker hold above what they held before, looked at every 0.2 s."""
    watched = {
        word: next(p for p in product.processes() if word in p.cmdline())
        for word in ("daphne", "worker")
    }
    before = {word: process.memory_info().rss for word, process in watched.items()}
    most = dict.fromkeys(watched, 0)
    end = threading.Event()

    def look() -> None:
        while not end.wait(0.2):
            for word, process in watched.items():
                most[word] = max(most[word], process.memory_info().rss - before[word])

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield most
    finally:
        end.set()
        looking.join()


@contextmanager
def _delays(product: Product, uid: str) -> Iterator[list[float]]:
    """Seconds from a step of the run to its number at a viewer; both clocks are this machine's."""
    found: list[float] = []

    class Watching(Viewer):
        def _take(self, message: dict[str, object]) -> None:
            super()._take(message)
            if message["event_type"] == "metrics" and time.time() > began:
                found.append(time.time() - _instant(message["timestamp"]).timestamp())

    began = time.time()
    viewer = Watching(product.url, uid).start()
    try:
        yield found
    finally:
        viewer.stop(0.0)
    if not found:
        raise RuntimeError("the run beside the flood reported nothing")


def _search(product: Product, uid: str, text: str) -> float:
    """Seconds until a search has looked at every line, in as many requests as it takes."""
    began = time.perf_counter()
    after, hits = 0, 0
    while True:
        path = f"/runs/{uid}/log/search?q={quote(text)}&after={after}"
        answer = json.loads(_timed(product, path)[1])
        hits += len(answer["hits"])
        after = answer["reached"]
        if answer["complete"]:
            break
    if hits != (text == LAST_LINE):
        raise RuntimeError(f"{hits} lines hold {text!r}")
    return time.perf_counter() - began


def _milliseconds(product: Product, path: str) -> float:
    return 1000 * min(_timed(product, path)[0] for _ in range(3))


def _timed(product: Product, path: str) -> tuple[float, bytes]:
    request = urllib.request.Request(product.url + path, headers={"Accept": "text/html"})
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return time.perf_counter() - began, text


def _instant(text: object) -> datetime:
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")).astimezone(UTC)
