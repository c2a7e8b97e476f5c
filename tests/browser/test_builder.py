"""A person walks all six steps, sees what each means, rehearses, and finds the draft again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from launcher.product import Product
from tests.browser.steps import begin, go_on

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

DRAWN_MS = 120_000
REHEARSED_MS = 240_000
LOOKS = 20


def test_six_steps_that_teach_and_a_rehearsal(page: Page, live_product: Product) -> None:
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.goto(f"{live_product.url}/runs/new")
    begin(page)
    expect(page.locator(".ledger")).to_contain_text("decisions used", timeout=DRAWN_MS)
    expect(page.locator("#rows")).to_contain_text("Fingerprint")

    _features_and_horizons(page)
    _model_and_loss(page)
    _rehearsal(page)
    _found_again(page, live_product)
    assert faults == []


def test_a_preset_chosen_before_the_script_has_come(page: Page, live_product: Product) -> None:
    page.goto(f"{live_product.url}/runs/new")
    begin(page)
    for title in ("Features", "Horizons"):
        go_on(page, title)
    waiting: list[Route] = []
    page.route("**/js/builder*.js", lambda route: waiting.append(route))
    page.get_by_role("button", name="Next: Model").click(no_wait_after=True)
    page.get_by_text("Tiny", exact=True).click()
    width = page.get_by_label("Width (d_model)")
    assert waiting, "the script was not held back"
    expect(width).to_have_value("256")
    waiting[0].continue_()
    expect(width).to_have_value("64")


def _features_and_horizons(page: Page) -> None:
    go_on(page, "Features")
    expect(page.locator("#preview")).to_contain_text("Log-return", timeout=DRAWN_MS)
    expect(page.locator("#preview")).not_to_contain_text("On-balance")
    page.get_by_text("OBV", exact=True).click()
    expect(page.locator("#preview")).to_contain_text("On-balance", timeout=DRAWN_MS)
    expect(page.locator('[data-usual-of="features-indicators"] .field-mark')).to_be_visible()

    go_on(page, "Horizons")
    expect(page.locator("#preview .part-gap").first).to_be_attached(timeout=DRAWN_MS)
    expect(page.locator("#preview")).to_contain_text("7 d of purge")
    page.get_by_label("Long-term horizon").fill("1d")
    expect(page.locator("#preview")).to_contain_text("1 d of purge", timeout=DRAWN_MS)


def _model_and_loss(page: Page) -> None:
    go_on(page, "Model")
    page.get_by_text("Tiny", exact=True).click()
    expect(page.get_by_label("Width (d_model)")).to_have_value("64")
    expect(page.locator("#preview")).to_contain_text("Time of an epoch", timeout=DRAWN_MS)
    mark = page.locator('[data-usual-of="model-dropout"] .field-mark')
    expect(mark).to_be_hidden()
    page.get_by_label("Dropout").fill("0.2")
    expect(mark).to_be_visible()
    page.locator('[data-usual-of="model-dropout"]').get_by_role("button").click()
    expect(page.get_by_label("Dropout")).to_have_value("0.1")
    page.get_by_label("Context (bars)").fill("32")

    go_on(page, "Loss")
    expect(page.locator("#preview .histogram")).to_have_count(4, timeout=DRAWN_MS)
    page.get_by_label("Regression loss").select_option("quantile")
    expect(page.locator('[data-loss="quantile"].chosen')).to_be_visible(timeout=DRAWN_MS)


def _rehearsal(page: Page) -> None:
    go_on(page, "Train")
    page.get_by_label("Run name").fill("rehearsed in a browser")
    page.get_by_role("button", name="Rehearse").click()
    expect(page.locator("#rehearsal")).to_contain_text("It works", timeout=REHEARSED_MS)
    expect(page.locator("#rehearsal")).to_contain_text("Whole run")
    page.locator("#rehearsal summary").click()
    expect(page.locator("#rehearsal table")).to_contain_text("15m")
    outdated = page.locator(".leak-step [data-outdated]").first
    expect(outdated).to_be_hidden()
    page.get_by_label("Seed", exact=True).fill("8")
    expect(outdated).to_be_visible()
    page.get_by_text("Copy as command").click()
    expect(page.locator("#command-yaml")).to_contain_text("regression_loss: quantile")


def _found_again(page: Page, live_product: Product) -> None:
    # The browser's own way back keeps what was typed a moment ago, and the draft is found again.
    page.get_by_label("Run name").fill("typed just now")
    page.goto(f"{live_product.url}/runs/new")
    expect(page.get_by_text(re.compile(r"Open drafts \(\d+\)"))).to_be_visible()
    kept = page.locator("li", has_text="typed just now")
    for _ in range(LOOKS):  # the page was asked for while the draft was being saved
        if kept.count():
            break
        page.reload()
    kept.get_by_role("link", name="Go on").click()
    expect(page.get_by_label("Run name")).to_have_value("typed just now")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("8")
