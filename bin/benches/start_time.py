"""Second start to Ready, memory of everything when idle, and the time to stop."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from benches._memory import memory
from launcher.figures import Figure
from launcher.product import Product

STARTS = 5
SETTLE_SECONDS = 15.0
"""The trainer's server goes on loading torch after Ready."""


def measure() -> list[Figure]:
    """Start once to prepare, then several times; medians of what was seen."""
    starts, stops = [], []
    with tempfile.TemporaryDirectory(prefix="aistempre-bench-") as base:
        product = Product(Path(base))
        for number in range(STARTS + 1):
            product.start()
            starts.append(product.seconds_to_ready)
            if number == STARTS:
                time.sleep(SETTLE_SECONDS)
                total, web = memory(product)
            began = time.monotonic()
            product.stop()
            stops.append(time.monotonic() - began)
    return [
        Figure("first start in a new home", starts[0], "s"),
        Figure("started again, median", sorted(starts[1:])[STARTS // 2], "s", 5),
        Figure("started again, slowest", max(starts[1:]), "s", 5),
        Figure("stopped by SIGTERM, slowest", max(stops), "s", 10),
        Figure("idle memory of everything (PSS)", total / 1e6, "MB", 1000),
        Figure("idle memory of the web process (RSS)", web / 1e6, "MB", 200),
        Figure("other load on this computer (1 min)", os.getloadavg()[0], ""),
    ]
