"""A broker that goes away while a message is in hand ends no worker."""

from __future__ import annotations

from pathlib import Path

from celery import current_app
from kombu import Connection

from launcher.valkey import ValkeyServer


def test_a_message_in_hand_when_the_broker_dies_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "valkey.sock"
    options = current_app.conf.broker_transport_options
    with ValkeyServer(path):
        connection = Connection(f"redis+socket://{path}", transport_options=options)
        channel = connection.default_channel
        queue = connection.SimpleQueue("wake-ups")
        queue.put(1)
        message = queue.get(timeout=10)
    connection.transport.client = None  # as it is when Celery closes a connection that broke
    message.ack()
    channel.close()
    connection.close()
