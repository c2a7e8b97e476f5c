"""Counts what a page does: how much work each moment asks of the browser.

How long a task takes depends on what else the computer does, and ``bin/bench pages`` measures it on
a quiet one. What these counts hold is what keeps a task short on any: a drawing has no more points
than pixels ask for, a chart is drawn once in a frame, a message brings no more than the page keeps,
and the browser lays out the page a few times for each message, not for each line of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

COUNT = """
(() => {
  const names = ["plots", "drawings", "at_once", "points", "messages", "nodes"];
  const work = (window.countedWork = Object.fromEntries(names.map((name) => [name, 0])));
  let frame = null;
  let inFrame = 0;
  function drawn([x]) {
    const now = document.timeline.currentTime;
    inFrame = now === frame ? inFrame + 1 : 1;
    frame = now;
    work.drawings += 1;
    work.at_once = Math.max(work.at_once, inFrame);
    work.points = Math.max(work.points, x.length);
  }
  let plotter;
  Object.defineProperty(window, "uPlot", {
    configurable: true,
    get: () => plotter,
    set(made) {
      plotter = new Proxy(made, {
        construct(target, [options, data, box]) {
          work.plots += 1;
          drawn(data);
          const plot = new target(options, data, box);
          const { setData } = plot;
          plot.setData = (fresh, ...rest) => {
            drawn(fresh);
            setData(fresh, ...rest);
          };
          return plot;
        },
      });
    },
  });
  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", () => { work.messages += 1; });
    }
  };
  new MutationObserver((records) => {
    let added = 0;
    for (const { addedNodes } of records) {
      for (const node of addedNodes) added += 1 + (node.querySelectorAll?.("*").length ?? 0);
    }
    work.nodes = Math.max(work.nodes, added);
  }).observe(document, { childList: true, subtree: true });
})();
"""
FORGET = "Object.keys(countedWork).forEach((name) => { countedWork[name] = 0; })"


@dataclass(frozen=True)
class Work:
    """What a page did since it was opened, or since ``Counter.forget``."""

    plots: int
    """Plots made anew; the others were given other points."""
    drawings: int
    at_once: int
    """Most drawings in one frame."""
    points: int
    """Most places on the x axis in one drawing."""
    messages: int
    """What came through the socket."""
    nodes: int
    """Most nodes that came into the page at once."""
    layouts: int
    """How often the browser settled where everything stands."""


class Counter:
    """Counts from the next address on that the page goes to."""

    def __init__(self, page: Page) -> None:
        self._page = page
        page.add_init_script(COUNT)
        self._browser = page.context.new_cdp_session(page)
        self._browser.send("Performance.enable")
        self._layouts = 0

    def forget(self) -> None:
        """Count from now on."""
        self._page.evaluate(FORGET)
        self._layouts = self._all_layouts()

    def seen(self) -> Work:
        """What was counted."""
        layouts = self._all_layouts() - self._layouts
        return Work(**self._page.evaluate("countedWork"), layouts=layouts)

    def _all_layouts(self) -> int:
        told = self._browser.send("Performance.getMetrics")["metrics"]
        return int(next(one["value"] for one in told if one["name"] == "LayoutCount"))
