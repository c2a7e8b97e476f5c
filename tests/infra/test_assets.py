"""The version in the addresses of what pages fetch."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aistempre import assets
from aistempre.env import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in assets.PACKAGES:
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / assets.OWN, tmp_path / assets.OWN)
    return tmp_path


def test_the_same_files_have_the_same_version_anywhere(checkout: Path) -> None:
    assert assets.version(checkout) == assets.version(ROOT)


@pytest.mark.parametrize("name", ["static/css/app.css", *assets.PACKAGES])
def test_other_content_has_another(name: str, checkout: Path) -> None:
    (checkout / name).write_text((checkout / name).read_text() + "\n")
    assert assets.version(checkout) != assets.version(ROOT)


def test_so_has_a_file_of_another_name(checkout: Path) -> None:
    (checkout / "static/css/app.css").rename(checkout / "static/css/app2.css")
    assert assets.version(checkout) != assets.version(ROOT)
