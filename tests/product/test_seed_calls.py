"""The calls of the handed-over document, on the whole product and on real candles."""

from __future__ import annotations

import hashlib
import io
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import websockets.exceptions
from websockets.sync.client import connect

from launcher.client import call
from launcher.product import Product

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FIRST_SIXTY_DAYS = 60 * 1440

CONFIG: dict[str, Any] = {
    "data_source": "./data/BTCUSDT_1m.csv",
    "timeframes": ["1m", "15m", "1h"],
    "variant": "tiny",
    "max_epochs": 3,
    "batch_size": 64,
    "learning_rate": 0.001,
    "long_horizon": "1d",
    "overrides": ["train.steps_per_epoch=120", "train.warmup_steps=60", "model.context_bars=32"],
}


@pytest.fixture
def product(any_product: Product, shared_data: Path) -> Product:
    """A product whose DATA_ROOT holds two months of real candles, under the document's name."""
    source = shared_data / "crypto" / "bitfinex_BTCUSD_1m_2018.csv.gz"
    names = ["time", "open", "close", "high", "low", "volume"]
    candles = pd.read_csv(source, names=names, nrows=FIRST_SIXTY_DAYS)
    candles.to_csv(any_product.data_root / "BTCUSDT_1m.csv", index=False)
    return any_product


def download(product: Product, path: str) -> bytes:
    with urllib.request.urlopen(product.url + path, timeout=60) as answer:
        content: bytes = answer.read()
    return content


def stream(product: Product, run_id: str, after: int = 0) -> list[dict[str, Any]]:
    """Every message of the run's stream, until the product closes it."""
    address = product.url.replace("http", "ws", 1) + f"/runs/{run_id}/stream?after={after}"
    with connect(address) as socket:
        return [json.loads(text) for text in socket]


def test_post_watch_list_and_download(product: Product) -> None:
    created = call(product, "POST", "/runs", {"config": CONFIG})
    assert set(created) == {"id", "status", "created_at"}
    assert created["created_at"].endswith("Z")
    run_id = created["id"]

    messages = stream(product, run_id)
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    assert {m["event_type"] for m in messages} == {
        "metrics", "status", "log", "checkpoint", "system",
    }  # fmt: skip
    assert all(message["run_id"] == run_id for message in messages)
    states = [m["data"]["status"] for m in messages if m["event_type"] == "status"]
    assert (states[0], states[-1]) == ("pending", "completed")
    losses = [
        m["data"]["val_loss"]
        for m in messages
        if m["event_type"] == "metrics" and {"epoch", "val_loss"} <= set(m["data"])
    ]
    assert len(losses) == 3
    assert min(losses[1:]) < losses[0]

    run = call(product, "GET", f"/runs/{run_id}")
    assert run["status"] == "completed"
    assert run["last_seq"] == len(messages)
    assert run["config"]["data"]["source"] == "BTCUSDT_1m.csv"
    assert run["metrics"]["val_rmse"] > 0
    assert run["metrics"]["val_crps"] > 0
    assert stream(product, run_id, after=len(messages) - 2) == messages[-2:]
    assert run_id in [each["id"] for each in call(product, "GET", "/runs")["runs"]]

    artifacts = {
        a["name"]: a for a in call(product, "GET", f"/runs/{run_id}/artifacts")["artifacts"]
    }
    assert {
        "config.yaml", "metrics.json", "predictions.parquet", "best.ckpt", "last.ckpt",
        "checkpoint-epoch3.ckpt",
    } <= set(artifacts)  # fmt: skip
    for artifact in artifacts.values():
        content = download(product, f"/runs/{run_id}/artifacts/{artifact['path']}")
        assert len(content) == artifact["size_bytes"]
        assert hashlib.sha256(content).hexdigest() == artifact["sha256"]
    best = download(product, f"/runs/{run_id}/artifacts/{artifacts['best.ckpt']['path']}")
    assert torch.load(io.BytesIO(best), weights_only=True)


def test_cancel_settles_and_wrong_input_is_named(product: Product) -> None:
    endless = CONFIG | {"max_epochs": 1000, "overrides": []}
    run_id = call(product, "POST", "/runs", {"config": endless})["id"]
    address = product.url.replace("http", "ws", 1) + f"/runs/{run_id}/stream"
    with connect(address) as socket:
        for text in socket:
            if json.loads(text)["event_type"] == "metrics":
                break
        call(product, "POST", f"/runs/{run_id}/cancel")
        rest = [json.loads(text) for text in socket]
    assert rest[-1]["data"]["status"] == "cancelled"

    for config, path in (
        (CONFIG | {"batch_size": 0}, "config.batch_size"),
        (CONFIG | {"batchsize": 32}, "config.batchsize"),
        (CONFIG | {"data_source": "../../etc/passwd"}, "config.data_source"),
        (CONFIG | {"overrides": ["model._target_=os.system"]}, "config.overrides"),
        (CONFIG | {"short_horizon": "10s"}, "config.short_horizon"),
    ):
        with pytest.raises(RuntimeError, match="422") as refused:
            call(product, "POST", "/runs", {"config": config})
        assert path in str(refused.value)
    for path in ("/runs/unknown", f"/runs/{run_id}/artifacts/../../../secret_key"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            download(product, path)
    with pytest.raises(websockets.exceptions.InvalidStatus):
        stream(product, "unknown")
