"""Every main page with 10,000 runs and one run of 1,000,000 steps: server time and browser.

The whole product runs. One run is really trained; the others are rows, or runs that report what
that one did, at greater length, stored as the worker stores any run. *Answer* is a whole GET to the
web process over loopback on an open connection, from the request to the last byte; *CPU* is the
processor time of that process for it, which other work on the computer hardly changes. The browser
is Chromium with the static files in its cache, 1440 by 900 pixels: the first paint, the moment at
which the page's table or charts in sight are drawn, the processor time of the main thread until
then, the longest task of its scripts (0 where none took 50 ms) and all layout shifts while the page
loads and is scrolled through.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benches._memory import memory, web_process
from benches._place import ask
from benches._visits import Seen, visit
from benches.features import write_candles
from launcher.chromium import FLAGS, find
from launcher.client import call, launch
from launcher.figures import Figure, Row
from launcher.place import MODULES
from launcher.product import Product

REPEATS = 30
WAIT_SECONDS = 300.0
SMALL_FILES = 20
TRAINED: dict[str, Any] = {
    "timeframes": ["15m", "1h"],
    "max_epochs": 3,
    "overrides": ["train.warmup_steps=20", "train.log_every_steps=2"],
}

LIST_MS, ORDERED_MS, PAGE_MS, POINTS_MS, MILLION_MS = 60.0, 80.0, 80.0, 60.0, 500.0
TASK_MS, SHIFT = 200.0, 0.1
"""Ours for every page: no script blocks a click for longer, nothing moves under the pointer."""

TABLE = "() => document.querySelector('main tbody tr')"
FORM = "() => document.querySelector('#builder')"
CARD = "() => document.querySelector('main .card')"
CANVAS = "() => document.querySelector('main canvas')"
CURVES = "() => document.querySelector('.chart-card[data-read=yes] canvas')"
CHARTS = "#chart-loss"
COMPARED = """() => document.querySelector('.compare-chart canvas') &&
  performance.getEntriesByType('resource').filter(one => /\\/curves\\?/.test(one.name)).length >= %d
"""


@dataclass(frozen=True)
class Look:
    """A page, what says that it is drawn (empty: for no browser), and the budgets it has."""

    name: str
    path: str
    drawn: str
    answer_ms: float | None = None
    drawn_ms: float | None = None
    anchor: str = ""
    """Where the browser goes on the page: a finished run's charts begin below its verdict."""


def looks(at: dict[str, str]) -> list[Look]:
    """What is visited; ``at`` has the parts of the addresses."""
    steps = ("data", "features", "horizons", "model", "loss", "train")
    run, long = f"/runs/{at['trained']}", f"/runs/{at['long']}"
    ordered = "/runs?status=completed&verdict=beats&sort=val_crps&dir=asc"
    return [
        Look("home", "/", CARD),
        Look("runs", "/runs", TABLE, LIST_MS),
        Look("runs, filtered, by a metric", ordered, TABLE, ORDERED_MS),
        *(
            Look(f"builder, {step}", f"/runs/new/{step}?draft={at['draft']}", FORM, PAGE_MS)
            for step in steps
        ),
        Look("dashboard, a million steps", long, CURVES, PAGE_MS, MILLION_MS, CHARTS),
        Look("  its points, 2,000 pixels", f"{long}/points?metric=train_loss&width=2000", "",
             POINTS_MS),
        Look("  its log, searched", f"{long}/log/search?q=step+150%2C000", ""),
        Look("dashboard, as trained", run, CURVES, PAGE_MS, None, CHARTS),
        Look("comparison of 2", f"/runs/compare?ids={at['two']}", COMPARED % 2),
        Look("comparison of 20", f"/runs/compare?ids={at['twenty']}", COMPARED % 20),
        Look("report", f"{run}/report", CANVAS),
        Look("predictions", f"{run}/predictions", TABLE),
        Look("a prediction", f"{run}/predictions/{at['prediction']}", CANVAS),
        Look("queue", "/queue", CARD),
        Look("trash", "/trash", TABLE),
        Look("data sets", "/datasets", TABLE),
        Look("data set, 2.6 M candles", f"/datasets/{at['data_set']}", CANVAS, PAGE_MS),
        Look("  its candles, 1,400 pixels", f"/datasets/{at['data_set']}/candles?width=1400", ""),
        Look("notifications", "/notifications", CARD),
        Look("admin, runs", "/admin/runs_app/trainingrun/", "() => document.querySelector('tr')"),
    ]  # fmt: skip


def measure() -> list[Figure | Row]:
    """Server and browser of each page, then what the processes hold."""
    executable = find()
    if executable is None:
        raise RuntimeError("pages needs Chromium; install it or set CHROMIUM to its path")
    with (
        tempfile.TemporaryDirectory(prefix="aistempre-bench-") as base,
        Product(Path(base), extra={"LOG_LEVEL": "WARNING"}) as product,
        sync_playwright() as playwright,
    ):
        at = _fill(product)
        product.stop()
        product.start()
        first = _first_answer(product)
        _, idle = memory(product)
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        rows = _rows(product, browser, at)
        browser.close()
        total, web = memory(product)
    return [
        *rows,
        Figure("first answer after a start", first, "ms"),
        Figure("memory of the web process, idle (RSS)", idle / 1e6, "MB", 200),
        Figure("the same after all pages", web / 1e6, "MB"),
        Figure("memory of everything, then (PSS)", total / 1e6, "MB", 1000),
        Figure("other load on this computer (1 min)", os.getloadavg()[0], ""),
    ]


