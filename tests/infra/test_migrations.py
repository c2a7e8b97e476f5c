"""Migrations under fault: several at once, one killed, workers that come too early."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from django.db.migrations.loader import MigrationLoader

from launcher.checkout import ROOT
from tests.execution.test_supervisor import wait_for

pytestmark = pytest.mark.slow

MIGRATE = (sys.executable, "manage.py", "migrate", "--noinput", "-v0")
TABLES = "runs_app_trainingrun"


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a product whose database is empty."""
    for name in ("home", "data", "media"):
        (tmp_path / name).mkdir(mode=0o700)
    environ = os.environ | {
        "AISTEMPRE_HOME": str(tmp_path / "home"),
        "DATA_ROOT": str(tmp_path / "data"),
        "MEDIA_ROOT": str(tmp_path / "media"),
        "DJANGO_SETTINGS_MODULE": "aistempre.settings",
    }
    environ.pop("DATABASE_URL", None)
    if request.param == "postgres":
        environ["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    yield environ


def migrate(place: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(MIGRATE, cwd=ROOT, env=place, stderr=subprocess.PIPE)


def schema(place: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Tables with their columns, in order."""
    if "DATABASE_URL" in place:
        with psycopg.connect(place["DATABASE_URL"]) as connection:
            return connection.execute(
                "SELECT table_name, column_name, data_type FROM information_schema.columns"
                " WHERE table_schema = 'public' ORDER BY 1, 2"
            ).fetchall()
    path = Path(place["AISTEMPRE_HOME"]) / "db.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()


def is_complete(place: Mapping[str, str]) -> bool:
    """Whether every migration there is has been applied."""
    return _applied(place) == set(MigrationLoader(None).disk_migrations)


def _applied(place: Mapping[str, str]) -> set[tuple[str, str]]:
    asked = "SELECT app, name FROM django_migrations"
    if "DATABASE_URL" in place:
        with psycopg.connect(place["DATABASE_URL"]) as connection:
            return set(connection.execute(asked).fetchall())
    path = Path(place["AISTEMPRE_HOME"]) / "db.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        return set(connection.execute(asked).fetchall())


def test_three_at_once_do_it_once_and_one_that_is_killed_is_completed_by_the_next(
    place: dict[str, str],
) -> None:
    together = [migrate(place) for _ in range(3)]

    for process in together:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    assert is_complete(place)
    expected = schema(place)
    assert any(TABLES in str(row) for row in expected)

    _empty(place)
    killed = migrate(place)
    wait_for(lambda: _has_begun(place), 60)
    killed.kill()
    killed.communicate()
    assert not is_complete(place), "it had ended before it was killed"

    again = migrate(place)
    again.communicate(timeout=120)

    assert again.returncode == 0
    assert is_complete(place)
    assert schema(place) == expected


def test_a_worker_that_comes_before_the_tables_waits_for_them(
    place: dict[str, str], valkey: str
) -> None:
    worker = subprocess.Popen(
        [
            sys.executable, "-m", "celery", "-A", "aistempre", "worker", "--loglevel", "INFO",
            "--without-mingle", "--without-gossip", "--without-heartbeat",
        ],
        cwd=ROOT, env=place | {"REDIS_URL": valkey}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert worker.stdout is not None
        assert _says(worker.stdout, "Waiting until the migrations are applied")
        migrate(place).communicate(timeout=120)
        assert _says(worker.stdout, " ready.")
    finally:
        worker.terminate()
        worker.communicate(timeout=30)


def _says(lines: Iterator[str], words: str) -> bool:
    deadline = time.monotonic() + 60
    return any(words in line for line in lines if time.monotonic() < deadline)


def _has_begun(place: Mapping[str, str]) -> bool:
    try:
        return any("django_migrations" in str(row) for row in schema(place))
    except sqlite3.OperationalError:
        return False


def _empty(place: Mapping[str, str]) -> None:
    if "DATABASE_URL" in place:
        with psycopg.connect(place["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return
    for path in Path(place["AISTEMPRE_HOME"]).glob("db.sqlite3*"):
        path.unlink()
