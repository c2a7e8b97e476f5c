"""What the scripts say before they do anything: help, and one sentence for each obstacle."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest

from launcher import install, preflight
from launcher.checkout import ROOT

_Usage = namedtuple("_Usage", "total used free")


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """An environment whose product lives in ``tmp_path``."""
    folders = {"AISTEMPRE_HOME": "home", "DATA_ROOT": "data", "MEDIA_ROOT": "media"}
    return os.environ | {name: str(tmp_path / folder) for name, folder in folders.items()}


@pytest.fixture
def bare_checkout(tmp_path: Path) -> Path:
    """A checkout where nothing is installed: only what runs before ``.venv`` exists."""
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "bin", root / "bin", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "aistempre").mkdir()
    for name in ("aistempre/__init__.py", "aistempre/env.py", "requirements.txt"):
        shutil.copyfile(ROOT / name, root / name)
    return root


def path_with(folder: Path, **programs: str) -> dict[str, str]:
    """An environment whose PATH holds ``dirname`` and the given shell programs, nothing else."""
    folder.mkdir()
    (folder / "dirname").symlink_to(str(shutil.which("dirname")))
    for name, body in programs.items():
        program = folder / name.replace("_", ".")
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    return {"PATH": str(folder)}


def run(script: Path, environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Exit status and output of a script."""
    result = subprocess.run(
        ["/bin/sh", str(script), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return result.returncode, result.stdout.strip()


@pytest.mark.parametrize("name", ["start", "test", "lint", "bench", "faults"])
def test_every_script_has_a_help(name: str, bare_checkout: Path) -> None:
    status, text = run(bare_checkout / "bin" / name, dict(os.environ), "--help")
    assert status == 0
    assert text.startswith(f"Usage: bin/{name}")
    assert not (bare_checkout / ".venv").exists()


def test_no_python_is_one_sentence(bare_checkout: Path, tmp_path: Path) -> None:
    status, text = run(bare_checkout / "bin" / "start", path_with(tmp_path / "path"))
    assert status == 1
    assert text == (
        "AiStemPre needs Python 3.11, 3.12 or 3.13, and this computer has no python3; "
        "install one of them."
    )


def test_an_old_python_is_one_sentence(bare_checkout: Path, tmp_path: Path) -> None:
    old = 'case "$1" in --version) echo Python 3.8.10;; *) exit 1;; esac'
    status, text = run(bare_checkout / "bin" / "start", path_with(tmp_path / "path", python3=old))
    assert status == 1
    assert text.count("\n") == 0
    assert "this computer has Python 3.8.10" in text


def test_a_newer_name_is_found_beside_an_old_python(bare_checkout: Path, tmp_path: Path) -> None:
    path = path_with(tmp_path / "path", python3="exit 1", python3_12="echo taken: $2")
    status, text = run(bare_checkout / "bin" / "start", path)
    assert (status, text) == (0, "taken: start")


def test_a_taken_port_is_one_sentence(places: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, text = run(ROOT / "bin/start", places | {"PORT": str(port)})
    assert status == 1
    assert text == f"Port {port} is taken by another program; set PORT to another one."


def test_a_home_in_use_is_one_sentence(places: dict[str, str]) -> None:
    home = Path(places["AISTEMPRE_HOME"])
    home.mkdir(mode=0o700)
    with (home / "start.lock").open("w") as held:
        held.write("4711")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        status, text = run(ROOT / "bin/start", places)
    assert status == 1
    assert text.startswith(f"AiStemPre already runs from {home} (process 4711); ")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("HOST", "0.0.0.0", "this mode has no login"),
        ("PORT", "eighty", "PORT must be a number"),
        ("RUN_SLOTS", "0", "RUN_SLOTS must be a number from 1"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL must be one of"),
    ],
)
def test_a_bad_setting_is_one_sentence(
    places: dict[str, str], variable: str, value: str, words: str
) -> None:
    status, text = run(ROOT / "bin/start", places | {variable: value})
    assert status == 1
    assert words in text
    assert "\n" not in text


def test_a_home_that_cannot_be_made_is_one_sentence(places: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, text = run(
        ROOT / "bin/start", places | {"AISTEMPRE_HOME": str(tmp_path / "file" / "home")}
    )
    assert status == 1
    assert "cannot be made or used" in text
    assert "\n" not in text


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(10**12, 10**12, 5 * 10**8))
    with pytest.raises(install.InstallFailed) as fault:
        install.need_room(tmp_path, install.INSTALL_BYTES)
    assert str(fault.value) == (
        f"The disk of {tmp_path} has 0.5 GB free and 3.0 GB are needed; make room and start again."
    )


def test_a_full_disk_of_the_home_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AISTEMPRE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(10**12, 10**12, 10**6))
    with pytest.raises(preflight.NotStarted, match="make room"):
        preflight.check()


def test_an_unknown_bench_is_named() -> None:
    status, text = run(ROOT / "bin/bench", dict(os.environ), "no-such-bench")
    assert status == 2
    assert "No bench is called no-such-bench; there are: " in text
