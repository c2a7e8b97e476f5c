"""From the report to one decision and to its neighbours, with script and without."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from launcher.client import call
from launcher.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

TRAINED_SECONDS = 300.0
COMPUTED_MS = 120_000
CONFIG = {
    "data_source": "synthetic_garch_1m.csv",
    "variant": "tiny",
    "long_horizon": "1d",
    "max_epochs": 1,
    "overrides": ["train.steps_per_epoch=15", "train.warmup_steps=2", "model.context_bars=32"],
}
CLICK_MS = 1000
"""Longer than a page waits for the second click of a double-click."""


@pytest.fixture(scope="module")
def judged(live_product: Product) -> str:
    """The id of a run that was trained and judged."""
    uid: str = call(live_product, "POST", "/runs", {"name": "Judged", "config": CONFIG})["id"]
    deadline = time.monotonic() + TRAINED_SECONDS
    while call(live_product, "GET", f"/runs/{uid}")["status"] != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return uid


def _told(product: Product, uid: str, query: str = "") -> dict[str, Any]:
    told: dict[str, Any] = call(product, "GET", f"/runs/{uid}/decisions{query}")
    return told


def test_a_click_on_a_forecast_leads_to_its_decision(
    page: Page, live_product: Product, judged: str
) -> None:
    page.set_default_timeout(COMPUTED_MS)
    page.goto(f"{live_product.url}/runs/{judged}/report")
    over = page.locator('[data-plot="fan"] .u-over')
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    middle = (box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.dblclick(*middle)  # shows all, and leads nowhere
    page.mouse.move(*middle)
    page.mouse.down()  # zooms, and leads nowhere
    page.mouse.move(middle[0] + 80, middle[1], steps=4)
    page.mouse.up()
    page.wait_for_timeout(CLICK_MS)
    expect(page).to_have_url(re.compile("/report$"))
    page.mouse.click(*middle)
    page.wait_for_url("**/decisions?at=*")
    fan = call(live_product, "GET", f"/runs/{judged}/report")["report"]["fan"]
    shown = page.locator("#at").input_value()
    told = _told(live_product, judged, f"?at={shown}")
    assert told["decision"]["at"] in fan["time"]
    expect(page.get_by_role("heading", level=1)).to_have_text("What did the model know?")
    for seen in told["decision"]["inputs"]["timeframes"]:
        row = page.locator(f'[data-timeframe="{seen["timeframe"]}"]')
        available = row.locator("time").nth(1).get_attribute("datetime")
        assert available is not None and available[:16] <= shown[:16]
        unseen = page.locator(f'[data-unseen="{seen["timeframe"]}"]')
        assert (unseen.locator("time").nth(1).get_attribute("datetime") or "")[:16] > shown[:16]
        expect(unseen).to_contain_text("not visible yet")


def test_without_script_decisions_are_walked_and_typed(
    chromium: Browser, live_product: Product, judged: str
) -> None:
    context = chromium.new_context(
        java_script_enabled=False, viewport={"width": 390, "height": 844}
    )
    page = context.new_page()
    page.set_default_timeout(COMPUTED_MS)
    page.goto(f"{live_product.url}/runs/{judged}/report")
    page.locator("#largest-losses tbody a").first.click()
    expect(page.locator("#said-title")).to_be_visible()
    assert _told(live_product, judged, f"?at={page.locator('#at').input_value()}")["decision"][
        "loss_rank"
    ] == 1  # fmt: skip
    page.goto(f"{live_product.url}/runs/{judged}/decisions")
    newest = _told(live_product, judged)
    field = page.get_by_label("Another decision, UTC")
    expect(field).to_have_value(newest["at"])
    expect(page.get_by_role("link", name="Next →")).to_have_count(0)
    page.get_by_role("link", name="← Previous").click()
    expect(field).to_have_value(newest["previous"])
    page.get_by_role("link", name="Next →").click()
    expect(field).to_have_value(newest["at"])
    field.fill("1999-01-01")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_contain_text("before the test part")
    expect(field).to_have_value("1999-01-01")
    page.get_by_role("link", name=f"Show {newest['first']}").click()
    expect(field).to_have_value(newest["first"])
    expect(page.get_by_role("link", name="← Previous")).to_have_count(0)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width == 390, "the page is wider than a phone"
    context.close()
