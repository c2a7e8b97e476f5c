"""Pages on a phone and a wide screen, light and dark, with and without script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from launcher.product import Product
from tests.browser.steps import begin, go_on

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ADDRESSES = (
    "/", "/runs", "/queue", "/groups", "/datasets", "/trash",
    "/runs/new/data?draft=look", "/runs/new/features?draft=look",
    "/runs/new/horizons?draft=look", "/runs/new/model?draft=look", "/runs/new/loss?draft=look",
    "/runs/new/train?draft=look",
)  # fmt: skip


@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_is_wider_than_its_screen(page: Page, live_product: Product, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for address in ADDRESSES:
        page.goto(live_product.url + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        assert page.locator("h1").count() == 1, address


def test_the_theme_follows_the_system_until_it_is_chosen(page: Page, live_product: Product) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(f"{live_product.url}/admin/")  # keeps its own word, "auto", in the same place
    page.goto(live_product.url)
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")


def test_the_menu_of_a_phone_opens(page: Page, live_product: Product) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(live_product.url)
    page.locator("summary[aria-label=Menu]").click()
    page.get_by_role("navigation", name="Menu").get_by_role("link", name="Data sets").click()
    expect(page.get_by_role("heading", name="Data sets")).to_be_visible()


def test_typing_survives_a_reload(page: Page, live_product: Product) -> None:
    page.goto(f"{live_product.url}/runs/new")
    page.get_by_label("Start date").fill("2024-01-09")
    expect(page.get_by_text("Draft saved")).to_be_visible()
    page.goto(page.url)
    expect(page.get_by_label("Start date")).to_have_value("2024-01-09")


def test_a_fault_stands_beside_its_field(page: Page, live_product: Product) -> None:
    page.goto(f"{live_product.url}/runs/new")
    begin(page)
    go_on(page, "Features")
    go_on(page, "Horizons")
    page.get_by_label("Short-term horizon").fill("soon")
    page.get_by_role("button", name="Next: Model").click()
    expect(page.locator("#horizons-short-error")).to_contain_text("not a duration")
    expect(page.get_by_label("Short-term horizon")).to_have_value("soon")
    expect(page.get_by_label("Short-term horizon")).to_be_focused()


def test_everything_but_the_live_part_works_without_script(
    chromium: Browser, live_product: Product
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_product.url}/runs/new")
    begin(page)
    go_on(page, "Features")
    page.get_by_role("button", name="Previous").click()
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()
    page.goto(f"{live_product.url}/runs?q=none&sort=val_loss")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    context.close()


def test_the_api_is_described_without_script(chromium: Browser, live_product: Product) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_product.url}/api/docs")
    page.get_by_role("link", name="Runs", exact=False).and_(page.locator(".chips a")).click()
    line = page.locator("details").filter(has_text="Read the curves of a run")
    line.locator("summary").click()
    expect(line.get_by_text("Training losses in the answer.")).to_be_visible()
    line.get_by_role("link", name="CurvesOut").click()
    expect(page.locator("#shape-CurvesOut")).to_be_in_viewport()
    page.get_by_role("link", name="Home", exact=True).first.click()
    expect(page).to_have_url(f"{live_product.url}/")
    context.close()


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([0, 5e10, 1e11], ["0", "50B", "100B"]),
        ([0, 5e12, 1e13], ["0", "0.5e13", "1.0e13"]),
        ([0, 1e6, 2e6], ["0", "1M", "2M"]),
        ([13.8, 13.85, 13.9], ["13.80", "13.85", "13.90"]),
        ([-0.5, 0, 0.5], ["−0.5", "0", "0.5"]),
    ],
)
def test_ticks_fit_beside_their_plot(
    page: Page, live_product: Product, values: list[float], written: list[str]
) -> None:
    page.goto(live_product.url)
    script = """async values => {
        const {src} = document.querySelector("script[type=module]");
        return (await import(new URL("plot_style.js", src))).ticks(values);
    }"""
    assert page.evaluate(script, values) == written
