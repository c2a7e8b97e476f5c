"""The builder: six steps, a draft that loses nothing, the schema's own messages, and a start."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from runs_app.execution.intake import import_waiting
from runs_app.forecasting.data.sample import FILE_NAME
from runs_app.forms.build import build_field, form_name
from runs_app.forms.draft import new_draft
from runs_app.forms.steps import STEPS
from runs_app.models import DataSet, TrainingRun

pytestmark = pytest.mark.django_db

DATA = {"data-source": "BTCUSDT_1m.csv", "data-timeframes": ["1m", "15m"], "go": "next"}
TRAIN = {"train-max_epochs": "2", "train-batch_size": "64", "train-seed": "7", "go": "start"}


def _inputs(page: str) -> dict[str, Any]:
    """What a browser would send for the page's form, without a button."""
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", page):
        at = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        kind, name = at.get("type", "text"), at.get("name")
        if not name or name == "csrfmiddlewaretoken":
            continue
        if kind in ("checkbox", "radio") and " checked" not in tag:
            continue
        value = at.get("value", "on")
        if kind == "checkbox":
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', page, re.S):
        found[name] = re.findall(r'value="([^"]*)" selected', body)[0]
    return found


def _step(browser: Client, key: str, changes: dict[str, Any], draft: str = "d1") -> Any:
    """Open a step, change some fields, press the button named by ``go`` (default: next)."""
    address = f"/runs/new/{key}?draft={draft}"
    form = _inputs(browser.get(address).content.decode())
    return browser.post(address, {**form, "go": "next", **changes})


def test_a_new_run_gets_a_draft_of_its_own(browser: Client) -> None:
    first, second = browser.get("/runs/new"), browser.get("/runs/new")
    assert first.headers["Location"].startswith("/runs/new/data?draft=")
    assert first.headers["Location"] != second.headers["Location"]
    assert browser.get("/runs/new/nosuch?draft=d1").status_code == 404
    assert "draft=" in browser.get("/runs/new/model").headers["Location"]


@pytest.mark.parametrize(
    ("bar", "timeframes", "short"),
    [
        ("1m", ["1m", "15m", "1h"], "30m"),
        ("1h", ["1h"], "4h"),
        ("2h", ["4h"], "16h"),
        ("1d", ["1d"], "4d"),
        ("1w", ["1w"], "30m"),
        ("", ["1m", "15m", "1h"], "30m"),
    ],
)
def test_a_chosen_file_brings_timeframes_and_a_short_horizon_that_its_bars_can_make(
    bar: str, timeframes: list[str], short: str
) -> None:
    draft = new_draft()
    draft.choose_data("mine.csv", bar)
    assert draft.shown("data.source") == "mine.csv"
    assert draft.shown("data.timeframes") == timeframes
    assert draft.shown("horizons.short") == short


def test_a_data_set_is_chosen_by_its_number_with_repair_where_that_is_asked(
    browser: Client, candles: Path
) -> None:
    browser.get("/datasets")
    row = DataSet.objects.get(path=candles.name)
    for query, repaired in (("", False), ("&repair=on", True)):
        address = browser.get(f"/runs/new?data={row.pk}{query}").headers["Location"]
        form = _inputs(browser.get(address).content.decode())
        assert form["data-source"] == candles.name
        assert ("data-repair" in form) is repaired
    assert browser.get("/runs/new?data=987654").status_code == 404


def test_six_steps_without_script_end_in_a_run(
    browser: Client, candles: Path, runs_root: Path
) -> None:
    for key, changes in (
        ("data", DATA), ("features", {"features-indicators": ["rsi", "obv"]}),
        ("horizons", {"horizons-long": "1d"}), ("model", {"model-variant": "tiny"}),
        ("loss", {"loss-kind": "quantile"}),
    ):  # fmt: skip
        answer = _step(browser, key, changes)
        assert answer.status_code == 302, (key, answer.content.decode())
    answer = _step(browser, "train", {**TRAIN, "name": "by hand", "overrides": "model.dropout=0.3"})
    run = TrainingRun.objects.get()
    assert answer.headers["Location"] == f"/runs/{run.uid}"
    assert run.name == "by hand"
    assert run.config["data"]["timeframes"] == ["1m", "15m"]
    assert run.config["features"]["indicators"] == ["rsi", "obv"]
    assert run.config["horizons"]["long"] == "1d"
    assert run.config["model"]["d_model"] == 64
    assert run.config["model"]["dropout"] == 0.3
    assert run.config["loss"]["kind"] == "quantile"
    assert run.config["train"]["max_epochs"] == 2
    again = _step(browser, "train", TRAIN)
    assert again.headers["Location"] == f"/runs/{run.uid}"
    assert TrainingRun.objects.count() == 1


def test_each_step_shows_its_fault_beside_the_field(browser: Client, candles: Path) -> None:
    wrong: dict[str, tuple[dict[str, Any], str]] = {
        "data": ({**DATA, "data-source": "nosuch.csv"}, "data-source"),
        "horizons": ({"horizons-short": "soon"}, "horizons-short"),
        "model": ({"model-heads": "7"}, "model-d_model"),
        "loss": ({"loss-weights-next": "-1"}, "loss-weights-next"),
    }
    _step(browser, "data", DATA)
    for key, (changes, field) in wrong.items():
        answer = _step(browser, key, changes, draft="d1")
        assert answer.headers["Location"] == f"/runs/new/{key}?draft=d1"
        page = browser.get(answer.headers["Location"]).content.decode()
        assert f'id="{field}-error"' in page, key
        if key == "data":
            _step(browser, "data", DATA)


