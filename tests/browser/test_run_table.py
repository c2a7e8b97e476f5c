"""The run table by hand: filter, order, columns, tags for several, keys; and rows that change."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from launcher.client import call, launch
from launcher.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

TRAINED_MS = 300_000
SHORT = ["train.steps_per_epoch=5", "train.warmup_steps=2", "model.context_bars=32"]


@pytest.fixture(scope="module")
def runs(live_product: Product) -> list[str]:
    """Ids of three runs that wait behind a paused queue, the oldest first."""
    call(live_product, "POST", "/queue/pause")
    made = []
    for name in ("table one", "table two", "table three"):
        uid = launch(live_product, variant="tiny", long_horizon="1d", max_epochs=1, overrides=SHORT)
        call(live_product, "PATCH", f"/runs/{uid}", {"name": name})
        made.append(uid)
    return made


def _open(page: Page, product: Product, query: str = "?q=table") -> None:
    page.goto(f"{product.url}/runs{query}")


def test_filter_order_and_columns_stand_in_the_address(
    page: Page, live_product: Product, runs: list[str]
) -> None:
    _open(page, live_product)
    page.locator("summary", has_text="Status").click()
    page.get_by_label("Pending").check()
    page.get_by_label("Running").check()
    page.get_by_role("group", name="Status").get_by_role("button", name="Show these").click()
    expect(page).to_have_url(re.compile(r"/runs\?q=table&status=pending&status=running$"))
    page.get_by_role("link", name="Run", exact=True).click()
    expect(page.locator("a.run-name").first).to_have_text("table one")
    page.locator("summary", has_text="Columns").click()
    page.get_by_label("Tags", exact=True).check()
    page.get_by_label("Created", exact=True).uncheck()
    page.get_by_role("group", name="Columns").get_by_role("button", name="Show these").click()
    expect(page).to_have_url(re.compile("cols=status,verdict,tags,"))
    expect(page.get_by_role("columnheader", name="Tags")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Created")).to_have_count(0)
    link = page.locator(".nav-row [data-run-table-link]")
    expect(link).to_have_attribute("href", re.compile("cols=status,verdict,tags"))
    page.get_by_role("link", name="Pending, take off").click()
    expect(page).to_have_url(re.compile("q=table&status=running"))
    expect(page.get_by_text("No run fits")).to_be_visible()


def test_several_runs_are_tagged_with_one_question(
    page: Page, live_product: Product, runs: list[str]
) -> None:
    _open(page, live_product)
    tag = page.get_by_role("button", name="Tag", exact=True)
    expect(tag).to_be_disabled()
    page.get_by_label("Select table one").check()
    page.get_by_label("Select table two").check()
    expect(page.get_by_text("2 ticked")).to_be_visible()
    tag.click()
    expect(page.get_by_role("heading", name="Tag 2 runs?")).to_be_visible()
    page.get_by_label("Tags").fill("by-hand")
    page.get_by_role("button", name="Add tags").click()
    expect(page.get_by_text("2 runs were tagged.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/runs\?q=table$"))
    assert call(live_product, "GET", f"/runs/{runs[0]}")["tags"] == ["by-hand"]
    _open(page, live_product, "?tag=by-hand")
    expect(page.locator("tbody tr")).to_have_count(2)


def test_all_that_is_found_is_chosen_with_one_tick(
    page: Page, live_product: Product, runs: list[str]
) -> None:
    config = {"data_source": "synthetic_garch_1m", "variant": "tiny", "max_epochs": 1}
    group = call(live_product, "POST", "/groups", {"config": config, "seeds": 26})
    try:
        _open(page, live_product, f"?group={group['id']}")
        page.get_by_label("Choose all 26 found").check()
        expect(page.get_by_text("26 chosen")).to_be_visible()
        expect(page.locator("tbody input:checked:disabled")).to_have_count(25)
        expect(page.get_by_role("button", name="Compare")).to_be_disabled()
        page.get_by_label("Choose all 26 found").uncheck()
        expect(page.locator("tbody input:checked")).to_have_count(0)
        page.get_by_label("Choose all 26 found").check()
        page.get_by_role("button", name="Cancel", exact=True).click()
        expect(page.get_by_role("heading", name="Cancel 26 runs?")).to_be_visible()
        page.get_by_role("button", name="Cancel: 26 runs").click()
        expect(page.get_by_text("26 runs were asked to stop.")).to_be_visible()
    finally:
        call(live_product, "POST", f"/groups/{group['id']}/cancel")


def test_a_phone_shows_a_run_as_a_card(page: Page, live_product: Product, runs: list[str]) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    _open(page, live_product, "?q=table&cols=status,epoch,val_loss,val_crps,duration,created,size")
    row = page.get_by_role("row").filter(has_text="table one")
    expect(row.get_by_role("cell")).to_have_count(9)
    card = row.bounding_box()
    assert card and card["width"] <= 390
    for cell in row.get_by_role("cell").all():
        box = cell.bounding_box()
        assert box is None or box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_keys_move_tick_search_and_open(page: Page, live_product: Product, runs: list[str]) -> None:
    _open(page, live_product)
    focused = page.locator("tbody a.run-name:focus")
    page.keyboard.press("j")
    expect(focused).to_have_text("table three")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    expect(focused).to_have_text("table one")
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(page.get_by_label("Select table two")).to_be_checked()
    page.keyboard.press("/")
    search = page.get_by_role("searchbox")
    expect(search).to_be_focused()
    page.keyboard.type("jk?x")
    expect(search).to_have_value("jk?x")
    expect(page.get_by_label("Select table two")).to_be_checked()
    search.blur()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_be_visible()
    keys.get_by_label("Use single keys in this browser").uncheck()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.get_by_label("Select table two").focus()
    page.keyboard.press("j")
    expect(focused).to_have_count(0)
    page.keyboard.press("ArrowUp")
    expect(focused).to_have_text("table three")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/runs/{runs[2]}$"))


def test_bulk_works_without_script(
    chromium: Browser, live_product: Product, runs: list[str]
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    _open(page, live_product)
    page.get_by_label("Select table three").check()
    page.get_by_role("button", name="Archive", exact=True).click()
    page.get_by_role("button", name="Archive", exact=True).click()
    expect(page.get_by_text("1 run was archived.")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(2)
    context.close()
    call(live_product, "PATCH", f"/runs/{runs[2]}", {"archived": False})


def test_rows_change_in_place_and_stay_ticked(
    page: Page, live_product: Product, runs: list[str]
) -> None:
    _open(page, live_product, "?q=table&sort=name&dir=asc")
    page.evaluate("window.sameDocument = true")
    page.get_by_label("Select table one").check()
    row = page.locator(f"#run-{runs[0]}")
    expect(row.locator("[data-run-status]")).to_have_text("Pending")
    top = row.bounding_box()
    call(live_product, "POST", "/queue/resume")
    expect(row.locator("[data-run-status]")).to_have_text("Completed", timeout=TRAINED_MS)
    expect(page.get_by_label("Select table one")).to_be_checked()
    assert page.evaluate("window.sameDocument"), "the page was loaded again"
    after = row.bounding_box()
    assert top and after
    assert (after["x"], after["y"]) == (top["x"], top["y"])


def test_steps_from_run_to_run_follow_the_table(
    page: Page, live_product: Product, runs: list[str]
) -> None:
    one, two, three = runs
    _open(page, live_product, "?q=table&sort=created&dir=asc")  # the oldest first
    page.get_by_role("link", name="table two", exact=True).click()
    steps = page.locator("[data-run-steps]")
    expect(steps.get_by_role("link", name="Previous run of the table: table one")).to_be_visible()
    expect(page.locator("#live-state")).not_to_have_attribute("data-state", "connecting")
    page.keyboard.press("j")
    page.wait_for_url(f"**/runs/{three}")
    expect(steps.get_by_role("link", name="Previous run of the table: table two")).to_be_visible()
    page.keyboard.press("k")
    page.wait_for_url(f"**/runs/{two}")
    expect(steps.get_by_role("link", name="Previous run of the table: table one")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("k")  # a key behind the dialog does nothing
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.wait_for_url("**/runs?q=table&sort=created&dir=asc")
    page.goto(f"{live_product.url}/runs/{one}")
    page.get_by_role("link", name="← All runs").click()
    page.wait_for_url("**/runs?q=table&sort=created&dir=asc")


def test_without_a_table_the_steps_go_by_age(
    page: Page, live_product: Product, runs: list[str]
) -> None:
    page.goto(f"{live_product.url}/runs/{runs[1]}")
    steps = page.locator("[data-run-steps]")
    expect(steps.get_by_role("link", name="Newer run: table three")).to_be_visible()
    steps.get_by_role("link", name="Older run: table one").click()
    page.wait_for_url(f"**/runs/{runs[0]}")
