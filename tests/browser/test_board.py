"""Charts of a long run and a long log: what a reader does there, and that nothing jumps."""

from __future__ import annotations

import csv
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.work import Counter
from tests.scripted import ScriptedRun

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

SOON_MS = 30_000
MILLION = 1_000_000
SPIKE = 777_777
LAYOUTS_TO_OPEN = 50
"""About 15 are seen; what reads a size after each change of the page takes hundreds."""
KEPT_LIVE = 2000
"""Live points that a curve is given before the page asks for a thinned one."""
WATCH = """() => {
  window.seen = { shift: 0 };
  window.moved = [];
  new PerformanceObserver((list) => {
    for (const { value, sources, hadRecentInput } of list.getEntries()) {
      if (hadRecentInput) continue;
      window.seen.shift += value;
      window.moved.push(...sources.map(({ node }) => (node?.outerHTML ?? "").slice(0, 120)));
    }
  }).observe({ type: "layout-shift", buffered: true });
}"""


WIDEST = 602
"""Pixels for which the first chart's points are asked before its width is known."""

ASKED_EARLY = """
() => {
  const answers = performance.getEntriesByType("resource");
  const [page] = performance.getEntriesByType("navigation");
  const first = answers.find(({ name }) => name.includes("/points?"));
  return first.startTime < page.domInteractive;
}
"""
"""The first points are on their way before the page itself has been read."""


def open_page(page: Page, run: ScriptedRun, *, drawn: bool = True) -> None:
    page.add_init_script(f"({WATCH})()")
    page.goto(run.url)
    expect(page.locator("#live-state")).to_have_text("● Live", timeout=SOON_MS)
    if drawn:
        page.locator("#chart-loss canvas").wait_for(timeout=SOON_MS)


def pixels(page: Page) -> int:
    """Width of a chart, as the page asks for it."""
    return int(
        page.evaluate("document.querySelector('#chart-loss').clientWidth * devicePixelRatio")
    )


def drawn_charts(page: Page) -> int:
    """How many charts are in view or near it, and have something to show."""
    return page.locator(".chart-card[data-read=yes] .uplot").count()


def scale(page: Page) -> list[float]:
    """Where the curve of the loss begins and ends in the address; empty for the whole."""
    found = re.search(r"step=([\d.e+-]+)(?:~|%7E)([\d.e+-]+)", page.url)
    return [float(found[1]), float(found[2])] if found else []


def test_a_million_points_open_without_a_frozen_tab(page: Page, run: ScriptedRun) -> None:
    run.fill(MILLION, SPIKE)
    counter = Counter(page)
    open_page(page, run)
    count = page.locator("[data-count-of=loss]")
    expect(count).to_have_text(re.compile(r"^[\d,]+ of 1,000,000 points$"), timeout=SOON_MS)
    assert page.evaluate("window.seen.shift") < 0.1
    assert page.evaluate(ASKED_EARLY)
    work = counter.seen()
    assert work.plots == drawn_charts(page)
    assert work.at_once <= work.plots
    assert 0 < work.points <= 2 * max(pixels(page), WIDEST)
    assert work.layouts <= LAYOUTS_TO_OPEN
    area = page.locator("#chart-loss .u-over")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box
    middle, height = box["x"] + box["width"] * SPIKE / MILLION, box["y"] + box["height"] / 2
    page.mouse.move(middle - 4, height)
    page.mouse.down()
    page.mouse.move(middle + 4, height, steps=4)
    page.mouse.up()
    expect(page.locator("#chart-reset")).to_be_visible()
    start, end = scale(page)
    assert start < SPIKE < end
    expect(count).not_to_contain_text("1,000,000")
    for _ in range(16):
        page.locator("#chart-loss").press("+")
    expect(count).to_have_text(re.compile(r"^\d{1,3}(,\d{3})? points$"), timeout=SOON_MS)
    page.locator("#chart-loss").press("ArrowRight")
    later, _ = scale(page)
    assert later > start
    page.locator("#chart-loss").press("0")
    expect(count).to_have_text(re.compile("of 1,000,000 points$"), timeout=SOON_MS)
    assert not scale(page)


