"""The queue's page in a browser: its buttons in place, with and without script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from launcher.client import call, cancel, launch
from launcher.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def waiting(live_product: Product) -> Iterator[list[str]]:
    """Three runs that wait in a paused queue, in order."""
    call(live_product, "POST", "/queue/pause")
    runs = [launch(live_product) for _ in range(3)]
    yield runs
    for run in runs:
        if call(live_product, "GET", f"/runs/{run}")["status"] == "pending":
            cancel(live_product, run)
    call(live_product, "POST", "/queue/resume")


def names(page: Page) -> list[str]:
    return page.locator(".queue-list .run-name").all_inner_texts()


def test_runs_are_moved_in_place(page: Page, live_product: Product, waiting: list[str]) -> None:
    first, second, third = waiting
    page.goto(f"{live_product.url}/queue")
    page.evaluate("window.untouched = true")
    assert names(page) == [first, second, third]

    page.locator(f"#top-{third}").click()
    expect(page.locator(".queue-list .run-name").first).to_have_text(third)
    page.locator(f"#down-{first}").click()
    expect(page.locator(".queue-list .run-name").last).to_have_text(first)
    page.locator(f"#high-{first}").click()
    expect(page.locator(".queue-list .run-name").first).to_have_text(first)
    expect(page.locator(f"#high-{first}")).to_have_attribute("aria-pressed", "true")

    assert page.evaluate("window.untouched"), "the page was loaded again"
    assert names(page) == [first, third, second]


def test_the_page_follows_what_others_do(
    page: Page, live_product: Product, waiting: list[str]
) -> None:
    page.goto(f"{live_product.url}/queue")
    expect(page.locator("#nav-waiting-row")).to_contain_text("3")
    expect(page.locator("[data-finding=paused]")).to_be_visible()
    row = page.locator(f"#waiting-{waiting[2]}").element_handle()
    call(live_product, "POST", f"/runs/{waiting[2]}/queue", {"move": "top"})
    cancel(live_product, waiting[0])
    expect(page.locator(".queue-list > li")).to_have_count(2, timeout=10_000)
    expect(page.locator("#nav-waiting-row")).to_contain_text("2")
    assert row is not None
    assert row.evaluate("row => row.isConnected"), "the row was drawn anew and not moved"


def test_a_dashboard_goes_to_the_top(page: Page, live_product: Product, waiting: list[str]) -> None:
    page.goto(f"{live_product.url}/runs/{waiting[1]}")
    expect(page.locator("#queue-turn")).to_contain_text("Number 2 in the queue")
    call(live_product, "POST", f"/runs/{waiting[2]}/queue", {"move": "top"})
    expect(page.locator("#queue-turn")).to_contain_text("Number 3 in the queue", timeout=10_000)
    page.get_by_role("button", name="To the top").click()
    expect(page.locator("#queue-turn")).to_contain_text("Next in the queue")


def test_the_buttons_work_without_script(
    chromium: Browser, live_product: Product, waiting: list[str]
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_product.url}/queue")
    page.locator(f"#top-{waiting[2]}").click()
    assert names(page)[0] == waiting[2]
    page.locator(f"#low-{waiting[2]}").click()
    assert names(page)[-1] == waiting[2]
    page.get_by_role("button", name="Drain cpu-0").click()
    expect(page.get_by_text("drained", exact=True)).to_be_visible()
    page.get_by_role("button", name="Use again cpu-0").click()
    expect(page.get_by_text("drained", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Resume queue").click()
    expect(page.get_by_role("button", name="Pause queue")).to_be_visible()
    call(live_product, "POST", "/queue/pause")
    context.close()
