"""A window of a data set's candles, as the chart asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from runs_app.execution.intake import import_waiting
from runs_app.models import DataSet

pytestmark = pytest.mark.django_db


def test_windows_of_a_data_set(candles: Path) -> None:
    Client().get("/datasets")
    row = DataSet.objects.get()
    waiting = Client().get(f"/datasets/{row.pk}/candles")
    assert waiting.status_code == 404
    assert "no candles to draw" in waiting.json()["detail"]
    import_waiting()
    whole = Client().get(f"/datasets/{row.pk}/candles?width=1200").json()
    assert (whole["bars"], whole["bar"], whole["stick"]) == (86_400, "1m", "4h")
    assert whole["columns"].keys() == {
        "time", "open", "high", "low", "close", "volume", "ema", "rsi", "atr",
    }  # fmt: skip
    start = whole["first"]
    part = Client().get(f"/datasets/{row.pk}/candles?from={start}&to={start + 600_000}").json()
    assert part["columns"]["time"] == [start + 60_000 * bar for bar in range(10)]
    page = Client(headers={"accept": "text/html"}).get(f"/datasets/{row.pk}").content.decode()
    assert f'data-address="/datasets/{row.pk}/candles"' in page


@pytest.mark.parametrize("query", ["width=1", "width=x", "from=-1", "to=99999999999999999999"])
def test_wrong_windows_name_the_parameter(candles: Path, query: str) -> None:
    Client().get("/datasets")
    answer = Client().get(f"/datasets/{DataSet.objects.get().pk}/candles?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["path"] == query.partition("=")[0]
