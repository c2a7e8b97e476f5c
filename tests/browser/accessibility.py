"""What axe-core and the browser itself find wrong with a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import BrowserContext, Page

Theme = Literal["light", "dark"]

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
GRAVE = ("serious", "critical")
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules of axe that judge colours: what another theme can break."""

RUN = """
only => axe.run(document, { runOnly: only, resultTypes: ["violations"] }).then(found =>
  found.violations.map(one => ({
    id: one.id, impact: one.impact, nodes: one.nodes.map(node => node.target.join(" ") + ": " +
      [...node.any, ...node.all, ...node.none].map(check => check.message).join("; ")),
  })))
"""
SETTLED = """
theme => new Promise(done => {
  const look = () => {
    const changed = [undefined, theme].includes(document.documentElement.dataset.bsTheme);
    const moves = document.getAnimations().some(one => one instanceof CSSTransition);
    if (changed && !moves) done(); else requestAnimationFrame(look);
  };
  look();
})
"""
COLLECT = """
window.refusedByPolicy = [];
document.addEventListener("securitypolicyviolation", event =>
  refusedByPolicy.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


def prepare(context: BrowserContext) -> None:
    """Have axe and the collector of refusals in every page of the context.

    Both come in by the debugger, as the content security policy lets no page load them.
    """
    context.add_init_script(path=AXE)
    context.add_init_script(COLLECT)


def violations(page: Page, *, ours: bool) -> list[str]:
    """Serious and critical ones, a line each; of our own pages by the best practice too."""
    tags = [*WCAG, "best-practice"] if ours else WCAG
    refused: list[str] = page.evaluate("[...refusedByPolicy]")  # before axe adds styles of its own
    found = _found(page, "tag", tags)
    return found + [f"refused by the policy: {one}" for one in refused]


def colour_violations(page: Page, theme: Theme) -> list[str]:
    """The same of the rules about colours alone, once the open page has changed to ``theme``."""
    page.emulate_media(color_scheme=theme)
    page.evaluate(SETTLED, theme)
    return _found(page, "rule", COLOURS)


def _found(page: Page, kind: str, values: list[str]) -> list[str]:
    found: list[dict[str, Any]] = page.evaluate(RUN, {"type": kind, "values": values})
    return [
        f"{one['id']} ({one['impact']}): {node}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]
