"""Takes each page in four forms, joins them two by two, and says what axe and the browser find."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

import psutil
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

from launcher.checkout import ROOT
from launcher.chromium import FLAGS, find
from launcher.product import Product
from launcher.screenshots import DRAWN
from tests.browser.accessibility import prepare, violations
from tests.exchange_server import MINUTE_MS, LocalExchange, serving
from tests.look.pages import Look, broken, empty, folder_of, full, low
from tests.look.states import break_things, fill

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
WIDTHS = (1280, 390)
HEIGHT, TALLEST = 860, 7000
DRAWN_MS = 15_000
SETTLE_MS = 600
FIRST_MS = 1_704_067_200_000
DATA = ROOT.parent / "shared" / "data"
MOST_RESERVE = 50
"""The largest share of the disk that the product can be told to keep free, in per cent."""
PARTS = ("empty", "full", "broken", "low")


class Eye:
    """Looks at pages of one product and keeps what it found."""

    def __init__(self, product: Product, browser: Browser, folder: Path) -> None:
        self._product, self._browser, self._folder = product, browser, folder
        self.found: list[str] = []

    def look(self, look: Look) -> None:
        """Two pictures of a page, light and dark, each wide and narrow."""
        for scheme in SCHEMES:
            shots = [self._shoot(look, scheme, width) for width in WIDTHS]
            self._join(shots, self._folder / f"{look.name}-{scheme}.png")
        print(look.name, flush=True)

    def _shoot(self, look: Look, scheme: Scheme, width: int) -> Path:
        context = self._browser.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        prepare(context)
        page = context.new_page()
        what = f"{look.name} {scheme} {width}"
        page.on("pageerror", lambda fault: self.found.append(f"{what}: script: {fault}"))
        page.on("console", lambda said: self._heard(what, said, page.url))
        page.on("dialog", lambda dialog: dialog.accept())
        file = Path(tempfile.mkdtemp()) / "one.png"
        try:
            self._go(page, look)
        except Error as fault:
            self.found.append(f"{what}: {str(fault).splitlines()[0]}")
        page.wait_for_timeout(SETTLE_MS)
        self._judge(page, what, width, ours="/admin" not in look.path)
        tall = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": min(max(HEIGHT, tall), TALLEST)})
        page.wait_for_timeout(300)
        page.screenshot(path=file)
        context.close()
        return file

    def _go(self, page: Page, look: Look) -> None:
        path = look.path
        if path.endswith("draft="):  # a draft lives in its browser's session
            page.goto(f"{self._product.url}/runs/new?sample")
            path += page.url.rpartition("draft=")[2]
        page.goto(self._product.url + path)
        if not look.waits:
            page.wait_for_function(DRAWN, timeout=DRAWN_MS)
        if look.act:
            look.act(page)
            page.wait_for_function(DRAWN, timeout=DRAWN_MS)

    def _heard(self, what: str, said: ConsoleMessage, address: str) -> None:
        # What the policy refuses is asked of the page; a page of 404 or 422 is meant to be one.
        ours = "Content Security Policy" in said.text or said.location["url"] == address
        if said.type == "error" and not ours:
            self.found.append(f"{what}: console: {said.text}")

    def _judge(self, page: Page, what: str, width: int, *, ours: bool) -> None:
        self.found += [f"{what}: {one}" for one in violations(page, ours=ours)]
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            self.found.append(f"{what}: {wide - width} px wider than its screen")

    def _join(self, shots: list[Path], file: Path) -> None:
        page = self._browser.new_page(viewport={"width": sum(WIDTHS) + 20, "height": 100})
        images = "".join(f"<img src='file://{one}'>" for one in shots)
        sheet = file.with_suffix(".html")
        sheet.write_text(
            f"<body style='margin:0;display:flex;gap:20px;align-items:start'>{images}</body>"
        )
        page.goto(f"file://{sheet}")
        page.screenshot(path=file, full_page=True)
        page.close()
        sheet.unlink()


def _looks(product: Product, exchange: LocalExchange, parts: list[str]) -> Iterator[Look]:
    """The pages in their order; what they show is made in between."""
    if "low" in parts:
        yield from low()
    if "empty" in parts:
        yield from empty()
    at = fill(product) if {"full", "broken"} & set(parts) else {}
    if "full" in parts:
        yield from full(at)
    if "broken" in parts:
        yield from broken(at | break_things(product, exchange, DATA))


def main(arguments: list[str]) -> int:
    """Pictures into a folder; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="bin/look", description=__doc__)
    parser.add_argument("folder", help="where the pictures go")
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--only", default="*", help="names of pages, such as 'builder-*'")
    chosen = parser.parse_args(arguments)
    executable = find()
    if executable is None:
        sys.exit("bin/look needs Chromium; install it or set CHROMIUM to its path.")
    parts = chosen.part or list(PARTS)
    found: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        for together in ([one for one in parts if one != "low"], ["low"] if "low" in parts else []):
            if together:
                found += _look_at(together, browser, folder_of(chosen.folder), chosen.only)
        browser.close()
    print("\n".join(found) or "Nothing was found.")
    return bool(found)


def _look_at(parts: list[str], browser: Browser, folder: Path, pattern: str) -> list[str]:
    """What was found on the pages of one product."""
    extra = {"LEASE_SECONDS": "5", "LOG_LEVEL": "WARNING"}
    if "low" in parts:
        usage = psutil.disk_usage(str(ROOT))
        free = 100 * usage.free / usage.total
        if free >= MOST_RESERVE:
            return [f"low: not looked at, since {free:.0f} % of this disk are free"]
        extra["DISK_RESERVE_PERCENT"] = str(MOST_RESERVE)
    with (
        tempfile.TemporaryDirectory() as base,
        serving(FIRST_MS, FIRST_MS + 9_999 * MINUTE_MS) as exchange,
        Product(Path(base), extra=extra | {"EXCHANGE_MIRRORS": f"binance={exchange.url}"}) as made,
    ):
        eye = Eye(made, browser, folder)
        for look in _looks(made, exchange, parts):
            if fnmatch(look.name, pattern):
                eye.look(look)
        return eye.found
