"""Brings a product into the states that its pages have to show: full of work, and broken."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from launcher.client import TINY_RUN, call, cancel, launch
from launcher.product import Product
from tests.exchange_server import LocalExchange

WAIT_SECONDS = 600.0
SAMPLE = "synthetic_garch_1m"
RUN: dict[str, Any] = {
    "timeframes": ["15m", "1h"],
    "overrides": ["train.warmup_steps=20", "train.log_every_steps=2"],
}
SHORT = RUN | {"overrides": [*RUN["overrides"], "train.steps_per_epoch=40"], "max_epochs": 3}
ENDLESS = RUN | {"overrides": [*RUN["overrides"], "train.early_stopping_patience=0"]}
NOTE = (
    "Second try with a longer context. The first one stopped early at epoch 4; see whether the "
    "long horizon gains from it.\nAsk Kim about the gap in May."
)


def wait(product: Product, path: str, reached: Callable[[Any], bool]) -> Any:
    """The answer of ``path`` once it is as it should be."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not reached(found := call(product, "GET", path)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path} never got there: {found}")
        time.sleep(0.3)
    return found


def ended(product: Product, uid: str) -> Any:
    """The run, once it is in its final state."""
    final = ("completed", "failed", "cancelled")
    return wait(product, f"/runs/{uid}", lambda run: run["status"] in final)


def fill(product: Product) -> dict[str, str]:
    """Ids by name: judged runs, a group, jobs of every kind, labels, views, something deleted."""
    at = {}
    for name, loss in (("done", "gaussian_nll"), ("second", "quantile")):
        at[name] = launch(product, regression_loss=loss, **(SHORT | {"max_epochs": 6}))
        ended(product, at[name])
    label = {"name": "Longer context, student_t", "tags": ["baseline", "keep"], "note": NOTE}
    call(product, "PATCH", f"/runs/{at['done']}", label)
    config = TINY_RUN | SHORT
    at["group"] = call(product, "POST", "/groups", {"config": config, "seeds": 2, "folds": 2})["id"]
    for _ in range(2):
        asked = {"source": SAMPLE}
        prediction = call(product, "POST", f"/runs/{at['done']}/predictions", asked)
    at["prediction"] = prediction["id"]
    call(product, "POST", f"/runs/{at['done']}/exports")
    at["leak_check"] = call(product, "POST", "/leak-checks", {"config": config})["id"]
    at["rehearsal"] = call(product, "POST", "/rehearsals", {"config": config})["id"]
    wait(product, f"/rehearsals/{at['rehearsal']}", lambda one: one["status"] == "done")
    wait(product, f"/leak-checks/{at['leak_check']}", lambda one: one["status"] == "done")
    wait(product, f"/groups/{at['group']}", lambda one: one["ended"])
    dropped = launch(product, **RUN)
    cancel(product, dropped)
    call(product, "DELETE", f"/runs/{dropped}")
    for name, query in (("Beats the walk", "verdict=beats"), ("Long ones", "sort=-duration")):
        post(product, "/runs/views", {"name": name, "query": query})
    return at


def break_things(product: Product, exchange: LocalExchange, data: Path) -> dict[str, str]:
    """Ids by name of what went wrong, and of what is on its way."""
    at = {}
    at["changed"] = _candles_that_change(product)
    at["cancelled"] = launch(product, **ENDLESS)
    training(product, at["cancelled"])
    cancel(product, at["cancelled"])
    at["killed"] = launch(product, **ENDLESS)
    training(product, at["killed"])
    kill_trainer(product, at["killed"])
    at["lost"] = launch(product, **ENDLESS)
    training(product, at["lost"])
    kill_worker(product)
    wait(product, f"/runs/{at['lost']}", lambda run: run["attempt"] > 1)
    for seed in (1, 2):
        at[f"waits_{seed}"] = launch(product, seed=seed, **SHORT)
    at |= _files(product, data)
    at |= _fetches(product, exchange)
    return at


