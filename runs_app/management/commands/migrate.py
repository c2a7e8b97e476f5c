"""``manage.py migrate``, one at a time: of several that are started at once the others wait."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

ADVISORY_KEY = 0x41695374  # "AiSt"
LOOK_SECONDS = 0.2


class Command(migrate.Command):
    """Django's command behind a lock that the system or the server frees if this process dies."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait for whoever migrates, then apply what is left to apply."""
        with _alone(connections[options["database"]]):
            super().handle(*args, **options)


@contextmanager
def _alone(connection: BaseDatabaseWrapper) -> Iterator[None]:
    if connection.vendor == "postgresql":
        # Asked again and again, because one waiting call would meet the limit of a statement.
        while not _ask(connection, "pg_try_advisory_lock"):
            time.sleep(LOOK_SECONDS)
        try:
            yield
        finally:
            _ask(connection, "pg_advisory_unlock")
        return
    home = Path(settings.ENV.home)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "migrate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _ask(connection: BaseDatabaseWrapper, function: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [ADVISORY_KEY])
        return bool(cursor.fetchone()[0])
