"""System checks: what must be so on this machine before the product is worth starting.

``bin/start`` and ``bin/lint`` run them; each failure is a sentence that says what to do.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps.config import AppConfig
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.checks import CheckMessage, Error, Tags, Warning, register

REDIS_SCHEMES = ("redis", "rediss", "unix")
DATABASE_ENGINES = ("sqlite3", "postgresql")
CORE_PACKAGES = {
    "torch": "torch",
    "pytorch_lightning": "pytorch-lightning",
    "talib": "TA-Lib",
    "pyarrow": "pyarrow",
}
"""Importable name of what a trainer needs, and the package that brings it."""
BROWSER_ASSETS = (
    "vendor/tabler/css/tabler.min.css",
    "vendor/tabler/js/tabler.min.js",
    "vendor/uplot/uPlot.iife.min.js",
    "vendor/uplot/uPlot.min.css",
)


@register(Tags.files)
def check_directories(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """DATA_ROOT exists and can be read; home and MEDIA_ROOT can be written."""
    found: list[CheckMessage] = []
    if not settings.DATA_ROOT.is_dir() or not os.access(settings.DATA_ROOT, os.R_OK | os.X_OK):
        found.append(
            Error(
                f"DATA_ROOT is {settings.DATA_ROOT}, which is no folder that can be read.",
                hint="Make it, or set DATA_ROOT to the folder that holds your candle files.",
                id="aistempre.E001",
            )
        )
    for name, folder in (
        ("AISTEMPRE_HOME", settings.ENV.home),
        ("MEDIA_ROOT", settings.MEDIA_ROOT),
    ):
        if not _writable(folder):
            found.append(
                Error(
                    f"{name} is {folder}, where nothing can be written.",
                    hint=f"Get the right to write there, or set {name} to another folder.",
                    id="aistempre.E002",
                )
            )
    return found


@register(Tags.compatibility)
def check_addresses(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """REDIS_URL and DATABASE_URL name servers of the kinds the product works with."""
    found: list[CheckMessage] = []
    scheme = urlsplit(settings.REDIS_URL).scheme
    if scheme not in REDIS_SCHEMES:
        found.append(
            Error(
                f"REDIS_URL begins with {scheme or 'nothing'}, which is not Redis or Valkey.",
                hint="Write it as redis://host:6379/0, rediss://... or unix:///path?db=0.",
                id="aistempre.E003",
            )
        )
    engine = settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]
    if engine not in DATABASE_ENGINES:
        found.append(
            Error(
                f"DATABASE_URL names {engine}, but runs are kept in SQLite or PostgreSQL only.",
                hint="Write it as postgresql://user:password@host:5432/name, or leave it unset.",
                id="aistempre.E004",
            )
        )
    return found


@register(Tags.compatibility)
def check_packages(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """What a trainer imports is installed (looked up, not loaded: this process stays small)."""
    return [
        Error(
            f"The Python package {package} is missing, so no run can train.",
            hint="Run bin/start, or pip install -r requirements.txt.",
            id="aistempre.E005",
        )
        for name, package in CORE_PACKAGES.items()
        if importlib.util.find_spec(name) is None
    ]


@register(Tags.staticfiles)
def check_browser_assets(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """The browser assets from npm are where the pages look for them."""
    missing = [name for name in BROWSER_ASSETS if finders.find(name) is None]
    if not missing:
        return []
    return [
        Warning(
            f"The browser assets {', '.join(missing)} are missing, so pages have no looks.",
            hint="Run bin/start, or npm ci --ignore-scripts.",
            id="aistempre.W001",
        )
    ]


def _writable(folder: Path) -> bool:
    """Whether ``folder``, or the nearest folder above it that exists, can be written."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
