"""The builder opened from a passport: its settings, its candles by fingerprint, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from runs_app.forecasting.passport import to_json
from tests.factories import make_config, make_data_set
from tests.forecasting.test_passport import make_environment, make_passport

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("candles", "runs_root")]


def passport(**fields: Any) -> str:
    config = make_config(
        data={"source": "x.csv"}, train={"learning_rate": 0.000123, "stall_minutes": 3.5}
    ).model_dump(mode="json")
    made = {"config": config, "environments": (make_environment(),), "name": "theirs"}
    return to_json(make_passport(**(made | fields)))


def send(browser: Client, text: str | bytes) -> HttpResponse:
    content = text if isinstance(text, bytes) else text.encode()
    file = SimpleUploadedFile("passport.json", content, "application/json")
    answer: Any = browser.post("/runs/new/passport", {"passport": file}, follow=True)
    return answer  # type: ignore[no-any-return]


def test_its_settings_and_the_same_candles_under_another_name(browser: Client) -> None:
    make_data_set(path="ours.csv", candles_sha256="d")
    answer: Any = send(browser, passport())
    page = answer.content.decode()
    assert answer.redirect_chain[0][0].startswith("/runs/new/train?draft=")
    assert 'value="theirs"' in page
    assert "0.000123" in page and "3.5" in page
    assert "ours.csv" in page


def test_candles_that_are_not_here_are_marked(browser: Client) -> None:
    make_data_set(path="x.csv", candles_sha256="other")
    answer: Any = send(browser, passport())
    assert answer.redirect_chain[0][0].startswith("/runs/new/data?draft=")
    page = answer.content.decode()
    assert "The candles of the passport (x.csv, SHA-256 d…) are not here" in page
    answer = send(browser, passport(environments=()))
    assert "nobody can tell whether x.csv here is the same file" in answer.content.decode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{}", "passport.json is no passport"),
        (b"\xff", "is not UTF-8 text"),
        (passport().replace("0.000123", "0.5"), "was changed after it was written"),
        (passport(config={"train": {"seed": 1}}), "a configuration that this version"),
        (b" " * 3_000_000, "a file of 2.5 MB at most"),
    ],
)  # fmt: skip
def test_what_is_no_passport_is_refused(
    browser: Client, content: str | bytes, sentence: str
) -> None:
    answer: Any = send(browser, content)
    assert sentence in answer.content.decode()
    assert answer.redirect_chain[0][0] == "/runs/new"


def test_nothing_is_opened_without_the_token_of_the_form() -> None:
    strict = Client(enforce_csrf_checks=True, headers={"Accept": "text/html"})
    file = SimpleUploadedFile("passport.json", passport().encode(), "application/json")
    assert strict.post("/runs/new/passport", {"passport": file}).status_code == 403
