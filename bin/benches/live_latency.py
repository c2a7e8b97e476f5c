"""From the trainer's event to changed text in Chromium.

A tiny run trains on the bundled sample while a browser shows its dashboard. Every training event
carries the instant at which the trainer made it; an observer in the page notes the instant at which
the text of the step changed to that event's step. Both clocks are this machine's. A step that the
page never showed, because two changes fell into one frame, is counted apart.
"""

from __future__ import annotations

import json
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from launcher.chromium import FLAGS, find
from launcher.client import cancel, launch, wait_for_metrics
from launcher.figures import Figure
from launcher.product import Product

WATCHED_SECONDS = 30.0

OBSERVE = """() => {
  window.seen = {};
  const note = () => {
    const shown = document.querySelector('[data-metric="step"]')?.textContent.replace(/\\D/g, "");
    if (shown && !(shown in window.seen)) window.seen[shown] = Date.now();
  };
  note();
  new MutationObserver(note).observe(document.body, {
    subtree: true, childList: true, characterData: true,
  });
}"""


def measure() -> list[Figure]:
    """Median, 95th and 99th percentile of the delay, and how many events the figures rest on."""
    executable = find()
    if executable is None:
        raise RuntimeError("live-latency needs Chromium; install it or set CHROMIUM to its path")
    with (
        tempfile.TemporaryDirectory() as base,
        Product(Path(base), extra={"LOG_LEVEL": "WARNING"}) as product,
    ):
        run_id = launch(product, overrides=["train.log_every_steps=5"])
        wait_for_metrics(product, run_id)
        seen = _watch(product, run_id, executable)
        cancel(product, run_id)
        events = product.media_root / "runs" / run_id / "events.jsonl"
        delays, missed = _delays(events, seen)
    if not delays:
        raise RuntimeError("the page showed no event of the run")
    p50, p95, p99 = np.percentile(delays, [50, 95, 99])
    return [
        Figure("trainer's event to text in Chromium, p50", float(p50), "ms", 60.0),
        Figure("the same, p95", float(p95), "ms"),
        Figure("the same, p99", float(p99), "ms", 200.0),
        Figure("events measured", len(delays), "events"),
        Figure("events overtaken by the next one", missed, "events"),
    ]


def _watch(product: Product, run_id: str, executable: str) -> dict[int, float]:
    """Step shown by the page -> instant of the change (ms since the epoch)."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=list(FLAGS), headless=True
        )
        page = browser.new_page()
        page.goto(f"{product.url}/runs/{run_id}")
        page.evaluate(OBSERVE)
        time.sleep(WATCHED_SECONDS)
        seen: dict[str, float] = page.evaluate("window.seen")
        browser.close()
    return {int(step): at for step, at in seen.items()}


def _delays(events: Path, seen: dict[int, float]) -> tuple[list[float], int]:
    """Delay of each event that the page showed (ms), and how many it never did.

    Events from before the page was open, and those made after it was closed, do not count.
    """
    if not seen:
        return [], 0
    first = min(seen.values())
    last = max(seen)
    delays, missed = [], 0
    for line in events.read_text().splitlines():
        event: dict[str, Any] = json.loads(line)
        if event["kind"] != "step" or event["step"] > last:
            continue
        made = datetime.fromisoformat(event["at"]).timestamp() * 1000
        if made < first:
            continue
        if event["step"] in seen:
            delays.append(seen[event["step"]] - made)
        else:
            missed += 1
    return delays, missed
