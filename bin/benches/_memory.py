"""Memory of a running product."""

from __future__ import annotations

import psutil

from launcher.product import Product


def memory(product: Product) -> tuple[int, int]:
    """Bytes of all processes, shared pages counted once, and of the web process."""
    total = web = 0
    for process in product.processes():
        total += _proportional(process)
        if "daphne" in process.cmdline():
            web = process.memory_info().rss
    return total, web


def _proportional(process: psutil.Process) -> int:
    found = process.memory_full_info()
    return int(getattr(found, "pss", found.rss))
