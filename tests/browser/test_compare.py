"""Runs are ticked in the table and compared; what is chosen then is in the link."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from launcher.client import call, launch
from launcher.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

SHORT = {
    "timeframes": ["15m"],
    "context_bars": 32,
    "long_horizon": "1d",
    "max_epochs": 2,
}
CHARTS = 4
"""At least: both losses, NLL and CRPS."""


ENDED_SECONDS = 120.0


def wait_for_end(product: Product, uid: str) -> None:
    """Return once the run has completed."""
    deadline = time.monotonic() + ENDED_SECONDS
    while (status := call(product, "GET", f"/runs/{uid}")["status"]) != "completed":
        assert status in ("pending", "running"), status
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def runs(live_product: Product) -> list[str]:
    """Two runs that have ended and differ in their learning rate."""
    call(live_product, "GET", "/datasets")
    made = []
    for rate in ("0.001", "0.01"):
        overrides = ["train.steps_per_epoch=10", "train.warmup_steps=2", "train.log_every_steps=1"]
        made.append(launch(live_product, **SHORT, learning_rate=float(rate), overrides=overrides))
    for uid in made:
        wait_for_end(live_product, uid)
    return made


def params(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def compared(page: Page, product: Product, runs: list[str], more: str = "") -> None:
    page.goto(f"{product.url}/runs/compare?ids={','.join(runs)}{more}")
    expect(page.locator(".compare-chart canvas").nth(CHARTS - 1)).to_be_visible()


def test_ticked_runs_are_compared_and_the_link_keeps_what_is_chosen(
    page: Page, live_product: Product, runs: list[str]
) -> None:
    page.goto(f"{live_product.url}/runs")
    for uid in runs:
        page.locator(f"#pick-{uid}").check()
    with page.expect_response(lambda answer: "/runs/rows" in answer.url):
        pass  # the table renews itself
    expect(page.locator("[name=ids]:checked")).to_have_count(2)
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_url("**/runs/compare?ids=*")
    shown = ",".join(params(page)["ids"]).split(",")
    assert set(shown) == set(runs)
    expect(page.locator(".compare-chart canvas").nth(CHARTS - 1)).to_be_visible()
    expect(page.locator("[data-setting='train.learning_rate'] td")).to_have_text(
        ["0.01", "0.001 (differs)"] if shown[0] == runs[1]
        else ["0.001", "0.01 (differs)"]
    )  # fmt: skip

    page.locator(f"#show-{runs[0]}").uncheck()
    assert params(page)["hide"] == [runs[0]]
    expect(page.locator("#scatter [data-run]")).to_have_count(1)
    page.get_by_text("Epoch", exact=True).click()
    page.get_by_label("Log scale").check()
    page.get_by_label("Vertical axis of the scatter plot").select_option("val_nll")
    page.locator("#compare-settings thead").get_by_role("link").first.click()
    expect(page.locator("#compare-settings .badge")).to_have_text("baseline")
    chosen = params(page)
    assert chosen["x"] == ["epoch"]
    assert chosen["log"] == ["1"]
    assert chosen["sy"] == ["val_nll"]
    assert "base" in chosen

    page.reload()
    expect(page.locator(".compare-chart canvas").nth(CHARTS - 1)).to_be_visible()
    assert params(page) == chosen
    expect(page.locator(f"#show-{runs[0]}")).not_to_be_checked()
    expect(page.locator("#x-epoch")).to_be_checked()
    expect(page.get_by_label("Log scale")).to_be_checked()
    expect(page.get_by_label("Vertical axis of the scatter plot")).to_have_value("val_nll")
    expect(page.locator("#compare-settings .badge")).to_have_text("baseline")
    expect(page.locator("#scatter [data-run]")).to_have_count(1)


def test_tables_are_copied_as_csv(page: Page, live_product: Product, runs: list[str]) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    compared(page, live_product, runs)
    page.locator("[data-copy-csv=compare-settings]").click()
    expect(page.locator("[data-copy-csv=compare-settings]")).to_contain_text("Copied")
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert "train.learning_rate,0.001,0.01" in lines
    page.locator("[data-copy-csv=compare-scores]").click()
    expect(page.locator("[data-copy-csv=compare-scores]")).to_contain_text("Copied")
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    row = next(line.split(",") for line in lines if line.startswith("val_crps (bp),"))
    assert all(float(cell) > 0 for cell in row[1:])


def test_the_pointer_tells_what_every_run_has(
    page: Page, live_product: Product, runs: list[str]
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    compared(page, live_product, runs)
    chart = page.locator("[data-metric=train_loss] .u-over")
    box = chart.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#readout-at")).to_contain_text("Training loss, at step")
    for readout in page.locator("[data-readout]").all():
        expect(readout).not_to_be_empty()
    page.locator(f"#run-keys [data-run='{runs[1]}'] .run-name").hover()
    expect(page.locator(f"#compare-scores th[data-run='{runs[1]}']")).to_have_attribute(
        "data-lit", ""
    )


DOTS = """() => {
  const hue = getComputedStyle(document.documentElement).getPropertyValue("--hue-0").trim();
  const pixels = (canvas) => new Uint32Array(canvas.getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  const dot = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const paint = dot.getContext("2d");
  paint.fillStyle = hue;
  paint.fillRect(0, 0, 1, 1);
  const [wanted] = pixels(dot);
  const charts = [...document.querySelectorAll(".compare-chart canvas")];
  return charts.some((canvas) => pixels(canvas).includes(wanted)) && hue;
}"""
"""The colour of the first run where a curve is drawn in it, as the theme says it is now."""


def test_curves_have_the_colours_of_the_theme_also_when_it_changes(
    page: Page, live_product: Product, runs: list[str]
) -> None:
    page.emulate_media(color_scheme="light")
    compared(page, live_product, runs)
    light = page.wait_for_function(DOTS).json_value()
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.wait_for_function(DOTS).json_value() != light


def test_a_run_is_taken_away_and_the_others_keep_their_colour(
    page: Page, live_product: Product, runs: list[str]
) -> None:
    third = launch(live_product, **SHORT, overrides=["train.steps_per_epoch=5"])
    compared(page, live_product, [*runs, third], "&smooth=0.5")
    colour = page.locator(f"#run-keys [data-run='{runs[1]}'] .run-key").get_attribute("class")
    page.locator(f"#run-keys [data-run='{runs[0]}']").get_by_role("link", name="Remove").click()
    expect(page.locator("#run-keys [data-run]")).to_have_count(2)
    after = page.locator(f"#run-keys [data-run='{runs[1]}'] .run-key").get_attribute("class")
    assert after == colour
    assert params(page)["smooth"] == ["0.5"]
    wait_for_end(live_product, third)


def test_a_brush_keeps_the_runs_that_pass(
    page: Page, live_product: Product, runs: list[str]
) -> None:
    compared(page, live_product, runs)
    page.locator("#parallel").scroll_into_view_if_needed()
    grip = page.locator("#parallel .grip").first.bounding_box()
    assert grip
    x = grip["x"] + grip["width"] / 2
    page.mouse.move(x, grip["y"] + 2)
    page.mouse.down()
    page.mouse.move(x, grip["y"] + grip["height"] / 2, steps=4)
    page.mouse.up()
    expect(page.locator("#parallel-note")).to_contain_text("1 of 2 runs pass the filter")
    assert "brush" in params(page)
    page.reload()
    expect(page.locator("#parallel [data-out]")).to_have_count(1)
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.locator("#parallel [data-out]")).to_have_count(0)
    assert "brush" not in params(page)


@pytest.mark.parametrize("width", [390, 1440])
def test_the_comparison_is_not_wider_than_its_screen(
    page: Page, live_product: Product, runs: list[str], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    compared(page, live_product, runs)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").count() == 1


def test_tables_and_selection_work_without_script(
    chromium: Browser, live_product: Product, runs: list[str]
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_product.url}/runs")
    for uid in runs:
        page.locator(f"#pick-{uid}").check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("The curves need JavaScript")).to_be_visible()
    expect(page.locator("[data-setting='train.learning_rate']")).to_be_visible()
    page.locator("#compare-settings").get_by_role("link", name="more that are the same").click()
    expect(page.get_by_role("heading", name="All settings")).to_be_visible()
    context.close()
