"""A real run ends under a viewer's eyes with its verdict; its report draws and is taken home."""

from __future__ import annotations

import csv
import json
import struct
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from launcher.client import call
from launcher.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

SOON_MS = 30_000
TRAINED_MS = 300_000
CONFIG = {
    "data_source": "synthetic_garch_1m.csv",
    "variant": "tiny",
    "long_horizon": "1d",
    "max_epochs": 2,
    "overrides": ["train.steps_per_epoch=15", "train.warmup_steps=2", "model.context_bars=32"],
}
PAINTED = """
canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 3; at < data.length; at += 4) count += data[at] > 0;
  return count / (data.length / 4);
}
"""

BANDS = """
canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const near = (at, value) => Math.abs(data[at] - value) < 12;
  let count = 0;
  for (let at = 0; at < data.length; at += 4)
    count += data[at + 3] > 0 && near(at, 0xd6) && near(at + 1, 0x33) && near(at + 2, 0x6c);
  return count;
}
"""
"""Pixels in the light theme's colour of a forecast, however transparent."""


def _download(page: Page, control: Locator, target: Path) -> bytes:
    with page.expect_download() as started:
        control.click()
    started.value.save_as(target)
    return target.read_bytes()


def test_the_verdict_comes_by_itself_and_the_report_draws(
    page: Page, live_product: Product, tmp_path: Path
) -> None:
    named = {"name": "To be judged", "config": CONFIG}
    run_id = call(live_product, "POST", "/runs", named)["id"]
    page.goto(f"{live_product.url}/runs/{run_id}")
    page.evaluate("window.sameDocument = true")
    card = page.locator("#verdict")
    expect(card).to_contain_text("Verdict:", timeout=TRAINED_MS)
    assert page.evaluate("window.sameDocument"), "the page was loaded again"
    expect(card).to_contain_text("not investment advice")
    expect(card.locator("tbody tr")).to_have_count(8)
    for score in ("val_nll", "val_crps"):
        page.locator(f"#chart-{score}").scroll_into_view_if_needed()  # drawn when it is seen
        legend = page.locator(f"#chart-{score} .u-legend")
        expect(legend).to_contain_text("GARCH(1,1)-t")
        expect(legend).to_contain_text("random walk")
    baselines = page.locator("#panel-baselines tbody tr")
    expect(baselines).to_have_count(5)
    live = (card.inner_text(), baselines.all_inner_texts())
    page.reload()
    assert (card.inner_text(), baselines.all_inner_texts()) == live

    card.get_by_role("link", name="Open the report").click()
    plots = page.locator("[data-plot]")
    expect(plots.locator("canvas")).to_have_count(8)
    for plot in plots.all():
        painted = plot.locator("canvas").evaluate(PAINTED)
        assert painted > 0.005, f"{plot.get_attribute('data-plot')} is empty"

    fan = page.locator('[data-plot="fan"]')
    link = fan.get_by_role("link", name="CSV")
    rows = list(csv.reader(_download(page, link, tmp_path / "fan.csv").decode().splitlines()))
    with urllib.request.urlopen(f"{live_product.url}/runs/{run_id}/report", timeout=30) as answer:
        stored = json.load(answer)["report"]["fan"]
    assert rows[0][:5] == ["decided_at", "open", "high", "low", "close"]
    assert [float(row[4]) for row in rows[1:]] == stored["close"]
    image = _download(page, fan.get_by_role("button", name="PNG"), tmp_path / "fan.png")
    assert image.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", image[16:24])
    assert width > 300
    assert height > 300

    asked = {"source": CONFIG["data_source"]}
    made = call(live_product, "POST", f"/runs/{run_id}/predictions", asked)["id"]
    page.goto(f"{live_product.url}/runs/{run_id}/predictions/{made}")
    fan = page.locator('[data-plot="fan"]')
    fan.locator("canvas").wait_for(timeout=TRAINED_MS)
    assert fan.locator("canvas").evaluate(BANDS) > 150, "the only forecast is not seen"
    expect(fan.locator(".u-legend")).to_contain_text("not yet")
