"""Leak checks before a run: queued once, found again, made for real, and told in sentences."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from runs_app import tasks
from runs_app.choices import JobKind, JobState
from runs_app.execution import jobs
from runs_app.execution.core_process import Command, CoreFailed
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forecasting.evaluation.documents import LeakCheck, LeakFinding
from runs_app.management.commands import check_leaks
from runs_app.models import Job, TrainingRun
from runs_app.services import leak_checks
from runs_app.services.launch import resolve
from runs_app.services.leak_checks import ask_for_leak_check, find_leak_check, newest_leak_check
from tests.synthetic import random_candles, write_candles

pytestmark = pytest.mark.django_db

PAYLOAD: dict[str, Any] = {
    "data_source": "candles.csv", "timeframes": ["1m", "5m"], "variant": "tiny",
    "overrides": "horizons.short=5m\nhorizons.long=30m\nmodel.context_bars=16",
}  # fmt: skip
PASSED = LeakCheck(
    passed=True, findings=(LeakFinding(name="labels", passed=True, detail="None."),), seconds=1.5
)
FAILED = LeakCheck(
    passed=False,
    findings=(LeakFinding(name="scaler", passed=False, detail="Rsi of 1m knows."),),
    seconds=1.5,
)


@pytest.fixture
def small(data_root: Path) -> Path:
    return write_candles(data_root / "candles.csv", random_candles(4000, seed=1))


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[LeakCheck | CoreFailed], None]:
    """What the core's process says; the real one is tried once below."""

    def say(what: LeakCheck | CoreFailed) -> None:
        def ask(command: Command, *, wanted: Callable[[], bool] | None = None) -> dict[str, Any]:
            assert wanted is None or wanted()
            assert command.module == "runs_app.forecasting.training.check_command"
            if isinstance(what, CoreFailed):
                raise what
            facts: dict[str, Any] = json.loads(what.model_dump_json())
            return facts

        monkeypatch.setattr(jobs, "ask_core", ask)
        monkeypatch.setattr(leak_checks, "ask_core", ask)

    return say


def test_a_check_waits_once_and_is_found_by_what_it_is_of(small: Path) -> None:
    assert newest_leak_check(resolve(PAYLOAD)[0]) is None
    first = ask_for_leak_check(PAYLOAD)
    assert ask_for_leak_check(PAYLOAD) == first
    assert Job.objects.filter(kind=JobKind.LEAK_CHECK).count() == 1
    assert first.state == JobState.WAITING
    assert not first.is_final
    assert newest_leak_check(resolve(PAYLOAD)[0]) == first
    assert newest_leak_check(resolve({**PAYLOAD, "timeframes": ["1m"]})[0]) is None


def test_a_changed_file_needs_a_new_check(small: Path) -> None:
    ask_for_leak_check(PAYLOAD)
    write_candles(small, random_candles(4001, seed=1))
    os.utime(small, (1, 1))
    assert newest_leak_check(resolve(PAYLOAD)[0]) is None


def test_a_worker_does_it_and_the_result_stays(
    small: Path, answer: Callable[[LeakCheck | CoreFailed], None]
) -> None:
    answer(FAILED)
    asked = ask_for_leak_check(PAYLOAD)
    tasks.carry_out(Job.objects.get(uid=asked.uid).pk)
    found = find_leak_check(asked.uid)
    assert found.is_final
    assert found.result == FAILED
    answer(PASSED)
    again = ask_for_leak_check(PAYLOAD)
    assert again.uid != asked.uid


def test_what_the_core_refuses_is_told_by_its_fields(
    small: Path, answer: Callable[[LeakCheck | CoreFailed], None]
) -> None:
    answer(CoreFailed("No.", status=11, facts={"fields": {"data.timeframes": "are too many"}}))
    asked = ask_for_leak_check(PAYLOAD)
    tasks.carry_out(Job.objects.get(uid=asked.uid).pk)
    found = find_leak_check(asked.uid)
    assert found.result is None
    assert found.fields == {"data.timeframes": "are too many"}
    page = Client(headers={"accept": "text/html"}).get(f"/leak-checks/{found.uid}")
    assert "data.timeframes" in page.content.decode()


