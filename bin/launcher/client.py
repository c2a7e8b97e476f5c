"""A client of a running product for benches: the JSON API and the stream, over loopback."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

from websockets.sync.client import connect

from launcher.product import Product

TINY_RUN: dict[str, Any] = {
    "data_source": "synthetic_garch_1m",
    "timeframes": ["1m", "15m"],
    "short_horizon": "30m",
    "long_horizon": "4h",
    "variant": "tiny",
    "max_epochs": 1000,
}
"""A run on the bundled sample that reports for as long as it is watched."""

END_SECONDS = 60.0


def call(product: Product, method: str, path: str, body: object = None) -> Any:
    """The JSON answer, or None where it has no body.

    Raises ``RuntimeError`` with the answer of a status of 400 or more.
    """
    request = urllib.request.Request(
        product.url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
            return json.loads(text) if text else None
    except urllib.error.HTTPError as refused:
        text = refused.read().decode(errors="replace")
        raise RuntimeError(f"{method} {path}: {refused.code} {text}") from refused


def launch(product: Product, **changes: Any) -> str:
    """Start a tiny run, with ``changes`` to its payload, and return its id."""
    created = call(product, "POST", "/runs", {"config": TINY_RUN | changes})
    return str(created["id"])


def wait_for_metrics(product: Product, run_id: str) -> dict[str, Any]:
    """The first event of the run's stream that carries a training loss."""
    address = product.url.replace("http", "ws", 1) + f"/runs/{run_id}/stream"
    with connect(address) as stream:
        for text in stream:
            message: dict[str, Any] = json.loads(text)
            if message["event_type"] == "metrics" and "train_loss" in message["data"]:
                return message
    raise RuntimeError(f"the run {run_id} ended before its first metric")


def cancel(product: Product, run_id: str) -> None:
    """Cancel the run and wait until it has ended."""
    call(product, "POST", f"/runs/{run_id}/cancel")
    deadline = time.monotonic() + END_SECONDS
    while call(product, "GET", f"/runs/{run_id}")["status"] in ("pending", "running"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the run {run_id} did not end within {END_SECONDS:g} s of cancel")
        time.sleep(0.05)
