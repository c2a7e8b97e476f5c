"""A page under a flood, and the curves of a run that went back."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.work import Counter
from tests.scripted import ScriptedRun

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

SOON_MS = 20_000
PAGE_LINES = 1000
BATCHES = 30
HEAP_BYTES = 100_000_000


def open_page(page: Page, run: ScriptedRun) -> None:
    page.goto(run.url)
    expect(page.locator("#live-state")).to_have_text("● Live", timeout=SOON_MS)


def test_a_flood_leaves_the_page_usable(page: Page, run: ScriptedRun) -> None:
    run.say(["the first line"])
    counter = Counter(page)
    open_page(page, run)
    counter.forget()
    for batch in range(BATCHES):
        run.say([f"{batch:02d} {n:05d} some words of a log" for n in range(10_000)])
    run.say(["the last line"])

    console = page.locator("#console-lines")
    expect(console.locator(".log-line").last).to_have_text("the last line", timeout=SOON_MS)
    assert console.locator(".log-line[data-seq]").count() == PAGE_LINES
    gap = console.locator(".log-gap")
    assert gap.all_inner_texts() == ["… 299,002 lines not shown, see the full log"]
    assert page.evaluate("performance.memory?.usedJSHeapSize ?? 0") < HEAP_BYTES
    work = counter.seen()
    assert 0 < work.messages <= BATCHES + 1
    assert work.nodes < PAGE_LINES + 500  # the lines, and the panels that are drawn anew
    most = 50 + 20 * work.messages
    assert work.layouts <= most, "the page is laid out for a message, not for a line"
    lines = console.locator(".log-line[data-seq]").all_inner_texts()
    assert lines[-2:] == ["29 09999 some words of a log", "the last line"]


def test_who_reads_further_up_is_not_moved(page: Page, run: ScriptedRun) -> None:
    run.say([f"line {n}" for n in range(900)])
    open_page(page, run)
    box = page.locator("#console")
    box.evaluate("box => { box.scrollTop = 300; }")
    expect(page.locator("#console-jump")).to_be_visible()
    top = box.evaluate("box => box.scrollTop")
    for batch in range(5):
        run.say([f"flood {batch} {n}" for n in range(5000)])
        time.sleep(0.5)
    run.say(["the last line"])
    time.sleep(1)
    assert box.evaluate("box => box.scrollTop") == top
    assert page.locator("#console-lines .log-line").count() <= PAGE_LINES + 1
    page.locator("#console-jump").click()
    newest = page.locator("#console-lines .log-line").last
    expect(newest).to_have_text("the last line", timeout=SOON_MS)
    counts = page.locator("#console-lines > *").evaluate_all(
        "lines => lines.reduce((sum, line) => sum + Number(line.dataset.count ?? 1), 0)"
    )
    assert counts == 900 + 25_000 + 1


def legends(page: Page) -> list[str]:
    return page.locator("#chart-loss .u-legend").all_inner_texts()


def test_a_resumed_run_is_one_curve_and_a_faint_piece(page: Page, run: ScriptedRun) -> None:
    run.steps(1, 60, 1.0, epoch=1)
    open_page(page, run)
    run.steps(61, 99, 0.9)
    run.steps(100, 100, "NaN")
    run.steps(101, 120, 0.9, epoch=2)
    loss = page.locator("#chart-loss")
    expect(loss).to_have_attribute("data-marks", "NaN at step 100", timeout=SOON_MS)
    expect(loss).not_to_contain_text("abandoned")

    run.go_back(80)
    expect(loss).to_contain_text("train, abandoned (attempt 1)", timeout=SOON_MS)
    expect(loss).to_contain_text("val, abandoned (attempt 1)")
    run.steps(81, 130, 0.8, epoch=2)
    expect(loss.locator(".u-legend")).to_contain_text("130", timeout=SOON_MS)
    expect(loss).to_have_attribute("data-marks", "NaN at step 100")
    live = legends(page)
    score = page.locator("#chart-val_nll")
    score.scroll_into_view_if_needed()
    expect(score).to_contain_text("abandoned (attempt 1)", timeout=SOON_MS)
    page.reload()
    page.locator("#chart-loss canvas").wait_for()
    assert legends(page) == live
    age = page.locator("#panel-metrics time[data-ago]")
    expect(age).to_have_attribute("data-expected", "15")
    first = age.inner_text()
    expect(age).not_to_have_text(first, timeout=SOON_MS)


def test_a_page_ahead_of_the_server_loads_itself_again(page: Page, run: ScriptedRun) -> None:
    run.steps(1, 5)
    page.add_init_script(
        """
        if (!sessionStorage.getItem("moved")) {
          sessionStorage.setItem("moved", "yes");
          new MutationObserver((_, observer) => {
            const live = document.getElementById("live");
            if (!live) return;
            live.dataset.seq = "99";
            observer.disconnect();
          }).observe(document, { subtree: true, childList: true });
        }
        """
    )
    page.goto(run.url)
    expect(page.locator("#live")).to_have_attribute("data-seq", "5", timeout=SOON_MS)
    expect(page.locator("#live-state")).to_have_text("● Live", timeout=SOON_MS)
