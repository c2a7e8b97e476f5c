"""Deleting a run in a browser: while it trains, from the trash, and under an open page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from launcher.client import launch
from launcher.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RUN = {"timeframes": ["15m", "1h"], "max_epochs": 1000}


def test_cancel_and_delete_then_restore_then_delete_for_good(
    page: Page, browser_context: BrowserContext, live_product: Product
) -> None:
    run = launch(live_product, **RUN)
    address = f"{live_product.url}/runs/{run}"
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(address)
    page.get_by_role("button", name="Cancel and delete").click()

    # The open page is told over its socket, whenever the trainer has stopped.
    expect(page.locator("#in-trash")).to_contain_text("In the trash since", timeout=60_000)
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("was restored")).to_be_visible()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("was moved to the trash")).to_be_visible()
    expect(page.locator(f"#run-{run}")).to_have_count(0)

    # Another page stays open while this one deletes the run for good.
    other = browser_context.new_page()
    other.goto(address)
    expect(other.locator("#in-trash")).to_be_visible()
    page.goto(f"{live_product.url}/trash")
    page.locator(f"#trash-{run}").get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("deleted for good; freed")).to_be_visible()
    expect(page.locator(f"#trash-{run}")).to_have_count(0)
    other.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(other.locator("#run-gone")).to_be_visible()
    expect(other.get_by_role("button", name="Restore")).to_be_disabled()
    other.close()


def test_files_are_compared_on_request(page: Page, live_product: Product) -> None:
    page.goto(f"{live_product.url}/trash")
    page.get_by_role("button", name="Compare now").click()
    # Runs that other tests have made row by row have no folder, and are told as such.
    answer = re.compile("files and records agree|The run has no folder")
    expect(page.locator("#compare")).to_contain_text(answer)
