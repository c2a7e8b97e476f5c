"""POST /runs: the seed document's call verbatim, and every way to get it wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from runs_app.forecasting.config.document import from_yaml
from runs_app.models import TrainingRun

pytestmark = pytest.mark.django_db

# Verbatim from the seed document.
SEED_BODY = """{
    "config": {
      "data_source": "./data/BTCUSDT_1m.csv",
      "timeframes": ["1m", "15m", "1h"],
      "variant": "base",
      "max_epochs": 100,
      "batch_size": 32,
      "learning_rate": 0.0002
    }
  }"""


def post(body: Any, *, path: str = "/runs", **headers: str) -> Any:
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return Client().post(path, text, content_type="application/json", headers=headers)


def faults(body: Any, *, status: int = 422) -> dict[str, str]:
    answer = post(body)
    assert answer.status_code == status, answer.content
    assert not TrainingRun.objects.exists()
    detail = answer.json()["detail"]
    for item in detail:
        assert ".".join(str(part) for part in item["loc"]) == item["path"]
    return {item["path"]: item["msg"] for item in detail}


def test_the_call_of_the_seed_document(candles: Path, runs_root: Path) -> None:
    answer = post(SEED_BODY, accept="*/*")
    assert answer.status_code == 201, answer.content
    run = TrainingRun.objects.get()
    created = answer.json()
    assert created.keys() == {"id", "status", "created_at"}
    assert created["id"] == run.uid
    assert created["status"] == "pending"
    assert created["created_at"].endswith("Z")
    assert answer["Location"] == f"/runs/{run.uid}"
    assert run.config["data"]["source"] == "BTCUSDT_1m.csv"
    assert run.config["model"]["d_model"] == 256
    assert run.config["train"]["max_epochs"] == 100
    assert run.request == json.loads(SEED_BODY)["config"]
    stored = from_yaml((runs_root / run.uid / "config.yaml").read_text())
    assert stored.model_dump(mode="json") == run.config


def test_the_same_call_under_api_and_with_a_slash(candles: Path, runs_root: Path) -> None:
    assert post(SEED_BODY, path="/api/runs").status_code == 201
    assert post(SEED_BODY, path="/runs/").status_code == 201


def test_every_option_the_seed_document_names(candles: Path, runs_root: Path) -> None:
    config = {
        "data_source": "BTCUSDT_1m",
        "timeframes": ["5m", "1h"],
        "start_date": "2024-01-02",
        "end_date": "2024-02-20",
        "indicators": ["RSI", "MACD", "ATR", "BB", "EMA", "SMA", "OBV"],
        "calendar_features": False,
        "next_horizon": 2,
        "short_horizon": "30m",
        "long_horizon": "1d",
        "variant": "tiny",
        "regression_loss": "quantile",
        "loss_weights": {"next": 1, "short": 0.5, "long": 0},
        "max_epochs": 1,
        "batch_size": 16,
        "learning_rate": 0.001,
        "weight_decay": 0,
        "overrides": ["model.dropout=0.2"],
    }
    answer = post({"config": config, "name": "  all\toptions "})
    assert answer.status_code == 201, answer.content
    run = TrainingRun.objects.get()
    assert run.name == "all options"
    assert run.config["model"]["dropout"] == 0.2
    assert run.config["loss"]["kind"] == "quantile"
    assert run.config["data"]["start"] == "2024-01-02T00:00:00Z"


def test_a_stored_config_fed_back_gives_the_same_config(candles: Path, runs_root: Path) -> None:
    assert post(SEED_BODY).status_code == 201
    first = TrainingRun.objects.get()
    assert post({"config": first.config}).status_code == 201
    second = TrainingRun.objects.exclude(pk=first.pk).get()
    assert second.config == first.config
    assert post({"config": second.request}).status_code == 201
    assert {json.dumps(run.config) for run in TrainingRun.objects.all()} == {
        json.dumps(first.config)
    }


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"batch_size": 0}, "config.batch_size", "must be at least 1"),
        ({"batch_size": "many"}, "config.batch_size", "must be a whole number"),
        ({"batchsize": 3}, "config.batchsize", "did you mean batch_size?"),
        ({"timeframes": ["1m", "7m"]}, "config.timeframes.1", "is not a timeframe"),
        ({"timeframes": []}, "config.timeframes", "at least 1 item"),
        ({"variant": "huge"}, "config.variant", "'tiny', 'base'"),
        ({"d_model": 100, "heads": 7}, "config.d_model", "not divisible by the 7"),
        ({"long_horizon": "10m"}, "config.long_horizon", "longer than the short horizon"),
        ({"short_horizon": "1s"}, "config.short_horizon", "is not a duration"),
        ({"start_date": "2019-01-01"}, "config.start_date", "outside the data"),
        ({"end_date": "2031-01-01"}, "config.end_date", "outside the data"),
        ({"end_date": "soon"}, "config.end_date", "must be a date"),
        ({"long_horizon": "4w"}, "config.long_horizon", "are needed"),
        ({"overrides": ["+a=1"]}, "config.overrides", "adds a key"),
        ({"overrides": ["model._target_=os.system"]}, "config.overrides", "code"),
        ({"overrides": ["data.source=${oc.env:HOME}"]}, "config.overrides", "interpolation"),
        ({"overrides": ["train.batch_size=0"]}, "config.overrides", "train.batch_size: must be"),
        ({"overrides": ["data.source=/etc/passwd"]}, "config.overrides", "absolute paths"),
        ({"data_source": "/etc/passwd"}, "config.data_source", "absolute paths"),
        ({"data_source": "../../etc/passwd"}, "config.data_source", "must stay inside"),
        ({"data_source": "nothing.csv"}, "config.data_source", "There are: BTCUSDT_1m."),
        ({"data_source": ""}, "config.data_source", "must not be empty"),
        ({"data_source": "a\x00"}, "config.data_source", "control character"),
        ({"data_source": 3}, "config.data_source", "must be text"),
        ({"data_source": None}, "config.data_source", "is required"),
    ],
)
def test_each_fault_has_its_place_and_its_words(
    candles: Path, change: dict[str, Any], path: str, words: str
) -> None:
    found = faults({"config": json.loads(SEED_BODY)["config"] | change})
    assert words in found[path]


def test_all_faults_are_told_at_once(candles: Path) -> None:
    found = faults({"config": {"data_source": "no", "batch_size": 0, "max_epochs": 0}})
    assert found.keys() == {"config.data_source", "config.batch_size", "config.max_epochs"}


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        (" ", "body", "is not valid JSON"),
        ("{", "body", "line 1, column 2"),
        (b"\xff\xfe\xfa", "body", "is not valid JSON"),
        ('{"config": {"batch_size": NaN}}', "body", "NaN is no JSON number"),
        ("[" * 100_000, "body", "nested too deeply"),
        ("3", "body", "must be an object"),
        ("[]", "body", "must be an object"),
        ({}, "config", "is required"),
        ({"config": None}, "config", "must be a group of keys"),
        ({"config": "x"}, "config", "must be a group of keys"),
        ({"cfg": {}}, "config", "is required"),
        ({"config": {}, "batch_size": 3}, "batch_size", "inside config"),
        ({"config": {}, "nam": "x"}, "nam", "did you mean name?"),
        ({"config": {"data_source": "x"}, "name": "a\x00b"}, "name", "control character"),
        ({"config": {"data_source": "x"}, "name": "n" * 201}, "name", "at most 200"),
        ({"config": {"data_source": "x"}, "name": 3}, "name", "must be text"),
        ('{"config": {"data_source": "\\ud800"}}', "config.data_source", "half of a character"),
        ('{"config": {"seed": 1' + "0" * 5000 + "}}", "body", "is not valid JSON"),
    ],
)
def test_a_malformed_body_gets_a_sentence(
    data_root: Path, body: Any, path: str, words: str
) -> None:
    assert words in faults(body)[path]


def test_a_body_over_the_limit_is_refused(data_root: Path) -> None:
    assert "256 KiB" in faults({"config": {"data_source": "a" * 300_000}}, status=413)["body"]
    assert "256 KiB" in faults("x" * 3_000_000, status=413)["body"]


def test_a_body_that_is_not_called_json_is_refused(data_root: Path) -> None:
    answer = Client().post("/runs", SEED_BODY, content_type="text/plain")
    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["detail"][0]["msg"]


def test_a_faulty_file_is_named_with_its_row(data_root: Path, sample_file: Path) -> None:
    lines = sample_file.read_text().splitlines()[:40_000]
    lines[5] = lines[4]
    (data_root / "twice.csv").write_text("\n".join(lines))
    found = faults({"config": {"data_source": "twice", "long_horizon": "1d"}})
    assert "cannot be used as it is" in found["config.data_source"]
    assert "6" in found["config.data_source"]


def test_a_faulty_file_can_be_repaired(data_root: Path, runs_root: Path, sample_file: Path) -> None:
    lines = sample_file.read_text().splitlines()[:40_000]
    lines[5] = lines[4]
    (data_root / "twice.csv").write_text("\n".join(lines))
    config = {"data_source": "twice", "long_horizon": "1d", "repair": True}
    assert post({"config": config}).status_code == 201


def test_a_full_disk_is_told_and_leaves_nothing(
    candles: Path, runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    answer = post(SEED_BODY)
    assert answer.status_code == 507
    assert answer.json()["detail"].endswith("No space left on device.")
    assert not TrainingRun.objects.exists()
