"""What the settings promise, read from the settings in use and from the environment's reader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import redis
from django.conf import settings

from aistempre import env as environment


def test_the_tests_work_in_temporary_directories() -> None:
    assert "aistempre-test-" in str(settings.ENV.home)
    assert "aistempre-test-" in str(settings.DATA_ROOT)
    assert "aistempre-test-" in str(settings.RUNS_ROOT)


def test_the_signing_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = environment.secret_key(tmp_path / "home")
    assert len(first) >= 50
    assert environment.secret_key(tmp_path / "home") == first
    assert (tmp_path / "home" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert environment.secret_key(tmp_path / "other") != first


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org"])
def test_another_address_is_refused(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("HOST", host)
    with pytest.raises(ValueError, match="no login"):
        environment.read()


@pytest.mark.parametrize("port", ["0", "70000", "eight", "-1", "٨٠٠٠"])
def test_a_bad_port_is_one_sentence(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(ValueError, match="PORT must be a number from 1 to 65535"):
        environment.read()


def test_a_long_home_gets_a_short_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    near, far = tmp_path / "a", tmp_path / ("long" * 30)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")
    assert environment.socket_directory(near) == near / "run"
    assert len(str(environment.socket_directory(far) / "valkey.sock")) <= 100
    assert environment.socket_directory(far) != environment.socket_directory(far / "x")


def test_a_database_path_may_hold_spaces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AISTEMPRE_HOME", str(tmp_path / "a b%20"))
    read = environment.read()
    found = redis.ConnectionPool.from_url(read.redis_url).connection_kwargs["path"]
    assert found == str(read.valkey_socket)


def test_the_test_server_answers(valkey: str) -> None:
    with redis.Redis.from_url(valkey) as client:
        assert client.ping()


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"EMAIL_URL": "http://mail.example"}, "EMAIL_URL must begin with smtp://"),
        ({"EMAIL_URL": "smtp://mail.example"}, "set NOTIFY_EMAIL_TO too"),
        ({"NOTIFY_EMAIL_TO": "nobody"}, "NOTIFY_EMAIL_TO must be e-mail addresses"),
        ({"NOTIFY_WEBHOOK_URL": "ftp://x"}, "NOTIFY_WEBHOOK_URL must be an address"),
        ({"NOTIFY_WEBHOOK_URL": "https://u:p@x"}, "without user and password"),
        ({"NOTIFY_WEBHOOK_URL": "https://x"}, "set NOTIFY_WEBHOOK_SECRET too"),
        ({"NOTIFY_WEBHOOK_PRIVATE": "maybe"}, "NOTIFY_WEBHOOK_PRIVATE must be one of YES, NO"),
    ],
)
def test_a_bad_way_outwards_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        environment.read()
