"""The builder's steps, as a person walks them."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def begin(page: Page) -> None:
    """On the first step, choose the sample data."""
    page.get_by_text("synthetic_garch_1m").first.click()


def go_on(page: Page, title: str) -> None:
    """Press *Next*; the step of this title is there."""
    page.get_by_role("button", name=f"Next: {title}").click()
    expect(page.get_by_role("heading", name=title, exact=True, level=2)).to_be_visible()
