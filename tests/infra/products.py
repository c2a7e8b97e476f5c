"""Looking at a running product from outside: its processes, a run, what it says."""

from __future__ import annotations

import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from launcher.checkout import ROOT
from launcher.client import call, cancel, launch
from launcher.product import Product

STOP_BUDGET_SECONDS = 10
TRAINING_SECONDS = 60
DEADLINE_SECONDS = 60
NAMES = ("worker", "web", "valkey", "beat")
WORDS = {"valkey": "valkey-server", "web": "daphne", "worker": "worker", "beat": "beat"}
"""What the command line of each process has in it."""

CHANGED = """
import runpy, signal, sys
import honcho.environ
from launcher import question
def count(probes):
    question.FAILED_PROBES = probes
question.PROBE_SECONDS, question.ANSWER_SECONDS = 0.5, 0.5
count({patient})
signal.signal(signal.SIGUSR1, lambda *_: count({impatient}))
signal.signal(signal.SIGUSR2, lambda *_: count({patient}))
parse = honcho.environ.parse_procfile
def replaced(text):
    found = parse(text)
    found.processes.update({commands!r})
    return found
honcho.environ.parse_procfile = replaced
sys.argv[1:] = ["start"]
runpy.run_path({folder!r}, run_name="__main__")
"""


def changed_product(base: Path, *paths: Path, **commands: str) -> Product:
    """A product with other commands in its Procfile, of whose silence ``impatient`` can be told."""
    program = CHANGED.format(commands=commands, folder=str(ROOT / "bin"), patient=120, impatient=12)
    command = [sys.executable, "-c", program]
    path = ":".join(str(folder) for folder in (*paths, ROOT, ROOT / "bin"))
    return Product(base, command=command, extra={"PYTHONPATH": path})


@contextmanager
def impatient(product: Product) -> Iterator[None]:
    """Inside, six seconds of silence count; else a minute, as a start may take under load."""
    os.kill(product.pid, signal.SIGUSR1)
    try:
        yield
    finally:
        os.kill(product.pid, signal.SIGUSR2)


def alive(processes: list[psutil.Process]) -> list[str]:
    """Names of those that still run; waits a moment for what is ending."""
    _, left = psutil.wait_procs(processes, timeout=1)
    return [" ".join(process.cmdline())[:80] for process in left]


def process(product: Product, name: str) -> psutil.Process:
    """The process of the Procfile that is called ``name``; one just started is waited for."""
    found: list[psutil.Process] = []

    def is_found() -> bool:
        found[:] = [p for p in psutil.Process(product.pid).children() if _is(name, p)]
        return bool(found)

    wait_until(is_found, product)
    assert len(found) == 1, found
    return found[0]


def _is(name: str, process: psutil.Process) -> bool:
    try:
        arguments = process.cmdline()
    except psutil.Error:  # it ended between
        return False
    return any(arg == WORDS[name] or f"/{WORDS[name]} " in f"{arg} " for arg in arguments)


def wait_until(condition: Callable[[], object], product: Product) -> None:
    """Wait for a condition; fails with what the product has printed."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert not product.stopped, product.output
        assert time.monotonic() < deadline, product.output
        time.sleep(0.05)


@contextmanager
def started_again(product: Product, *names: str) -> Iterator[None]:
    """What is done inside makes ``bin/start`` start these again; waits until it says so."""
    before = len(product.output)
    yield
    for name in names:
        ready = f"The {name} process is ready again."
        wait_until(lambda ready=ready: ready in product.output[before:], product)


def home_page(product: Product) -> str:
    """The home page, as a browser gets it."""
    request = urllib.request.Request(f"{product.url}/", headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        page: str = answer.read().decode()
    return page


def start_run(product: Product) -> str:
    """Start a run on the sample data and wait until its trainer works; returns its id."""
    uid = launch(product)
    deadline = time.monotonic() + TRAINING_SECONDS
    while time.monotonic() < deadline:
        run = call(product, "GET", f"/runs/{uid}")
        if run["status"] == "running" and run["metrics"].get("step"):
            return uid
        assert run["status"] in ("pending", "running"), run
        time.sleep(0.2)
    raise AssertionError(f"the run did not begin to train: {run}")


def end_runs(product: Product) -> None:
    """Cancel every run that has not ended, and wait until it has."""
    for run in call(product, "GET", "/runs?status=pending&status=running")["runs"]:
        cancel(product, run["id"])


def stop_leaves_nothing(product: Product) -> None:
    """A normal stop ends everything in time and forgets what it told the pages."""
    processes = product.processes()
    began = time.monotonic()
    assert product.stop() == 0
    assert time.monotonic() - began < STOP_BUDGET_SECONDS
    assert alive(processes) == []
    assert not (product.home / "run" / "ends.json").exists()
