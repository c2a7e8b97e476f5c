"""A group fills in while it is watched: status, figures, chart and verdict, without a reload."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from launcher.client import call
from launcher.product import Product
from tests.execution.test_supervisor import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

TRAINED_MS = 200_000
CONFIG = {
    "data_source": "synthetic_garch_1m",
    "timeframes": ["15m"],
    "variant": "tiny",
    "context_bars": 32,
    "long_horizon": "1d",
    "max_epochs": 1,
    "overrides": ["train.steps_per_epoch=10", "train.warmup_steps=2"],
}


def test_a_group_fills_in_without_a_reload(page: Page, live_product: Product) -> None:
    call(live_product, "GET", "/datasets")
    body = {"config": CONFIG, "name": "watched", "folds": 2}
    group = call(live_product, "POST", "/groups", body)
    page.goto(live_product.url + group["url"])
    page.evaluate("window.notReloaded = true")
    expect(page.get_by_text("0 of 2 runs have ended")).to_be_visible()
    expect(page.locator("#chart-group canvas")).to_have_count(0)

    expect(page.locator("#verdict")).to_contain_text("2 of 2 runs", timeout=TRAINED_MS)
    expect(page.locator("#chart-group canvas")).to_be_visible()
    expect(page.locator(".group-runs [data-run-status=completed]")).to_have_count(2)
    expect(page.locator("#summary tbody tr")).to_have_count(8)  # four baselines by CRPS and NLL
    expect(page.get_by_role("button", name="Delete group")).to_be_visible()
    assert page.evaluate("window.notReloaded")
    page.set_viewport_size({"width": 390, "height": 800})
    # The chart follows one frame later.
    wait_for(lambda: page.evaluate("document.documentElement.scrollWidth") <= 390)