def test_what_was_typed_wrong_is_still_there(browser: Client, candles: Path) -> None:
    _step(browser, "data", DATA)
    _step(browser, "model", {"model-layers": "many"})
    page = browser.get("/runs/new/model?draft=d1").content.decode()
    assert 'value="many"' in page
    assert "Must be a whole number" in page


def test_previous_keeps_what_was_typed_and_asks_nothing(browser: Client, candles: Path) -> None:
    _step(browser, "data", DATA)
    answer = _step(browser, "features", {"features-indicators": ["ema"], "go": "data"})
    assert answer.headers["Location"] == "/runs/new/data?draft=d1"
    page = browser.get("/runs/new/features?draft=d1").content.decode()
    assert re.search(r'value="ema" checked', page)
    assert not re.search(r'value="rsi" checked', page)


def test_typing_is_saved_without_leaving_the_page(browser: Client, candles: Path) -> None:
    answer = _step(browser, "data", {**DATA, "data-start": "2024-01-05", "go": "save"})
    assert answer.status_code == 204
    page = browser.get("/runs/new/data?draft=d1").content.decode()
    assert 'value="2024-01-05"' in page
    assert "is-invalid" not in page


def test_a_preset_fills_in_the_model_and_the_training(browser: Client, candles: Path) -> None:
    _step(browser, "model", {"model-variant": "large"})
    model = _inputs(browser.get("/runs/new/model?draft=d1").content.decode())
    train = _inputs(browser.get("/runs/new/train?draft=d1").content.decode())
    assert (model["model-d_model"], model["model-layers"], model["train-batch_size"]) == (
        "768",
        "4",
        "128",
    )
    assert train["train-batch_size"] == "128"


def test_a_step_may_be_divided_over_passes_and_devices(browser: Client, candles: Path) -> None:
    _step(browser, "model", {"model-variant": "tiny"})
    train = _inputs(browser.get("/runs/new/train?draft=d1").content.decode())
    assert (train["train-accumulation"], train["train-devices"]) == ("1", "1")
    assert "Accumulation (passes)" in browser.get("/runs/new/train?draft=d1").content.decode()


def test_values_changed_after_the_preset_stay(browser: Client, candles: Path) -> None:
    # With script the page fills in the preset and says so; the user then changed the dropout.
    filled = {"model-variant": "tiny", "filled-for": "tiny", "model-d_model": "64",
              "model-heads": "4", "model-dropout": "0.4"}  # fmt: skip
    _step(browser, "model", filled)
    model = _inputs(browser.get("/runs/new/model?draft=d1").content.decode())
    assert model["model-dropout"] == "0.4"
    assert model["model-d_model"] == "64"


def test_the_last_page_lists_faults_of_other_steps(browser: Client, candles: Path) -> None:
    _step(browser, "data", {**DATA, "data-timeframes": ["1h"]})
    answer = _step(browser, "train", TRAIN)
    page = browser.get(answer.headers["Location"]).content.decode()
    assert "The run cannot start yet" in page
    assert 'value="horizons"' in page
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize("line", ["model._target_=os.system", "nosuch.key=1", "model.dropout=${x}"])
def test_overrides_are_refused_beside_their_field(
    browser: Client, candles: Path, line: str
) -> None:
    _step(browser, "data", DATA)
    answer = _step(browser, "train", {**TRAIN, "overrides": line})
    page = browser.get(answer.headers["Location"]).content.decode()
    assert 'id="overrides"' in page
    assert re.search(r"</textarea>\s*<div class=\"invalid-feedback", page)


def test_the_sample_is_two_clicks_away(
    browser: Client, data_root: Path, sample_file: Path, runs_root: Path
) -> None:
    (data_root / FILE_NAME).write_bytes(sample_file.read_bytes())
    browser.get("/")
    answer = browser.get("/runs/new?sample")
    address = answer.headers["Location"]
    assert address.startswith("/runs/new/train?draft=")
    page = browser.get(address).content.decode()
    assert "cannot start" not in page
    started = browser.post(address, {**_inputs(page), "go": "start"})
    run = TrainingRun.objects.get()
    assert started.headers["Location"] == f"/runs/{run.uid}"
    assert run.config["model"]["variant"] == "tiny"


def test_data_sets_are_offered_with_their_facts(browser: Client, candles: Path) -> None:
    assert "Waiting to be read" in browser.get("/runs/new/data?draft=d1").content.decode()
    import_waiting()
    page = browser.get("/runs/new/data?draft=d1").content.decode()
    assert 'value="BTCUSDT_1m.csv" data-timeframe="1m"' in page
    assert "86,400 bars of 1m · <time" in page
    assert "so far" not in page
    for tries, words in ((1, "1 try so far"), (6, "6 tries so far")):
        DataSet.objects.update(tries=tries)
        assert words in browser.get("/runs/new/data?draft=d1").content.decode()


def test_every_field_of_every_step_is_made_from_the_schema() -> None:
    for step in STEPS:
        for path in step.all_paths:
            field = build_field(path, "")
            assert field.label != path, "the schema gives a title"
            assert field.help, "the schema gives a description"
            assert field.name == form_name(path)
