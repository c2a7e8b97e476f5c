"""Data sets by hand: upload a file, look at its candles, fetch from an exchange, remove it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from launcher.product import Product
from tests.exchange_server import MINUTE_MS, serving
from tests.synthetic import random_candles, write_candles

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECONDS = 90_000
"""Milliseconds to wait for a worker on a loaded machine."""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    first = 1_704_067_200_000
    with serving(first, first + 2999 * MINUTE_MS) as exchange:
        extra = {"EXCHANGE_MIRRORS": f"binance={exchange.url}"}
        with Product(tmp_path_factory.mktemp("datasets"), extra=extra) as started:
            yield started


def sticks(chart: Locator) -> tuple[int, int]:
    """How many pixels of the price have the colours of rising and of falling sticks."""
    up, down = chart.locator("canvas").first.evaluate(
        """canvas => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const count = { "43,138,62": 0, "201,42,42": 0 };
          for (let at = 0; at < data.length; at += 4) {
            const colour = `${data[at]},${data[at + 1]},${data[at + 2]}`;
            if (colour in count) count[colour] += 1;
          }
          return Object.values(count);
        }"""
    )
    return int(up), int(down)


def test_upload_look_zoom_and_remove(page: Page, product: Product, tmp_path: Path) -> None:
    file = write_candles(tmp_path / "by hand.csv", random_candles(30_000, seed=4))
    page.goto(f"{product.url}/datasets")
    page.get_by_label("Upload a candle file").set_input_files(file)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("heading", name="by hand")).to_be_visible(timeout=SECONDS)
    state = page.locator("#candle-state")
    expect(state).to_contain_text("30,000 bars in the file", timeout=SECONDS)
    expect(state).to_contain_text("each stick is")
    chart = page.locator("#candle-chart")
    assert min(sticks(chart)) > 500
    seen = state.inner_text()
    for _ in range(12):
        page.get_by_role("button", name="Zoom in").click()
    expect(state).to_contain_text("each stick is one bar of 1m")
    assert min(sticks(chart)) > 500
    exact = state.inner_text()
    assert exact != seen
    chart.focus()
    page.keyboard.press("ArrowLeft")
    expect(state).not_to_have_text(exact)
    page.keyboard.press("Home")
    expect(state).to_have_text(seen)
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    expect(page.locator("#candle-values")).to_contain_text(re.compile(r"Time\s*2024-01-\d\d"))
    page.mouse.wheel(0, -300)
    expect(state).not_to_have_text(seen)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove with its file").click()
    expect(page.get_by_text("was removed with its file")).to_be_visible()
    expect(page.get_by_role("link", name="by hand")).to_have_count(0)


def test_a_file_that_is_dropped_and_refused(page: Page, product: Product) -> None:
    page.goto(f"{product.url}/datasets")
    page.locator("#upload").evaluate(
        """form => {
          const data = new DataTransfer();
          data.items.add(new File(["x"], "picture.png"));
          form.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
        }"""
    )
    expect(page.locator(".upload-state")).to_contain_text("must end in one of")
    expect(page.get_by_role("button", name="Upload", exact=True)).to_be_enabled()


def test_fetch_from_an_exchange_and_watch(page: Page, product: Product) -> None:
    page.goto(f"{product.url}/datasets")
    page.get_by_role("link", name="Fetch from an exchange").click()
    page.get_by_label("From (UTC)").fill("2024-01-01")
    page.get_by_label("Until (UTC)").fill("2024-01-10")
    page.get_by_role("button", name="Fetch", exact=True).click()
    page.get_by_role("link", name="Open the data set").click(timeout=SECONDS)
    expect(page.get_by_text("BTC/USDT of binance, 1m, fetched at")).to_be_visible()
    expect(page.locator("#candle-state")).to_contain_text("3,000 bars", timeout=SECONDS)