def _rows(product: Product, browser: Browser, at: dict[str, str]) -> list[Row]:
    """Each page by itself: first the answers, then the browser."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    draft = _begin_draft(context, product)
    cookie = "; ".join(f"{one['name']}={one['value']}" for one in context.cookies())
    found = []
    for look in looks(at | {"draft": draft}):
        answers, cpu = _answers(product, look.path, cookie)
        address = f"{product.url}{look.path}{look.anchor}"
        seen = visit(context, address, look.drawn) if look.drawn else None
        found.append(_row(look, answers, cpu, seen))
    return found


def _row(look: Look, answers: list[float], cpu: float, seen: Seen | None) -> Row:
    figures = [
        Figure("answer", statistics.median(answers), "ms", look.answer_ms),
        Figure("p95", sorted(answers)[int(0.95 * len(answers))], "ms"),
        Figure("CPU", cpu, "ms"),
    ]
    if seen:
        figures += [
            Figure("first paint", seen.paint, "ms"),
            Figure("drawn", seen.drawn, "ms", look.drawn_ms),
            Figure("main thread", seen.main_thread, "ms"),
            Figure("longest task", seen.longest_task, "ms", TASK_MS),
            Figure("shift", seen.shift, "", SHIFT),
        ]
    return Row(look.name, tuple(figures))


def _fill(product: Product) -> dict[str, str]:
    """Train and predict for real, then everything else; returns parts of addresses."""
    trained = launch(product, **TRAINED)
    _wait_for(product, f"/runs/{trained}", "status", "completed")
    wish = {"source": "synthetic_garch_1m", "last": 100}
    asked = call(product, "POST", f"/runs/{trained}/predictions", wish)
    _wait_for(product, f"/runs/{trained}/predictions/{asked['id']}", "state", "done")
    call(product, "POST", "/queue/pause")
    write_candles(product.data_root / "five_years.csv")
    lines = (product.data_root / "synthetic_garch_1m.csv").read_text().splitlines()
    for number in range(SMALL_FILES):
        some = [lines[0], *lines[1 + 2000 * number : 2001 + 2000 * number]]
        (product.data_root / f"part_{number}.csv").write_text("\n".join(some) + "\n")
    call(product, "GET", "/datasets")
    environ = product.environment | {"PYTHONPATH": MODULES, "LOG_LEVEL": "ERROR"}
    at: dict[str, str] = json.loads(ask(environ, "_pages_data", trained))
    at["data_set"] = _wait_for_imports(product)
    at["prediction"] = asked["id"]
    call(product, "GET", f"/datasets/{at['data_set']}/candles?width=1400")  # made at the first look
    return at


def _wait_for(product: Product, path: str, name: str, value: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = call(product, "GET", path)
        if found[name] == value:
            return
        if found[name] in ("failed", "cancelled") or time.monotonic() > deadline:
            raise RuntimeError(f"{path}: {name} is {found[name]}")
        time.sleep(0.5)


def _wait_for_imports(product: Product) -> str:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        rows = call(product, "GET", "/datasets")["datasets"]
        if all(row["state"] == "usable" for row in rows):
            return str(max(rows, key=lambda row: row["bars"])["id"])
        time.sleep(0.5)
    raise RuntimeError(f"the data sets were not read in {WAIT_SECONDS:g} s")


def _first_answer(product: Product) -> float:
    began = time.perf_counter()
    _get(http.client.HTTPConnection("127.0.0.1", product.port), "/runs", "")
    return 1000 * (time.perf_counter() - began)


def _begin_draft(context: BrowserContext, product: Product) -> str:
    """A complete draft in the browser's session, on the sample data; returns its id."""
    page = context.new_page()
    page.goto(f"{product.url}/runs/new?sample")
    draft = page.url.partition("draft=")[2]
    page.close()
    return draft


def _answers(product: Product, path: str, cookie: str) -> tuple[list[float], float]:
    """Milliseconds of each GET, and of processor time for one; two before them do not count."""
    connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=60)
    for _ in range(2):
        _get(connection, path, cookie)
    taken = []
    web = web_process(product)
    before = sum(web.cpu_times()[:2])
    for _ in range(REPEATS):
        began = time.perf_counter()
        _get(connection, path, cookie)
        taken.append(1000 * (time.perf_counter() - began))
    cpu = 1000 * (sum(web.cpu_times()[:2]) - before) / REPEATS
    connection.close()
    return taken, cpu


def _get(connection: http.client.HTTPConnection, path: str, cookie: str) -> None:
    json_only = "/points?" in path or "/candles?" in path
    headers = {"Accept": "application/json" if json_only else "text/html", "Cookie": cookie}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} answers {answer.status}")
