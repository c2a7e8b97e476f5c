"""Every page in four forms by axe, and by keyboard alone."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from launcher.checkout import ROOT
from launcher.client import call, cancel, launch
from launcher.product import Product
from runs_app.services.bulk import Bulk
from runs_app.urls import urlpatterns
from tests.browser.accessibility import Theme, colour_violations, prepare, violations

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

TRAINED_SECONDS = 300.0
SETTLE_MS = 300
SHORT: dict[str, Any] = {
    "long_horizon": "1d",
    "max_epochs": 1,
    "overrides": ["train.steps_per_epoch=15", "train.warmup_steps=2", "model.context_bars=32"],
}
STEPS = ("data", "features", "horizons", "model", "loss", "train")

PAGES: dict[str, Callable[[dict[str, str]], list[str]]] = {
    "home": lambda at: ["/", "/api/docs"],
    "run_list": lambda at: ["/runs", "/runs?q=nothing+of+this+name"],
    "builder": lambda at: [f"/runs/new/{step}?draft=look" for step in STEPS],
    "run_detail": lambda at: [f"/runs/{at['done']}", f"/runs/{at['waiting']}", "/runs/none"],
    "compare": lambda at: ["/runs/compare", f"/runs/compare?ids={at['done']},{at['waiting']}"],
    "run_report": lambda at: [f"/runs/{at['done']}/report"],
    "run_decision": lambda at: [
        f"/runs/{at['done']}/decisions",
        f"/runs/{at['done']}/decisions?at=then",
    ],
    "artifact_list": lambda at: [f"/runs/{at['done']}/artifacts"],
    "predictions": lambda at: [f"/runs/{at['done']}/predictions"],
    "prediction": lambda at: [f"/runs/{at['done']}/predictions/{at['prediction']}"],
    "queue": lambda at: ["/queue"],
    "trash": lambda at: ["/trash"],
    "notifications": lambda at: ["/notifications", "/notifications?kind=nan"],
    "group_list": lambda at: ["/groups"],
    "group_detail": lambda at: [f"/groups/{at['group']}"],
    "datasets": lambda at: ["/datasets"],
    "dataset": lambda at: ["/datasets/1"],
    "fetches": lambda at: ["/datasets/fetches"],
    "fetch": lambda at: [f"/datasets/fetches/{at['fetch']}"],
    "leak_check": lambda at: [f"/leak-checks/{at['leak_check']}"],
    "rehearsal": lambda at: [f"/rehearsals/{at['rehearsal']}"],
    "bulk": lambda at: [f"/runs/bulk?action={action}&ids={at['done']}" for action in Bulk],
    "artifact_preview": lambda at: [f"/runs/{at['done']}/preview/metrics.json"],
}
"""Addresses by the name of their route."""

NO_PAGES = {
    "alive", "new", "rows", "run_live", "run_queue", "artifact", "bell", "export",
    "notifications_newest",
    "run_cancel", "run_resume", "run_retry", "run_clone", "run_branch", "run_delete",
    "checkpoint_pin", "checkpoint_unpin", "run_restore", "run_purge",
    "trash_empty", "trash_compare", "queue_pause", "queue_resume", "slot_drain", "slot_undrain",
    "group_cancel", "group_delete", "notification_read", "notification_open", "notifications_read",
    "preview",
    "draft_delete", "passport_open", "live_rows", "view_save", "view_delete", "run_edit",
    "run_log", "run_log_search", "plot_csv", "prediction_csv", "run_metrics", "run_passport",
    "run_export", "run_environment", "fetch_cancel", "dataset_remove",
}  # fmt: skip
"""Routes that are fragments, files, redirects, or only change something."""

ADMIN = ["/admin/", "/admin/runs_app/trainingrun/", "/admin/runs_app/runevent/",
         "/admin/runs_app/notificationswitch/", "/admin/runs_app/slot/",
         "/admin/runs_app/trainingrun/1/change/", "/admin/runs_app/dataset/1/change/",
         "/admin/runs_app/job/", "/admin/runs_app/notification/"]  # fmt: skip

TABBABLE = """
window.tabbable = () => [...document.querySelectorAll(
  "a[href],button,input,select,textarea,summary")].filter(e =>
  e.checkVisibility({ visibilityProperty: true }) && !e.disabled && e.tabIndex >= 0 &&
  e.type !== "hidden" && (e.type !== "radio" || e.checked))
