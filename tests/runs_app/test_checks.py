"""The system checks: nothing to say where all is well, one sentence for each fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from runs_app import checks


def test_all_is_well_in_the_test_settings() -> None:
    assert checks.check_directories(None) == []
    assert checks.check_addresses(None) == []
    assert checks.check_packages(None) == []


def test_a_missing_data_root_is_named(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_ROOT = tmp_path / "none"
    (fault,) = checks.check_directories(None)
    assert fault.id == "aistempre.E001"
    assert str(tmp_path / "none") in fault.msg
    assert fault.hint


def test_a_media_root_below_a_file_cannot_be_written(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.MEDIA_ROOT = tmp_path / "file" / "media"
    (fault,) = checks.check_directories(None)
    assert fault.msg.startswith("MEDIA_ROOT is ")


@pytest.mark.parametrize("url", ["http://host", "amqp://host", "localhost:6379", ""])
def test_a_broker_that_is_no_redis_is_refused(settings: Settings, url: str) -> None:
    settings.REDIS_URL = url
    assert [fault.id for fault in checks.check_addresses(None)] == ["aistempre.E003"]


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_another_database_is_refused(settings: Settings) -> None:
    engine = {"default": {"ENGINE": "django.db.backends.mysql"}}
    settings.DATABASES = engine
    assert [fault.id for fault in checks.check_addresses(None)] == ["aistempre.E004"]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "CORE_PACKAGES", {"no_such_module_here": "no-such-package"})
    (fault,) = checks.check_packages(None)
    assert "no-such-package" in fault.msg


def test_missing_browser_assets_are_a_warning(settings: Settings) -> None:
    settings.STATICFILES_DIRS = []
    (warning,) = checks.check_browser_assets(None)
    assert "vendor/uplot" in warning.msg
