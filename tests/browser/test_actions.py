"""The ways on from a run, by clicking: clone, kill, pin."""

from __future__ import annotations

import re
import time

import psutil
import pytest
from playwright.sync_api import Page, expect

from launcher.client import call, launch
from launcher.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

SOON_MS = 30_000
TRAINED_MS = 300_000
OVERRIDES = ["train.steps_per_epoch=15", "train.warmup_steps=2", "model.context_bars=32"]
ENDLESS = [*OVERRIDES, "train.early_stopping_patience=0", "train.log_every_steps=1"]


def _started(product: Product, epochs: int, overrides: list[str]) -> str:
    request = {"variant": "tiny", "long_horizon": "1d", "learning_rate": 0.000123456789}
    return launch(product, **request, max_epochs=epochs, overrides=overrides)


def _trainer(product: Product, run_id: str) -> psutil.Process:
    """The process whose output is the run's console."""
    console = str(product.media_root / "runs" / run_id / "console.log")
    for process in product.processes():
        if any(file.path == console and file.mode == "a" for file in process.open_files()):
            return process
    raise AssertionError("no process writes the run's console")


def test_a_run_is_pinned_and_cloned(page: Page, live_product: Product) -> None:
    run_id = _started(live_product, 1, OVERRIDES)
    page.goto(f"{live_product.url}/runs/{run_id}")
    status = page.locator("#run-header [data-run-status]")
    expect(status).to_have_text("Completed", timeout=TRAINED_MS)
    page.evaluate("window.sameDocument = true")
    panel = page.locator("#panel-checkpoints")
    panel.get_by_role("button", name=re.compile("^Pin")).first.click()
    expect(panel.get_by_text("pinned", exact=True)).to_be_visible()
    assert page.evaluate("window.sameDocument"), "the page was loaded again"
    pins = live_product.media_root / "runs" / run_id / "pins.json"
    assert pins.read_text() == '["checkpoints/checkpoint-epoch1.ckpt"]\n'
    panel.get_by_role("button", name=re.compile("^Unpin")).click()
    expect(panel.get_by_text("pinned", exact=True)).to_have_count(0)
    assert pins.read_text() == "[]\n"

    page.get_by_role("button", name="Clone", exact=True).click()
    expect(page.get_by_text("change what you like")).to_be_visible()
    expect(page.get_by_label("Learning rate")).to_have_value("0.000123456789")
    expect(page.get_by_label("Steps per epoch")).to_have_value("15")
    expect(page.get_by_label("Run name")).to_have_value(re.compile("^copy of"))
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("clone of")).to_be_visible(timeout=SOON_MS)
    clone = page.url.rpartition("/")[2]
    config = call(live_product, "GET", f"/runs/{run_id}")["config"]
    assert call(live_product, "GET", f"/runs/{clone}")["config"] == config
    expect(status).to_have_text("Completed", timeout=TRAINED_MS)
    page.locator("#run-header").get_by_role("link", name=run_id).click()
    expect(page.locator("[data-children]")).to_contain_text("(clone)")


def test_a_branch_is_started_from_a_row(page: Page, live_product: Product) -> None:
    run_id = _started(live_product, 1, OVERRIDES)
    page.goto(f"{live_product.url}/runs/{run_id}")
    status = page.locator("#run-header [data-run-status]")
    expect(status).to_have_text("Completed", timeout=TRAINED_MS)
    row = page.locator("#panel-checkpoints tr", has_text="checkpoint-epoch1.ckpt")
    row.get_by_role("button", name=re.compile("^Branch")).click()
    expect(page.locator("[data-kin]")).to_contain_text("checkpoint-epoch1 (step 15)")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("branched from")).to_be_visible(timeout=SOON_MS)
    branch = live_product.media_root / "runs" / page.url.rpartition("/")[2]
    file = live_product.media_root / "runs" / run_id / "checkpoints/checkpoint-epoch1.ckpt"
    assert (branch / "init.ckpt").read_bytes() == file.read_bytes()
    expect(status).to_have_text("Completed", timeout=TRAINED_MS)
    started = '"started_from":"weights after step 15, epoch 1"'
    assert started in (branch / "events.jsonl").read_text()


def test_cancel_becomes_kill_now(page: Page, live_product: Product) -> None:
    run_id = _started(live_product, 5000, ENDLESS)
    page.goto(f"{live_product.url}/runs/{run_id}")
    page.on("dialog", lambda dialog: dialog.accept())
    expect(page.locator('[data-metric="step"]')).not_to_have_text("–", timeout=TRAINED_MS)
    page.evaluate("window.sameDocument = true")
    trainer = _trainer(live_product, run_id)
    trainer.suspend()  # so that it cannot hear the wish to stop
    page.get_by_role("button", name="Cancel", exact=True).click()
    kill = page.get_by_role("button", name="Kill now")
    expect(kill).to_be_visible()
    time.sleep(1.2)  # a click before is taken for the second of a double click
    kill.click()
    status = page.locator("#run-header [data-run-status]")
    expect(status).to_have_text("Cancelled", timeout=SOON_MS)
    assert page.evaluate("window.sameDocument")
    assert not trainer.is_running()
    found = call(live_product, "GET", f"/runs/{run_id}")
    assert (found["status"], found["reason"]) == ("cancelled", "cancelled")
    assert "killed" in found["message"]