def _candles_that_change(product: Product) -> str:
    """A run whose file is another one by the time it starts."""
    file = product.data_root / "will_change.csv"
    shutil.copy(product.data_root / f"{SAMPLE}.csv", file)
    call(product, "POST", "/queue/pause")
    uid = launch(product, **(RUN | {"data_source": file.name}))
    file.write_text("time,open,high,low,close,volume\n")
    call(product, "POST", "/queue/resume")
    ended(product, uid)
    return uid


def training(product: Product, uid: str) -> None:
    """Wait until the run has been validated twice."""
    wait(product, f"/runs/{uid}", lambda run: (run["metrics"].get("epoch") or 0) > 1)


def kill_trainer(product: Product, uid: str) -> None:
    """What the kernel does where memory runs out, as often as it takes to give the run up."""
    while call(product, "GET", f"/runs/{uid}")["status"] in ("pending", "running"):
        for process in product.processes():
            with suppress(psutil.Error):
                its = any(f"/{uid}/" in one.path for one in process.open_files())
                if its and process.pid not in _workers(product):
                    process.kill()
        time.sleep(0.5)


def kill_worker(product: Product) -> None:
    """Kill the worker and all that is below it."""
    for pid in _workers(product):
        with suppress(psutil.Error):
            below = psutil.Process(pid).children(recursive=True)
            os.kill(pid, signal.SIGKILL)
            for process in below:
                with suppress(psutil.Error):
                    process.kill()


def _workers(product: Product) -> set[int]:
    found = set()
    for process in product.processes():
        with suppress(psutil.Error):
            words = process.cmdline()
            if "celery" in " ".join(words) and "worker" in words:
                found.add(process.pid)
    return found


def _files(product: Product, data: Path) -> dict[str, str]:
    """Candle files with faults, from those beside the project, brought in by hand."""
    at: dict[str, str] = {}
    for file in sorted((data / "dirty").iterdir()):
        if file.suffix == ".md" or file.stat().st_size > 3_000_000:
            continue
        name = file.name.removesuffix(".gz")
        target = product.data_root / name
        if file.suffix == ".gz":
            with gzip.open(file) as packed, target.open("wb") as plain:
                shutil.copyfileobj(packed, plain)
        else:
            shutil.copy(file, target)
    call(product, "GET", "/datasets")
    pending = ("waiting", "reading")
    found = wait(
        product,
        "/datasets",
        lambda all_: all(one["state"] not in pending for one in all_["datasets"]),
    )
    for one in found["datasets"]:
        at.setdefault(f"data_{one['state']}", str(one["id"]))
    return at


def _fetches(product: Product, exchange: LocalExchange) -> dict[str, str]:
    """One done, one failed, one that is still under way."""
    wish = {"exchange": "binance", "symbol": "BTC/USDT", "timeframe": "1m"}
    days = {"since": "2024-01-01", "until": "2024-01-02"}
    at = {"fetched": call(product, "POST", "/datasets/fetches", wish | days)["id"]}
    wait(product, f"/datasets/fetches/{at['fetched']}", lambda one: one["state"] == "done")
    lost = wish | {"symbol": "NONE/USDT"}
    with suppress(RuntimeError):
        at["fetch_failed"] = call(product, "POST", "/datasets/fetches", lost)["id"]
    exchange.pause = 8.0
    at["fetching"] = call(product, "POST", "/datasets/fetches", wish)["id"]
    return at


def post(product: Product, path: str, fields: dict[str, str]) -> None:
    """A form sent as a browser sends it, with the token of a page."""
    jar = urllib.request.HTTPCookieProcessor()
    opener = urllib.request.build_opener(jar)
    page = urllib.request.Request(product.url + "/runs", headers={"Accept": "text/html"})
    text = opener.open(page, timeout=30).read().decode()
    token = text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    body = urllib.parse.urlencode(fields | {"csrfmiddlewaretoken": token}).encode()
    opener.open(
        urllib.request.Request(
            product.url + path, body, headers={"Origin": product.url, "Accept": "text/html"}
        ),
        timeout=30,
    ).read()
