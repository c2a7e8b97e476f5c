"""Second half of ``bin/screenshots``: pictures of the pages for the documentation.

Everything in them is real: the product runs in a place of its own, three networks train on the
bundled synthetic sample, and Chromium takes the pictures while the last one still trains.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from launcher.checkout import ROOT
from launcher.chromium import FLAGS, find
from launcher.client import call, launch
from launcher.product import Product

FOLDER = ROOT / "docs" / "images"
MAX_BYTES = 300_000
TRAINED_SECONDS = 900.0
LIVE_EPOCHS = 5
SETTLE_MS = 1200
"""Fonts, charts and the first socket message are there by then."""

WIDE, PHONE = (1280, 860), (390, 844)
RUN: dict[str, Any] = {
    "timeframes": ["15m", "1h"],
    "overrides": ["train.warmup_steps=20", "train.log_every_steps=2"],
}
"""Decisions every 15 minutes: an epoch takes seconds on two cores."""


def _train(product: Product) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two runs to their end and a third, validated five times: the first and the third."""
    ended = []
    for loss in ("gaussian_nll", "quantile"):
        done = launch(product, regression_loss=loss, max_epochs=6, **RUN)
        ended.append(_wait(product, done, lambda run: run["status"] == "completed"))
    endless = {"overrides": [*RUN["overrides"], "train.early_stopping_patience=0"]}
    live = launch(product, regression_loss="student_t", max_epochs=1000, **RUN | endless)
    return ended[0], _wait(product, live, lambda run: run["metrics"].get("epoch", 0) > LIVE_EPOCHS)


def _wait(product: Product, run_id: str, reached: Any) -> dict[str, Any]:
    deadline = time.monotonic() + TRAINED_SECONDS
    while True:
        run: dict[str, Any] = call(product, "GET", f"/runs/{run_id}")
        if reached(run):
            return run
        if run["status"] not in ("pending", "running") or time.monotonic() > deadline:
            raise RuntimeError(f"the run {run_id} is {run['status']}: {run['message']}")
        time.sleep(0.5)


def _take(browser: Browser, address: str, name: str, size: tuple[int, int], scheme: Any) -> None:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    )
    page = context.new_page()
    page.goto(address)
    page.wait_for_timeout(SETTLE_MS)
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    context.close()
    if path.stat().st_size > MAX_BYTES:
        raise RuntimeError(f"{path} is larger than {MAX_BYTES:,} bytes; take less of the page")
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes", flush=True)


def main() -> None:
    """Take every picture again."""
    executable = find()
    if executable is None:
        sys.exit("bin/screenshots needs Chromium; install it or set CHROMIUM to its path.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as base,
        Product(Path(base), extra={"LOG_LEVEL": "WARNING"}) as product,
        sync_playwright() as playwright,
    ):
        judged, run = _train(product)
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        dashboard = f"{product.url}/runs/{run['id']}"
        for path, name in (
            ("/", "home"),
            ("/runs", "runs"),
            ("/queue", "queue"),
            ("/trash", "trash"),
            ("/notifications", "notifications"),
            ("/datasets/1", "data-report"),
            (f"/runs/{judged['id']}/report", "report"),
            ("/runs/new/data?draft=picture", "builder-data"),
            ("/runs/new/model?draft=picture", "builder-model"),
        ):
            _take(browser, product.url + path, name, WIDE, "light")
        _take(browser, dashboard, "dashboard", WIDE, "light")
        _take(browser, dashboard, "dashboard-dark", WIDE, "dark")
        _take(browser, dashboard, "dashboard-phone", PHONE, "light")
        browser.close()


if __name__ == "__main__":
    main()