"""
FOCUSED = """
() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  window.reached ??= new Set();
  const again = reached.has(e) && e !== window.last;  // the parts of a date are one field
  reached.add(e);
  window.last = e;
  const shown = [e, e.closest("label"), e.nextElementSibling].filter(Boolean).some(one => {
    const style = getComputedStyle(one);
    return style.outlineStyle !== "none" || style.boxShadow !== "none";
  });
  const box = e.getBoundingClientRect();
  const inside = box.bottom > 0 && box.top < innerHeight;
  return { again, shown, inside, what: e.outerHTML.slice(0, 120) };
}
"""
MISSED = """
() => tabbable().filter(e => !reached.has(e)).map(e => e.outerHTML.slice(0, 160))
"""


def test_every_route_is_known_here() -> None:
    names = {one.name for one in urlpatterns}
    assert names == set(PAGES) | NO_PAGES


@pytest.fixture(scope="module")
def at(live_product: Product) -> Iterator[dict[str, str]]:
    """Ids of a judged run, one that waits, a group, a prediction and a leak check."""
    done = launch(live_product, **SHORT)
    wait(live_product, f"/runs/{done}", lambda run: run["status"] == "completed")
    asked = call(
        live_product, "POST", f"/runs/{done}/predictions", {"source": "synthetic_garch_1m"}
    )
    call(live_product, "POST", f"/runs/{done}/exports")
    config = {"data_source": "synthetic_garch_1m", "variant": "tiny", **SHORT}
    checked = call(live_product, "POST", "/leak-checks", {"config": config})
    rehearsed = call(live_product, "POST", "/rehearsals", {"config": config})
    wait(live_product, f"/rehearsals/{rehearsed['id']}", lambda one: one["status"] == "done")
    wish = {"exchange": "binance", "symbol": "BTC/USDT", "timeframe": "1m"}
    fetched = call(live_product, "POST", "/datasets/fetches", wish)
    call(live_product, "POST", f"/datasets/fetches/{fetched['id']}/cancel")
    call(live_product, "POST", "/queue/pause")
    waiting = launch(live_product, **SHORT)
    group = call(live_product, "POST", "/groups", {"config": config, "seeds": 2})
    yield {
        "done": done, "waiting": waiting, "group": group["id"],
        "prediction": asked["id"], "leak_check": checked["id"],
        "rehearsal": rehearsed["id"],
        "fetch": fetched["id"],
    }  # fmt: skip
    cancel(live_product, waiting)
    call(live_product, "POST", f"/groups/{group['id']}/cancel")
    call(live_product, "POST", "/queue/resume")


def wait(product: Product, path: str, reached: Callable[[Any], bool]) -> None:
    deadline = time.monotonic() + TRAINED_SECONDS
    while not reached(call(product, "GET", path)):
        assert time.monotonic() < deadline, path
        time.sleep(0.5)


def tell(product: Product) -> None:
    """Have something told; the command ends with 1, as there is no way outwards here."""
    command = [sys.executable, str(ROOT / "manage.py"), "notify_test"]
    done = subprocess.run(command, env=product.environment, capture_output=True, check=False)
    assert b"bell: written" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("width", "first", "then"), [(390, "light", "dark"), (1440, "dark", "light")]
)
def test_no_page_has_a_serious_fault(
    browser_context: BrowserContext,
    live_product: Product,
    at: dict[str, str],
    width: int,
    first: Theme,
    then: Theme,
) -> None:
    """All rules in the theme it is loaded in; those about colours in the other one too."""
    prepare(browser_context)
    page = browser_context.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    found = {}
    ours = [address for addresses in PAGES.values() for address in addresses(at)]
    for address in [*ours, *ADMIN]:
        page.emulate_media(color_scheme=first)
        page.goto(live_product.url + address)
        page.wait_for_timeout(SETTLE_MS)
        if faults := violations(page, ours=address in ours):
            found[address] = faults
        assert page.title(), address
        assert page.locator("html[lang]").count() == 1
        assert page.locator("main").count() == 1, address
        if faults := colour_violations(page, then):
            found[f"{address}, {then}"] = faults
    page.goto(f"{live_product.url}/runs/{at['done']}")
    page.get_by_role("button", name="Clone", exact=True).click()
    expect(page.get_by_role("button", name="Reset Max epochs")).to_be_visible()
    if faults := violations(page, ours=True):
        found["a clone"] = faults
    assert found == {}


@pytest.mark.parametrize(
    "address", ["/", "/runs", "/queue", "/notifications", "/datasets", "/trash", "/groups",
                "/runs/new/data?draft=look", "/runs/new/train?draft=look"],
)  # fmt: skip
def test_a_page_is_walked_by_keyboard(
    page: Page, live_product: Product, at: dict[str, str], address: str
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_product.url + address)
    page.evaluate(TABBABLE)
    for _ in range(page.evaluate("tabbable().length") + 60):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUSED)
        if here is None or here["again"]:
            break
        assert here["shown"], f"nobody sees that this has the focus: {here['what']}"
        assert here["inside"], f"this has the focus outside the window: {here['what']}"
    missed = page.evaluate(MISSED)
    assert missed == []


def test_the_first_stop_leads_to_the_content(page: Page, live_product: Product) -> None:
    page.goto(live_product.url)
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    expect(page.locator(".skip-link")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_the_menu_opens_and_closes_by_keyboard(page: Page, live_product: Product) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(live_product.url)
    page.locator(".nav-menu > summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(".nav-menu a").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".nav-menu > summary")).to_be_focused()
    expect(page.locator(".nav-menu a").first).to_be_hidden()


def test_the_bell_opens_a_list_by_keyboard(page: Page, live_product: Product) -> None:
    for _ in range(2):
        tell(live_product)
    page.goto(f"{live_product.url}/queue")
    bell = page.locator("[data-bell] > summary")
    bell.focus()
    page.keyboard.press("Enter")
    lines = page.locator("#bell-list li")
    expect(lines.first).to_contain_text("Test")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Mark all as read")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#bell-list .unread")).to_have_count(0)
    expect(page.locator("#bell .bell-count")).to_be_hidden()
    expect(lines.first).to_be_visible()
    lines.first.get_by_role("link").focus()
    page.keyboard.press("Escape")
    expect(lines.first).to_be_hidden()
    expect(bell).to_be_focused()
    tell(live_product)
    page.keyboard.press("Enter")
    expect(page.locator("#bell-list .unread")).to_have_count(1)
    page.get_by_role("heading", name="Queue", exact=True).click()
    expect(lines.first).to_be_hidden()


def test_without_script_the_bell_is_a_link(chromium: Browser, live_product: Product) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_product.url}/queue")
    expect(page.locator("[data-bell]")).to_be_hidden()
    page.get_by_role("link", name="Notifications", exact=True).first.click()
    expect(page.get_by_role("heading", name="Notifications", level=1)).to_be_visible()
    context.close()


def test_the_bell_is_live_and_read_in_place(page: Page, live_product: Product) -> None:
    for _ in range(2):
        tell(live_product)
    page.goto(f"{live_product.url}/notifications")
    page.evaluate("window.untouched = true")
    unread = page.locator(".notification-list > .unread")
    before = unread.count()
    assert before >= 2
    unread.first.get_by_role("button").click()
    expect(unread).to_have_count(before - 1)
    page.locator("#all-read").click()
    expect(unread).to_have_count(0)
    expect(page.locator("#bell .bell-count")).to_be_hidden()
    assert page.evaluate("window.untouched"), "the page was loaded again"