@pytest.mark.parametrize("width", [1280, 390])
def test_menus_open_at_their_button_and_inside_the_window(
    page: Page, run: ScriptedRun, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    open_page(page, run, drawn=False)
    for place in ("[data-chart=learning_rate]", "#chart-controls", "#panel-artifacts"):
        menu = page.locator(f"{place} details.menu")
        menu.locator("summary").click()
        button, card = (menu.locator(part).bounding_box() for part in ("summary", ".card"))
        assert button and card
        assert card["x"] >= 0
        assert card["x"] + card["width"] <= width
        assert 0 <= card["y"] - button["y"] - button["height"] < 20
        assert card["x"] < button["x"] + button["width"]
        page.keyboard.press("Escape")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_what_a_reader_chose_stays(page: Page, run: ScriptedRun) -> None:
    run.steps(1, 80, 1.0, epoch=1)
    open_page(page, run)
    loss = page.locator("#chart-loss")
    expect(loss.locator(".u-legend")).not_to_contain_text("each point")
    page.locator("#chart-controls [name=smooth]").fill("0.6")
    expect(loss.locator(".u-legend")).to_contain_text("train, each point")
    page.locator("[data-chart=loss] summary").click()
    with page.expect_download() as saved:
        page.locator("[data-chart=loss] [data-chart-do=csv]").click()
    lines = saved.value.path().read_text().splitlines()
    assert lines[0].startswith('step,"train, each point",train,val')
    assert len(lines) > 50
    page.locator("label[for=axis-time]").click()
    expect(loss.locator(".u-legend")).to_contain_text("time, UTC")
    page.locator("#chart-controls summary").click()
    page.locator("[data-show=grad_norm]").uncheck()
    expect(page.locator("[data-chart=grad_norm]")).to_be_hidden()
    page.reload()
    expect(loss.locator(".u-legend")).to_contain_text("train, each point", timeout=SOON_MS)
    expect(loss.locator(".u-legend")).to_contain_text("time, UTC")
    expect(page.locator("[data-chart=grad_norm]")).to_be_hidden()


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["wide", "narrow"])
def test_live_points_move_nothing(page: Page, run: ScriptedRun, size: tuple[int, int]) -> None:
    """Neither the first ones nor those with which validations begin, wherever the page is read."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    open_page(page, run, drawn=False)
    page.evaluate("window.seen.shift = 0; window.moved = []")
    run.steps(1, 30, 1.0)
    step = page.locator("#panel-metrics [data-metric=step]")
    expect(step).to_have_text("30", timeout=SOON_MS)
    for place in ("#chart-loss", "#chart-val_nll", "#panel-checkpoints"):
        page.locator(place).evaluate("place => place.scrollIntoView({ block: 'center' })")
        page.wait_for_timeout(500)
        for _ in range(3):
            first = int(step.inner_text().replace(",", "")) + 1
            run.steps(first, first + 19, 0.8, epoch=1 + first // 20)
            run.say([f"lines of step {first}"])
            expect(step).to_have_text(str(first + 19), timeout=SOON_MS)
    assert page.evaluate("window.seen.shift") < 0.02, page.evaluate("window.moved")


def test_a_long_run_is_watched_without_a_frozen_tab(page: Page, run: ScriptedRun) -> None:
    """A hundred thousand points, then thousands live: what is kept and drawn stays bounded.

    The points come in twelve batches of 500, and the work goes with the batches.
    """
    run.fill(100_000, 77_777)
    counter = Counter(page)
    open_page(page, run)
    with page.expect_response(lambda answer: "means=true" in answer.url):
        page.locator("#chart-controls [name=smooth]").fill("0.6")
    expect(page.locator("#chart-loss .u-legend")).to_contain_text("each point")
    page.evaluate("window.seen.shift = 0")
    read: list[str] = []
    page.on(
        "response", lambda answer: read.append(answer.url) if "/points?" in answer.url else None
    )
    counter.forget()
    for first in range(100_001, 106_001, 500):
        run.steps(first, first + 499, 0.5)
    count = page.locator("[data-count-of=loss]")
    expect(count).to_have_text(re.compile("of 106,000 points$"), timeout=SOON_MS)
    assert page.evaluate("window.seen.shift") < 0.02
    drawn = (
        "Number.parseInt(document.querySelector('[data-count-of=loss]').innerText.replace(',', ''))"
    )
    bounded = f"most => {drawn} <= most"
    page.wait_for_function(bounded, arg=2 * pixels(page) + KEPT_LIVE, timeout=SOON_MS)
    work = counter.seen()
    assert 0 < work.messages <= 24
    assert work.plots == 0, "a plot is given other points; to make it anew takes far longer"
    assert work.at_once <= drawn_charts(page)
    assert work.drawings <= drawn_charts(page) * (work.messages + len(read))
    assert work.layouts <= 240


def test_a_choice_holds_for_charts_out_of_view(page: Page, run: ScriptedRun) -> None:
    """They are read anew when they come into view again, each metric once."""
    run.fill(20_000, 7_777)
    open_page(page, run)
    expect(page.locator("[data-count-of=loss]")).to_contain_text("of 20,000", timeout=SOON_MS)
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/points?" in one.url else None)
    page.locator("#panel-artifacts").scroll_into_view_if_needed()
    expect(page.locator("#chart-loss")).not_to_be_in_viewport()
    page.wait_for_timeout(500)
    page.locator("#chart-controls [name=smooth]").evaluate(
        """control => {
          control.value = "0.6";
          control.dispatchEvent(new Event("input", { bubbles: true }));
        }"""
    )
    page.wait_for_timeout(500)
    assert not [url for url in asked if "metric=train_loss" in url]
    with page.expect_response(lambda answer: "metric=train_loss" in answer.url):
        page.locator("#chart-loss").scroll_into_view_if_needed()
    expect(page.locator("#chart-loss .u-legend")).to_contain_text("train, each point")
    page.wait_for_timeout(500)
    assert len([url for url in asked if "metric=train_loss" in url]) == 1
    assert all("means=true" in url for url in asked if "metric=train_loss" in url)


def test_what_is_smoothed_is_the_whole_curve(page: Page, run: ScriptedRun) -> None:
    """One spike among a thousand points of its bucket hardly lifts their mean."""
    run.fill(200_000, 77_777)
    open_page(page, run)
    with page.expect_response(lambda answer: "means=true" in answer.url):
        page.locator("#chart-controls [name=smooth]").fill("0.6")
    loss = page.locator("#chart-loss")
    expect(loss.locator(".u-legend")).to_contain_text("train, each point")
    page.locator("[data-chart=loss] summary").click()
    with page.expect_download() as saved:
        page.locator("[data-chart=loss] [data-chart-do=csv]").click()
    rows = list(csv.DictReader(saved.value.path().open()))
    late = [row for row in rows if float(row["step"]) > 50_000]
    assert max(float(row["train, each point"]) for row in late if row["train, each point"]) == 9.0
    assert max(float(row["train"]) for row in late if row["train"]) < 0.5


COLOURED = """
() => {
  const canvas = document.querySelector("#chart-loss canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const spread = (at) => Math.max(...data.slice(at, at + 3)) - Math.min(...data.slice(at, at + 3));
  let found = 0;
  for (let at = 0; at < data.length; at += 4) if (data[at + 3] && spread(at) > 60) found += 1;
  return found;
}
"""
"""Pixels that are no grey: axes, grid and words are."""


def test_a_single_point_is_seen_and_saved_as_one(page: Page, run: ScriptedRun) -> None:
    run.steps(7, 7, 1.0, epoch=1)
    open_page(page, run)
    assert 10 < page.evaluate(COLOURED) < 200
    page.locator("[data-chart=loss] summary").click()
    with page.expect_download() as saved:
        page.locator("[data-chart=loss] [data-chart-do=csv]").click()
    assert [row["step"] for row in csv.DictReader(saved.value.path().open())] == ["7"]


def test_a_long_log_is_searched_and_read_at_any_line(page: Page, run: ScriptedRun) -> None:
    for batch in range(20):
        lines = [f"batch {batch} number {n}" for n in range(2000)]
        run.say(["an ERROR: the needle <i>" if n == 1000 and batch in (3, 17) else one
                 for n, one in enumerate(lines)])  # fmt: skip
    open_page(page, run, drawn=False)
    found = page.locator(".log-found")
    page.locator("#log-search [name=q]").fill("NEEDLE")
    page.locator("#log-search [name=q]").press("Enter")
    told = page.locator("#log-told")
    expect(told).to_have_text("1 of 2", timeout=SOON_MS)
    expect(found).to_have_text("an ERROR: the needle <i>")
    expect(found).to_have_attribute("data-line", "1.7001")
    page.locator("#log-search [name=on]").click()
    expect(told).to_have_text("2 of 2")
    expect(found).to_have_attribute("data-line", "1.35001")
    run.say(["something new"])
    expect(page.locator("#console-lines")).not_to_contain_text("something new")
    box = page.locator("#console")
    for _ in range(6):
        box.evaluate("box => { box.scrollTop = 0; }")
        page.wait_for_timeout(250)
    assert page.locator("#console-lines > *").count() <= 1000
    numbers = page.locator("#console-lines > *").evaluate_all(
        "lines => lines.map((line) => Number(line.dataset.line.split('.')[1]))"
    )
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    page.locator("#console-jump").click()
    expect(page.locator("#console-lines > *").last).to_have_text("something new")
    page.goto(f"{run.url}#L1.20001")
    page.reload()
    expect(found).to_have_text("batch 10 number 0", timeout=SOON_MS)
    page.locator("#log-search [name=q]").fill("no such words")
    page.locator("#log-search [name=q]").press("Enter")
    expect(told).to_have_text("Not in the log.", timeout=SOON_MS)
