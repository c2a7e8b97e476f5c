"""``bin/test`` without arguments: parts side by side, and every test in one of them."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from launcher import test as bin_test
from launcher.checkout import ROOT
from launcher.parts import Part, run_all

MEETING_SECONDS = 20.0

MEET = """
import pathlib, sys, time
here, other, status = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
print("in", here.name, flush=True)
here.touch()
until = time.monotonic() + {seconds}
while not other.exists() and time.monotonic() < until:
    time.sleep(0.01)
print("out", here.name, other.exists())
sys.exit(status)
"""
"""Ends once another has begun too, or after a time."""


def meeting(here: Path, other: Path, status: int = 0, seconds: float = MEETING_SECONDS) -> Part:
    program = MEET.format(seconds=seconds)
    return Part(here.name, (sys.executable, "-c", program, str(here), str(other), str(status)))


def test_two_work_at_once_and_are_shown_one_after_the_other(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    parts = [meeting(one, two, 3), meeting(two, one), meeting(three, one, 4)]
    assert run_all(parts, tmp_path, 2) == [3, 0, 4]
    shown = [line.rsplit(":", 1)[0] for line in capfdbinary.readouterr().out.decode().splitlines()]
    assert [line for line in shown if line] == [
        line
        for name in ("one", "two", "three")
        for line in (f"== {name}", f"in {name}", f"out {name} True", f"== {name}")
    ]


def test_no_more_than_allowed_work_at_once(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert run_all([meeting(one, two, seconds=0.5), meeting(two, one)], tmp_path, 1) == [0, 0]
    said = capfdbinary.readouterr().out.decode()
    assert "out one False" in said, "the second began before the first had ended"
    assert "out two True" in said


INTERRUPTED = """
import pathlib, signal, sys
from launcher.parts import Part, run_all
program = '''
import pathlib, sys, time
pathlib.Path("began").touch()
try:
    time.sleep(600)
except KeyboardInterrupt:
    time.sleep(0.3)  # stops a server
    pathlib.Path("ended").touch()
'''
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
run_all([Part("long", (sys.executable, "-c", program))], pathlib.Path.cwd(), 1)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_lets_the_parts_clear_up(tmp_path: Path, number: signal.Signals) -> None:
    path = {"PYTHONPATH": str(ROOT / "bin")}
    command = [sys.executable, "-c", INTERRUPTED]
    if number != signal.SIGINT:  # as a shell does with what it starts in the background
        command = ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    process = subprocess.Popen(command, cwd=tmp_path, env=os.environ | path)
    deadline = time.monotonic() + MEETING_SECONDS
    while not (tmp_path / "began").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    process.wait(MEETING_SECONDS)
    assert (tmp_path / "ended").exists()


@pytest.mark.parametrize(("slow", "browser"), list(itertools.product([True, False], repeat=2)))
@pytest.mark.parametrize("folder", ["tests/runs_app", "tests/infra", "tests/browser"])
def test_every_test_is_in_one_part(folder: str, slow: bool, browser: bool) -> None:
    """Besides the second pass on PostgreSQL."""
    marks = {"slow": slow, "browser": browser}
    found = []
    for part in bin_test.parts({}):
        _, expression, *places = part.command[3:]
        ignored = [place.removeprefix("--ignore=") for place in places if place[0] == "-"]
        taken = [place for place in places if place[0] != "-"] or ["tests"]
        inside = any(f"{folder}/".startswith(f"{place}/") for place in taken)
        if inside and folder not in ignored and eval(expression, {}, marks):
            found.append(part)
    once = [part for part in found if "TEST_DATABASE" not in part.environment]
    assert len(once) == 1, [part.title for part in once]


def test_the_folders_of_the_parts_are_there() -> None:
    folders = (*bin_test.ON_POSTGRES, *bin_test.WITH_PRODUCTS, bin_test.BROWSER)
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []
