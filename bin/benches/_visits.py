"""What a browser makes of a page: when it paints, when it has drawn, what moves and what blocks."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from playwright.sync_api import BrowserContext, Page, TimeoutError

VISITS = 3
"""After a first one that fills the browser's cache, as of a person who has been there before."""

DRAWN_MS = 60_000
SCROLL_MS = 150
REST_MS = 400

OBSERVE = """
(() => {
  const seen = (window.benchSeen = { drawn: null, task: 0, shift: 0 });
  const drawn = () => { try { return (%s)(); } catch { return false; } };
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) seen.task = Math.max(seen.task, duration);
  }).observe({ type: "longtask", buffered: true });
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) seen.shift += one.value;
  }).observe({ type: "layout-shift", buffered: true });
  const look = () => requestAnimationFrame(() => {
    if (document.body && drawn()) requestAnimationFrame((at) => { seen.drawn = at; });
    else look();
  });
  look();
})();
"""
"""Runs before the page's own scripts; %s is a function that says whether the page has drawn."""

PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
BLANK = """
() => [...document.querySelectorAll("canvas")].filter(one => one.width && one.height)
  .filter(one => one.getBoundingClientRect().top < innerHeight)
  .some(one => !one.getContext("2d").getImageData(0, 0, one.width, one.height).data.some(v => v))
"""


@dataclass(frozen=True)
class Seen:
    """Milliseconds from the click to the paint and to what is drawn; the longest task; shifts."""

    paint: float
    drawn: float
    main_thread: float
    """Milliseconds of processor time that the page took on its main thread until it rested."""
    longest_task: float
    """Milliseconds; 0 where none took more than 50."""
    shift: float
    """All layout shifts of the visit together, the page scrolled to its end and back."""


def visit(context: BrowserContext, address: str, drawn: str) -> Seen:
    """Medians of the times, the least processor time, the worst of the rest.

    Raises ``RuntimeError`` where the page does not answer or is not drawn.
    """
    found = [_once(context, address, drawn) for _ in range(VISITS + 1)][1:]
    return Seen(
        paint=statistics.median(one.paint for one in found),
        drawn=statistics.median(one.drawn for one in found),
        main_thread=min(one.main_thread for one in found),
        longest_task=max(one.longest_task for one in found),
        shift=max(one.shift for one in found),
    )


def _once(context: BrowserContext, address: str, drawn: str) -> Seen:
    page = context.new_page()
    try:
        page.add_init_script(OBSERVE % drawn)
        debugger = context.new_cdp_session(page)
        debugger.send("Performance.enable", {"timeDomain": "threadTicks"})
        answer = page.goto(address, wait_until="load")
        if answer is None or answer.status != 200:
            raise RuntimeError(f"{address} answers {answer.status if answer else 'nothing'}")
        try:
            page.wait_for_function("() => benchSeen.drawn !== null", timeout=DRAWN_MS)
        except TimeoutError as late:
            raise RuntimeError(f"{address} was not drawn in {DRAWN_MS / 1000:g} s") from late
        if page.evaluate(BLANK):
            raise RuntimeError(f"{address} has an empty canvas")
        page.wait_for_timeout(REST_MS)
        told = debugger.send("Performance.getMetrics")["metrics"]
        busy = next(1000 * one["value"] for one in told if one["name"] == "TaskDuration")
        _scroll_through(page)
        seen = page.evaluate("benchSeen")
        return Seen(page.evaluate(PAINT), seen["drawn"], busy, seen["task"], seen["shift"])
    finally:
        page.close()


def _scroll_through(page: Page) -> None:
    """To the end and back, so that what is drawn only when it is seen is drawn."""
    height, window = page.evaluate("[document.documentElement.scrollHeight, innerHeight]")
    for top in [*range(0, height, window), 0]:
        page.evaluate("top => scrollTo({ top, behavior: 'instant' })", top)
        page.wait_for_timeout(SCROLL_MS)
    page.wait_for_timeout(REST_MS)
