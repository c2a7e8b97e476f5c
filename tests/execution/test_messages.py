"""Whoever wakes a worker does not wait for the broker."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from celery import current_app
from kombu.exceptions import OperationalError

from runs_app.execution.messages import Messenger


def test_a_frozen_broker_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    thawed = threading.Event()
    sent: list[Any] = []

    def frozen(task: str, **options: Any) -> None:
        assert thawed.wait(10)
        sent.append((task, *options["args"]))

    monkeypatch.setattr(current_app, "send_task", frozen)
    messenger = Messenger()
    messenger.send("one", 1)
    messenger.send("two", 2)
    assert not messenger.flush(0.05)
    assert sent == []
    thawed.set()
    assert messenger.flush(10)
    assert sent == [("one", 1), ("two", 2)]


def test_a_broker_that_is_away_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(task: str, **_: Any) -> None:
        raise OperationalError("no such socket")

    monkeypatch.setattr(current_app, "send_task", away)
    messenger = Messenger()
    messenger.send("one", 1)
    assert messenger.flush(10)
    assert "No worker could be woken by one yet: no such socket" in caplog.text
