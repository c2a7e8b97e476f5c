"""Predictions and exports through the whole product: a real worker, a real model."""

from __future__ import annotations

import io
import time
import urllib.request
from typing import Any

import pandas as pd
import pytest

from launcher.client import call
from launcher.product import Product

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RUN: dict[str, Any] = {
    "data_source": "synthetic_garch_1m.csv",
    "timeframes": ["1m", "15m"],
    "variant": "tiny",
    "max_epochs": 1,
    "long_horizon": "6h",
    "overrides": ["train.steps_per_epoch=20", "train.warmup_steps=5", "model.context_bars=32"],
}


def wait(product: Product, path: str, key: str, final: set[str]) -> dict[str, Any]:
    """The answer at ``path`` once it has ended."""
    deadline = time.monotonic() + 120
    while (answer := call(product, "GET", path))[key] not in final:
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)
    return answer


def read(product: Product, path: str) -> bytes:
    with urllib.request.urlopen(product.url + path, timeout=60) as answer:
        content: bytes = answer.read()
    return content


@pytest.fixture(scope="module")
def run_id(live_product: Product) -> str:
    run: str = call(live_product, "POST", "/runs", {"config": RUN})["id"]
    ended = wait(live_product, f"/runs/{run}", "status", {"completed", "failed"})
    assert ended["status"] == "completed", ended
    return run


def test_newest_candles_in_forecasts_out(live_product: Product, run_id: str) -> None:
    wish = {"source": "synthetic_garch_1m", "last": 25}
    asked = call(live_product, "POST", f"/runs/{run_id}/predictions", wish)
    path = f"/runs/{run_id}/predictions/{asked['id']}"
    done = wait(live_product, path, "state", {"done", "failed"})
    assert done["state"] == "done", done["message"]
    assert len(done["rows"]) == 25
    newest = done["rows"][-1]
    assert newest["prices"]["0.025"] < newest["close"] < newest["prices"]["0.975"]
    assert sum(newest["long"].values()) == pytest.approx(1.0)
    assert any("its target time may be past" in note for note in done["notes"])
    table = pd.read_parquet(io.BytesIO(read(live_product, done["file"])))
    assert len(table) == 25
    assert table["q0.5"].iloc[-1] == pytest.approx(newest["quantiles"]["0.5"])
    listed = call(live_product, "GET", f"/runs/{run_id}/predictions")["predictions"]
    assert [each["id"] for each in listed] == [asked["id"]]


def test_the_model_leaves_as_safetensors_and_onnx(live_product: Product, run_id: str) -> None:
    call(live_product, "POST", f"/runs/{run_id}/exports")
    done = wait(live_product, f"/runs/{run_id}/exports", "state", {"done", "failed"})
    assert done["state"] == "done", done["message"]
    assert done["largest_difference"] < 1e-4
    names = {path.rsplit("/", 1)[1] for path in done["files"]}
    assert names == {"model.onnx", "model.safetensors", "config.json", "README.txt"}
    for path in done["files"]:
        assert len(read(live_product, path)) > 100
