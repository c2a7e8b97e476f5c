"""``bin/start`` from its first process to the end of its last."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from launcher.product import Product
from tests.infra.products import STOP_BUDGET_SECONDS, alive, start_run

pytestmark = pytest.mark.slow

LOADING_SECONDS = 60


def test_sigterm_while_a_run_trains_leaves_no_process_and_the_next_start_goes_on(
    product: Product,
) -> None:
    start_run(product)
    key = (product.home / "secret_key").read_text()
    processes = product.processes()
    assert len(processes) >= 7, "with a trainer and its server"
    began = time.monotonic()
    assert product.stop() == 0
    assert time.monotonic() - began < STOP_BUDGET_SECONDS
    assert alive(processes) == []
    assert [line for line in product.output.splitlines() if line.startswith("Ready: ")] == [
        f"Ready: {product.url}/"
    ]
    product.start()
    assert (product.home / "secret_key").read_text() == key


def test_ctrl_c_ends_everything(product: Product) -> None:
    processes = product.processes()
    os.kill(product.pid, signal.SIGINT)
    deadline = time.monotonic() + STOP_BUDGET_SECONDS
    while not product.stopped:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert product.stop() == 0
    assert alive(processes) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the kernel's help is Linux's")
def test_even_a_killed_launcher_leaves_no_process(product: Product) -> None:
    processes = product.processes()
    launcher, *others = processes
    launcher.kill()
    assert product.stop() == -signal.SIGKILL
    # The trainers' server sees the end of its worker once it has loaded torch.
    _, left = psutil.wait_procs(others, timeout=LOADING_SECONDS)
    assert left == []


def test_it_listens_on_one_loopback_port_only(product: Product) -> None:
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for process in product.processes()
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {("127.0.0.1", product.port)}


def test_its_files_are_private(product: Product) -> None:
    assert product.home.stat().st_mode & 0o077 == 0
    assert (product.home / "run").stat().st_mode & 0o077 == 0
    assert (product.home / "secret_key").stat().st_mode & 0o177 == 0


def test_two_run_side_by_side(product: Product, tmp_path: Path) -> None:
    with Product(tmp_path / "second") as second:
        assert second.port != product.port
        for each in (product, second):
            with urllib.request.urlopen(f"{each.url}/") as answer:
                assert answer.status == 200