def test_one_job_at_a_time_in_a_worker(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ask_for_leak_check(PAYLOAD)
    job = Job.objects.get(uid=asked.uid)
    seen: list[str] = []

    def busy(job_pk: int) -> None:
        tasks.carry_out(job.pk)  # comes while another is at work: left waiting
        seen.append(Job.objects.get(pk=job.pk).state)

    monkeypatch.setattr(jobs, "wake_waiting", lambda count: seen.append(f"woke {count}"))
    monkeypatch.setattr(jobs, "carry_out", busy)
    tasks.carry_out(999)
    assert seen == ["waiting", "woke 1"]


def test_a_bad_configuration_is_refused_at_once(small: Path) -> None:
    with pytest.raises(ConfigInvalid, match="timeframes"):
        ask_for_leak_check({**PAYLOAD, "timeframes": ["1m", "1w"]})
    assert not Job.objects.exists()


def test_json_asks_and_reads(small: Path, answer: Callable[[LeakCheck | CoreFailed], None]) -> None:
    client = Client()
    created = client.post("/leak-checks", {"config": PAYLOAD}, content_type="application/json")
    assert created.status_code == 202
    assert created.json()["status"] == "waiting"
    address = created.headers["Location"]
    answer(PASSED)
    tasks.carry_out(Job.objects.get().pk)
    body = client.get(address).json()
    assert body["status"] == "done"
    assert body["result"] == json.loads(PASSED.model_dump_json())
    assert body["config"]["data"]["timeframes"] == ["1m", "5m"]
    assert client.get("/leak-checks/nosuch").status_code == 404
    refused = client.post(
        "/leak-checks", {"config": {**PAYLOAD, "data_source": "no.csv"}},
        content_type="application/json",
    )  # fmt: skip
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["path"] == "config.data_source"


def test_the_page_asks_again_only_while_it_waits(
    small: Path, answer: Callable[[LeakCheck | CoreFailed], None]
) -> None:
    browser = Client(headers={"accept": "text/html"})
    address = f"/leak-checks/{ask_for_leak_check(PAYLOAD).uid}"
    assert 'hx-trigger="every 1s"' in browser.get(address).content.decode()
    fragment = browser.get(address, headers={"hx-request": "true"}).content.decode()
    assert "<html" not in fragment
    answer(PASSED)
    tasks.carry_out(Job.objects.get().pk)
    done = browser.get(address).content.decode()
    assert 'hx-trigger="every 1s"' not in done
    assert "Leak check passed" in done
    assert browser.get("/leak-checks/nosuch").status_code == 404


@pytest.mark.parametrize(("found", "status"), [(PASSED, 0), (FAILED, 1)])
def test_the_command_ends_as_the_check_did(
    small: Path, found: LeakCheck, status: int, answer: Callable[[LeakCheck | CoreFailed], None]
) -> None:
    answer(found)
    ended, out = _command("candles.csv", *_overrides())
    assert ended == status
    assert found.findings[0].detail in out
    printed = _command("candles.csv", *_overrides(), "--json")[1].partition("\n}\n")
    assert json.loads(f"{printed[0]}}}") == json.loads(found.model_dump_json())


def test_the_command_takes_a_run_and_a_file(
    small: Path, tmp_path: Path, answer: Callable[[LeakCheck | CoreFailed], None]
) -> None:
    answer(PASSED)
    config = ask_for_leak_check(PAYLOAD).config
    run = TrainingRun.objects.create(config=config)
    assert _command(run.uid)[0] == 0
    (tmp_path / "mine.json").write_text(json.dumps(PAYLOAD))
    assert _command(str(tmp_path / "mine.json"))[0] == 0


def test_the_command_says_what_was_not_checked(
    small: Path, answer: Callable[[LeakCheck | CoreFailed], None]
) -> None:
    ended, out = _command("nosuch")
    assert ended == check_leaks.NOT_CHECKED
    assert "data_source: names neither a data set" in out
    answer(CoreFailed("It took too long."))
    assert _command("candles.csv", *_overrides()) == (2, "It took too long.")


def _overrides() -> tuple[str, ...]:
    return ("data.timeframes=[1m,5m]", *PAYLOAD["overrides"].split("\n"))


def _command(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("check_leaks", *arguments, stdout=out)
    except CommandError as error:
        return error.returncode, out.getvalue() + str(error)
    return 0, out.getvalue()


@pytest.mark.slow
def test_the_real_process_checks_real_candles(small: Path) -> None:
    asked = ask_for_leak_check(PAYLOAD)
    tasks.carry_out(Job.objects.get(uid=asked.uid).pk)
    found = find_leak_check(asked.uid)
    assert found.result is not None, found.message
    assert found.result.passed
    assert len(found.result.findings) == 6
