"""The parts of ``bin/start`` that can be looked at without starting a product."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from aistempre import env as environment
from launcher import processes, schema
from launcher.figures import Figure
from launcher.processes import Processes


@pytest.fixture
def prepared(tmp_path: Path) -> environment.Environment:
    """An environment with a database that has one migration, remembered as prepared."""
    database = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE django_migrations (id INTEGER, app TEXT, name TEXT)")
        connection.execute("INSERT INTO django_migrations VALUES (1, 'runs_app', '0001_initial')")
    (tmp_path / "run").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sample.csv").touch()
    env = replace(
        environment.read(),
        home=tmp_path,
        data_root=tmp_path / "data",
        database_url=f"sqlite:///{database}",
    )
    schema.remember(env)
    return env


def test_what_was_prepared_is_not_prepared_again(prepared: environment.Environment) -> None:
    assert schema.is_prepared(prepared)


def test_another_state_of_the_database_is_noticed(prepared: environment.Environment) -> None:
    with closing(sqlite3.connect(prepared.home / "db.sqlite3")) as connection, connection:
        connection.execute("DELETE FROM django_migrations")
    assert not schema.is_prepared(prepared)
    (prepared.home / "db.sqlite3").unlink()
    assert not schema.is_prepared(prepared)


def test_missing_sample_data_is_noticed(prepared: environment.Environment) -> None:
    (prepared.data_root / "sample.csv").unlink()
    assert not schema.is_prepared(prepared)


def test_another_server_is_always_prepared_anew(prepared: environment.Environment) -> None:
    other = replace(prepared, database_url="postgresql://host/name")
    schema.remember(other)
    assert not schema.is_prepared(other)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Processes]:
    """Processes that log into ``tmp_path``; ended afterwards."""
    made = Processes(tmp_path, os.environ)
    yield made
    made.stop("last", hurried=lambda: True)


def wait_for(text: str, running: Processes, name: str) -> None:
    """Wait until ``name`` has printed ``text``."""
    deadline = time.monotonic() + 10
    while text not in running.output(name):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_output_begins_with_the_last_start(running: Processes) -> None:
    running.log("web").write_text("from yesterday\n")
    running.start("web", "sh -c 'echo one; echo two; printf part; exec sleep 60'")
    wait_for("part", running, "web")
    assert running.output("web") == "one\ntwo\npart"
    assert list(running.news()) == ["web    | one", "web    | two"]
    assert list(running.news()) == []
    assert running.ended() is None


def test_the_end_of_a_process_is_told(running: Processes) -> None:
    running.start("worker", "sh -c 'exit 3'")
    deadline = time.monotonic() + 10
    while running.ended() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert running.ended() == ("worker", 3)


def test_a_large_log_keeps_one_older_part(
    running: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "MAX_LOG_BYTES", 10)
    running.start("web", "sh -c 'echo 0123456789; exec sleep 60'")
    wait_for("0123456789", running, "web")
    running.trim_logs()
    assert running.output("web") == ""
    assert running.log("web").with_suffix(".1.log").read_text() == "0123456789\n"


@pytest.mark.parametrize(
    ("value", "at_least", "verdict"),
    [
        (1, False, "within"),
        (3, False, "OVER BUDGET"),
        (3, True, "within"),
        (1, True, "OVER BUDGET"),
    ],
)
def test_a_figure_stands_beside_its_budget(value: float, at_least: bool, verdict: str) -> None:
    assert Figure("time", value, "s", 2, at_least=at_least).verdict == verdict
