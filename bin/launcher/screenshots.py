"""Second half of ``bin/screenshots``: pictures of the pages for the documentation.

Everything in them is real: the product runs in a place of its own, three networks train on the
bundled synthetic sample, and Chromium takes the pictures while the last one still trains.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from launcher.checkout import ROOT
from launcher.chromium import FLAGS, find
from launcher.client import TINY_RUN, call, cancel, launch
from launcher.product import Product

FOLDER = ROOT / "docs" / "images"
MAX_BYTES = 300_000
TRAINED_SECONDS = 900.0
LIVE_EPOCHS = 5
DRAWN_MS = 60_000

WIDE, PHONE = (1280, 860), (390, 844)
RUN: dict[str, Any] = {
    "timeframes": ["15m", "1h"],
    "overrides": ["train.warmup_steps=20", "train.log_every_steps=2"],
}
"""Decisions every 15 minutes: an epoch takes seconds on two cores."""

DRAWN = """
() => {
  const seen = (e) => {
    const box = e.getBoundingClientRect();
    return e.checkVisibility() && box.bottom > 0 && box.top < innerHeight && box.width > 0;
  };
  const all = (words) => [...document.querySelectorAll(words)].filter(seen);
  const live = document.querySelector("#live-state");
  return document.readyState === "complete" && document.fonts.status === "loaded"
    && !all("main .spinner-border").length
    && all(".chart, .plot, #candle-chart")
      .every((one) => one.querySelector("canvas, svg") || /^(?!Reading)./.test(one.innerText))
    && all("main").every((one) => !/Loading…|Drawing|Connecting…/.test(one.innerText))
    && (!live || ["live", "ended"].includes(live.dataset.state));
}
"""
"""Whether all that can be seen now is there: fonts, charts, fragments, the first message."""


@dataclass(frozen=True)
class Picture:
    """One picture: ``at`` names the element that stands on top, ``press`` what is pressed first."""

    name: str
    path: str
    size: tuple[int, int] = WIDE
    scheme: Any = "light"
    at: str = ""
    press: str = ""


def _train(product: Product) -> dict[str, str]:
    """Ids by name: two judged runs, a rehearsal, and one run that trains before three that wait."""
    at = {}
    for name, loss in (("first", "gaussian_nll"), ("second", "quantile")):
        at[name] = launch(product, regression_loss=loss, max_epochs=6, **RUN)
        call(product, "PATCH", f"/runs/{at[name]}", {"name": f"Sample, {loss}", "tags": ["sample"]})
        _wait(product, f"/runs/{at[name]}", lambda run: run["status"] == "completed")
    asked = call(product, "POST", "/rehearsals", {"config": TINY_RUN | RUN})
    at["rehearsal"] = str(asked["id"])
    _wait(product, f"/rehearsals/{at['rehearsal']}", lambda one: one["status"] == "done")
    endless = {"overrides": [*RUN["overrides"], "train.early_stopping_patience=0"]}
    at["live"] = launch(product, regression_loss="student_t", max_epochs=1000, **RUN | endless)
    call(product, "PATCH", f"/runs/{at['live']}", {"name": "Sample, student_t"})
    for seed in (11, 12, 13):
        waits = launch(product, regression_loss="student_t", max_epochs=20, seed=seed, **RUN)
        call(product, "PATCH", f"/runs/{waits}", {"name": f"Sample, seed {seed}"})
    dropped = launch(product, max_epochs=1, **RUN)
    cancel(product, dropped)
    call(product, "DELETE", f"/runs/{dropped}")
    epochs = f"/runs/{at['live']}"
    _wait(product, epochs, lambda run: run["metrics"].get("epoch", 0) > LIVE_EPOCHS)
    return at


def _wait(product: Product, path: str, reached: Callable[[dict[str, Any]], bool]) -> None:
    deadline = time.monotonic() + TRAINED_SECONDS
    while True:
        found: dict[str, Any] = call(product, "GET", path)
        if reached(found):
            return
        if found["status"] in ("failed", "cancelled") or time.monotonic() > deadline:
            raise RuntimeError(f"{path} is {found['status']}: {found}")
        time.sleep(0.5)


def _pictures(at: dict[str, str]) -> tuple[Picture, ...]:
    dashboard = f"/runs/{at['live']}"
    three = ",".join((at["first"], at["second"], at["live"]))
    return (
        Picture("home", "/"),
        Picture("runs", "/runs"),
        Picture("runs-phone", "/runs", PHONE),
        Picture("queue", "/queue"),
        Picture("trash", "/trash"),
        Picture("notifications", "/queue", press="[data-bell] > summary"),
        Picture("data-report", "/datasets/1"),
        Picture("candles", "/datasets/1", at=".card:has(#candle-chart)"),
        Picture("report", f"/runs/{at['second']}/report"),
        Picture("comparison", f"/runs/compare?ids={three}"),
        Picture("rehearsal", f"/rehearsals/{at['rehearsal']}"),
        Picture("builder-data", "/runs/new/data?draft="),
        Picture("builder-horizons", "/runs/new/horizons?draft=", at="#preview"),
        Picture("builder-model", "/runs/new/model?draft="),
        Picture("dashboard", dashboard),
        Picture("dashboard-dark", dashboard, scheme="dark"),
        Picture("dashboard-phone", dashboard, PHONE),
    )


def _take(browser: Browser, product: Product, picture: Picture) -> None:
    width, height = picture.size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=picture.scheme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    path = picture.path
    if path.endswith("draft="):  # a draft lives in its browser's session
        page.goto(f"{product.url}/runs/new?sample")
        path += page.url.rpartition("draft=")[2]
    page.goto(product.url + path)
    if picture.at:
        page.wait_for_function(DRAWN, timeout=DRAWN_MS)
        page.locator(picture.at).evaluate("e => scrollTo(0, e.getBoundingClientRect().top - 16)")
    if picture.press:
        page.locator(picture.press).click()
    page.wait_for_function(DRAWN, timeout=DRAWN_MS)
    file = FOLDER / f"{picture.name}.png"
    page.screenshot(path=file)
    context.close()
    if file.stat().st_size > MAX_BYTES:
        raise RuntimeError(f"{file} is larger than {MAX_BYTES:,} bytes; take less of the page")
    print(f"{file.relative_to(ROOT)}  {file.stat().st_size:,} bytes", flush=True)


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
        at = _train(product)
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        for picture in _pictures(at):
            _take(browser, product, picture)
        browser.close()


if __name__ == "__main__":
    main()
