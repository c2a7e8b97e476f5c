"""The report: its page, its JSON, and the sentence where there is none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.test import Client

from runs_app.choices import RunStatus
from runs_app.models import TrainingRun
from tests.factories import as_stored, make_verdict
from tests.reports import make_report, write_report
from tests.runs_app.views.conftest import MakeRun

pytestmark = pytest.mark.django_db

PLOTS = {
    "fan", "pit", "coverage", "reliability-short", "reliability-long", "hour", "volatility",
    "equity",
}  # fmt: skip


@pytest.fixture
def run(make_run: MakeRun, runs_root: Path) -> TrainingRun:
    made = make_run(status=RunStatus.COMPLETED, outcome="beats", verdict=as_stored(make_verdict()))
    write_report(made, runs_root)
    return made


def test_the_page_has_the_verdict_every_plot_and_every_table(
    browser: Client, run: TrainingRun
) -> None:
    page = browser.get(f"/runs/{run.uid}/report").content.decode()
    assert "Verdict: Beats every baseline" in page
    assert set(re.findall(r'data-plot="([^"]+)"', page)) == PLOTS
    drawn = re.findall(r'id="report-data" type="application/json">(.*?)</script>', page)[0]
    assert json.loads(drawn) == as_stored(make_report())
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "1,000 decisions of the test part at closes of 1m bars" in text
    assert "This model −5.4000 5.0000 12.000" in text
    assert "GARCH(1,1)-t NaN 6.0000 12.000" in text
    assert "51.0 49.0 to 53.0" in text
    assert "short 40.0 · 20.0 · 40.0 40.0 · 20.0 · 40.0 0.200 41.0 40.0 1.010 1.020 0.300" in text
    assert "learnt on 880 validation decisions" in text
    assert "Scale of the distribution 1.25 factor applied" in text
    assert "short direction 1.00 validation showed nothing to correct" in text
    assert "hit rate 51.0 % (95 % interval 50.0 to 52.0) over 990 moves" in text
    assert "Net return, % −1.00 −1.00 −1.00" in text
    assert "Probabilistic Sharpe &lt; 0.0001" in text
    assert "Try no. 7 on this data set." in text
    assert "3 fills waited" in text


def test_a_head_without_density_has_no_pit_of_its_own(
    browser: Client, run: TrainingRun, runs_root: Path
) -> None:
    pit = make_report().pit
    assert pit is not None
    others = pit.model_copy(update={"histograms": pit.histograms[1:]})
    report = make_report(pit=others)
    (runs_root / run.uid / "report.json").write_text(report.model_dump_json())
    assert 'data-plot="pit"' not in browser.get(f"/runs/{run.uid}/report").content.decode()


def test_a_page_without_density_leaves_the_pit_out(
    browser: Client, run: TrainingRun, runs_root: Path
) -> None:
    point = make_report(pit=None, coverage=(), score="squared_error")
    (runs_root / run.uid / "report.json").write_text(point.model_dump_json())
    page = browser.get(f"/runs/{run.uid}/report").content.decode()
    assert set(re.findall(r'data-plot="([^"]+)"', page)) == PLOTS - {"pit", "coverage"}


@pytest.mark.parametrize("path", ["/runs/{}/report", "/api/runs/{}/report"])
def test_json_has_the_same(run: TrainingRun, path: str) -> None:
    told = Client().get(path.format(run.uid)).json()
    assert told["report"] == as_stored(make_report())
    assert told["verdict"] == run.verdict
    assert told["trading"]["tries"] == 7
    assert told["scores"]["test"]["garch"]["nll"] == "NaN"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (RunStatus.RUNNING, "There is no report yet"),
        (RunStatus.CANCELLED, "it was cancelled before its end"),
        (RunStatus.FAILED, "it failed before its end"),
        (RunStatus.COMPLETED, "its files were removed, or an older version"),
    ],
)
def test_a_missing_report_is_a_sentence(
    browser: Client, make_run: MakeRun, runs_root: Path, status: RunStatus, words: str
) -> None:
    run = make_run(status=status)
    answer = browser.get(f"/runs/{run.uid}/report")
    assert answer.status_code == 404
    assert words in answer.content.decode()
    told = Client().get(f"/runs/{run.uid}/report")
    assert told.status_code == 404
    assert words in told.json()["detail"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"timeframe": "1m"}', "\udcff"])
@pytest.mark.parametrize("name", ["report.json", "metrics.json"])
def test_a_file_that_cannot_be_read_is_said(
    browser: Client, run: TrainingRun, runs_root: Path, name: str, content: str
) -> None:
    raw = content.encode(errors="surrogateescape")
    (runs_root / run.uid / name).write_bytes(raw)
    answer = browser.get(f"/runs/{run.uid}/report")
    if name == "metrics.json" and content.startswith('{"'):
        assert answer.status_code == 200
    else:
        assert answer.status_code == 404
        assert "another version" in answer.content.decode()


def test_a_link_is_not_followed(browser: Client, run: TrainingRun, runs_root: Path) -> None:
    file = runs_root / run.uid / "report.json"
    outside = runs_root / "outside.json"
    file.rename(outside)
    file.symlink_to(outside)
    assert browser.get(f"/runs/{run.uid}/report").status_code == 404


def test_an_unknown_run_has_no_report(browser: Client) -> None:
    assert browser.get("/runs/nosuchrun/report").status_code == 404
    assert Client().get("/runs/nosuchrun/report").status_code == 404
