"""Secure with no setting changed, read from the running product and not from its settings."""

from __future__ import annotations

import http.client
import re

import pytest
from django.conf import settings

from launcher.product import Product

pytestmark = pytest.mark.slow


def ask(
    product: Product, path: str, *, method: str = "GET", **headers: str
) -> http.client.HTTPResponse:
    """The answer to one request; header names are written with underscores."""
    connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers={"Accept": "text/html", **named})
    return connection.getresponse()


@pytest.mark.parametrize("path", ["/", "/runs", "/runs/new", "/no-such-page"])
def test_pages_say_what_a_browser_may_do(live_product: Product, path: str) -> None:
    answer = ask(live_product, path)
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/runs/new"])
def test_pages_have_no_inline_script(live_product: Product, path: str) -> None:
    page = ask(live_product, path).read().decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", page) == []
    assert re.findall(r"\son\w+=", page) == []
    assert re.findall(r"(?:src|href)=[\"'](?:https?:)?//", page) == []


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.nip.example", "0.0.0.0"])
def test_a_name_rebound_to_this_computer_is_refused(live_product: Product, host: str) -> None:
    for path in ("/", "/runs", "/api/runs"):
        assert ask(live_product, path, Host=host).status == 400


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_another_web_page_cannot_drive_it(live_product: Product, method: str) -> None:
    answer = ask(live_product, "/runs", method=method, Origin="http://evil.example", Accept="*/*")
    assert answer.status == 403


def test_assets_come_from_here(live_product: Product) -> None:
    for path in ("vendor/tabler/css/tabler.min.css", "vendor/uplot/uPlot.iife.min.js"):
        answer = ask(live_product, f"{settings.STATIC_URL}{path}")
        assert answer.status == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "path", ["../secret_key", "../../secret_key", "vendor/uplot/../../package.json", "vendor/", ""]
)
def test_only_the_named_folders_are_served(live_product: Product, path: str) -> None:
    assert ask(live_product, f"{settings.STATIC_URL}{path}").status == 404


def test_an_error_page_shows_no_insides(live_product: Product) -> None:
    text = ask(live_product, "/no-such-page").read().decode()
    assert "Traceback" not in text
    assert "DEBUG" not in text
    assert "urlconf" not in text.lower()
