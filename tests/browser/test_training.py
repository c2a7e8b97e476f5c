"""A person walks the six steps, watches a real run, cancels one, and takes a checkpoint home."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect

from launcher.product import Product
from tests.browser.steps import begin, go_on

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

SOON_MS = 30_000
TRAINED_MS = 300_000

QUICK = "\n".join(
    [
        "train.steps_per_epoch=15",
        "train.log_every_steps=1",
        "train.warmup_steps=2",
        "train.early_stopping_patience=0",
    ]
)


def _walk(page: Page, product: Product, *, name: str, epochs: int) -> str:
    """All six steps by clicking; returns the address of the run's page."""
    page.goto(product.url)
    page.get_by_role("link", name="New training run").click()
    begin(page)
    go_on(page, "Features")
    page.get_by_text("OBV").click()
    go_on(page, "Horizons")
    page.get_by_label("Long-term horizon").fill("1d")
    go_on(page, "Model")
    page.get_by_text("Tiny", exact=True).click()
    expect(page.get_by_label("Width (d_model)")).to_have_value("64")
    expect(page.get_by_label("Batch size")).to_have_value("64")
    page.get_by_label("Context (bars)").fill("32")
    go_on(page, "Loss")
    page.get_by_label("Regression loss").select_option("gaussian_nll")
    go_on(page, "Train")
    page.get_by_label("Max epochs").fill(str(epochs))
    page.get_by_label("Run name").fill(name)
    page.get_by_label("Additional Hydra overrides").fill(QUICK)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible(timeout=SOON_MS)
    return page.url


def _metric(page: Page, name: str) -> str:
    return page.locator(f'[data-metric="{name}"]').inner_text()


def _state(page: Page) -> dict[str, object]:
    """What the page shows, but for what only time changes."""
    return {
        "status": page.locator("#run-header [data-run-status]").inner_text(),
        "metrics": page.locator("[data-metric]").all_inner_texts(),
        "log": page.locator("#console-lines .log-line").all_inner_texts(),
        "checkpoints": page.locator("#panel-checkpoints [data-download]").count(),
        "legend": page.locator("#chart-loss .u-legend").inner_text(),
    }


def assert_a_reload_shows_the_same(page: Page) -> None:
    page.locator("#chart-loss").scroll_into_view_if_needed()  # charts are drawn when they are seen
    live = _state(page)
    page.reload()
    page.locator("#chart-loss").scroll_into_view_if_needed()
    page.locator("#chart-loss canvas").wait_for()
    assert _state(page) == live


def test_six_steps_a_live_run_and_its_checkpoint(
    page: Page, live_product: Product, tmp_path: Path
) -> None:
    _walk(page, live_product, name="To its end", epochs=3)
    expect(page.locator("#live-state")).to_have_text("● Live", timeout=SOON_MS)
    page.evaluate("window.sameDocument = true")
    step = page.locator('[data-metric="step"]')
    expect(step).not_to_have_text("–", timeout=TRAINED_MS)
    first = step.inner_text()
    expect(step).not_to_have_text(first, timeout=SOON_MS)
    expect(page.locator("#panel-environment")).to_contain_text("Python, torch")
    expect(page.locator("[data-metric=disk]")).to_contain_text("MB")
    status = page.locator("#run-header [data-run-status]")
    expect(status).to_have_text("Completed", timeout=TRAINED_MS)
    assert page.evaluate("window.sameDocument"), "the page was loaded again"
    expect(page.locator("#chart-loss canvas")).to_be_visible()
    assert _metric(page, "step") == "45"
    assert _metric(page, "val_rmse") != "–"
    numbers = page.locator("#console-lines .log-line").evaluate_all(
        "lines => lines.map(line => line.dataset.line)"
    )
    assert numbers == [f"1.{n}" for n in range(1, len(numbers) + 1)], "doubled or out of order"

    assert_a_reload_shows_the_same(page)

    best = page.locator("#panel-checkpoints tr", has=page.get_by_text("best", exact=True)).first
    with page.expect_download() as download:
        best.locator("[data-download]").click()
    saved = tmp_path / "taken.ckpt"
    download.value.save_as(saved)
    checkpoint = torch.load(saved, weights_only=True)
    assert all(torch.isfinite(weight).all() for weight in checkpoint["network"].values())


def test_cancel_ends_a_run_without_a_reload(page: Page, live_product: Product) -> None:
    _walk(page, live_product, name="To be cancelled", epochs=5000)
    page.on("dialog", lambda dialog: dialog.accept())
    expect(page.locator('[data-metric="step"]')).not_to_have_text("–", timeout=TRAINED_MS)
    page.evaluate("window.sameDocument = true")
    page.get_by_role("button", name="Cancel", exact=True).click()
    status = page.locator("#run-header [data-run-status]")
    expect(status).to_have_text("Cancelled", timeout=SOON_MS)
    expect(page.get_by_role("button", name="Clone", exact=True)).to_be_visible()
    assert page.evaluate("window.sameDocument")
    expect(page.locator("#verdict")).to_contain_text("Not judged: the run was cancelled")
    page.locator("#chart-val_nll").scroll_into_view_if_needed()  # drawn when it is seen
    expect(page.locator("#chart-val_nll .u-legend")).to_contain_text("GARCH(1,1)-t")
    page.goto(f"{live_product.url}/runs?status=cancelled")
    expect(page.get_by_role("link", name="To be cancelled")).to_be_visible()


def test_a_lost_socket_polls_and_then_misses_nothing(page: Page, live_product: Product) -> None:
    page.add_init_script(
        """
        const Real = WebSocket;
        window.blocked = false;
        window.sockets = [];
        window.WebSocket = function (address) {
          const socket = window.blocked ? new EventTarget() : new Real(address);
          if (window.blocked) setTimeout(() => socket.dispatchEvent(new Event("close")), 50);
          else window.sockets.push(socket);
          return socket;
        };
        window.WebSocket.OPEN = Real.OPEN;
        """
    )
    _walk(page, live_product, name="Without a socket", epochs=5000)
    page.on("dialog", lambda dialog: dialog.accept())
    state = page.locator("#live-state")
    step = page.locator('[data-metric="step"]')
    expect(step).not_to_have_text("–", timeout=TRAINED_MS)
    page.evaluate("window.blocked = true; window.sockets.forEach(socket => socket.close())")
    expect(state).to_have_text("○ Disconnected")
    before = step.inner_text()
    expect(step).not_to_have_text(before, timeout=SOON_MS)
    expect(state).to_have_text("○ Updated every 4 s")
    page.evaluate("window.blocked = false")
    expect(state).to_have_text("● Live", timeout=SOON_MS)
    page.get_by_role("button", name="Cancel", exact=True).click()
    status = page.locator("#run-header [data-run-status]")
    expect(status).to_have_text("Cancelled", timeout=SOON_MS)
    assert_a_reload_shows_the_same(page)
