"""The processes of a running product: their memory."""

from __future__ import annotations

import psutil

from launcher.product import Product


def memory(product: Product) -> tuple[int, int]:
    """Bytes of all processes, shared pages counted once, and of the web process."""
    total = sum(_proportional(process) for process in product.processes())
    return total, int(web_process(product).memory_info().rss)


def web_process(product: Product) -> psutil.Process:
    """The one that answers pages."""
    return next(one for one in product.processes() if "daphne" in one.cmdline())


def _proportional(process: psutil.Process) -> int:
    found = process.memory_full_info()
    return int(getattr(found, "pss", found.rss))
