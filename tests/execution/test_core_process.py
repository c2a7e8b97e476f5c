"""The disposable process: its answer, its sentence, its limits."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from runs_app.choices import JobReason
from runs_app.execution import core_process
from runs_app.execution.core_process import Command, CoreFailed, ask_core


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module ``program_under_test`` that does what its first argument says."""
    (tmp_path / "program_under_test.py").write_text(
        """
import json, os, signal, sys, time
what = sys.argv[1]
if what == "answer":
    print("loading")
    print(json.dumps({"given": sys.argv[2:], "secret": os.environ.get("SECRET_KEY")}))
elif what == "refuse":
    print(json.dumps({"field": "open"}))
    print("line 3: open is not a number", file=sys.stderr)
    sys.exit(12)
elif what == "fault":
    raise ZeroDivisionError("inner words")
elif what == "hang":
    time.sleep(600)
elif what == "eat":
    block = bytearray(400_000_000)
    block[::4096] = b"x" * len(block[::4096])
    time.sleep(600)
elif what == "die":
    os.kill(os.getpid(), signal.SIGSEGV)
"""
    )
    monkeypatch.setattr(core_process, "PROJECT_ROOT", tmp_path)
    return "program_under_test"


def test_the_last_line_is_the_answer_and_no_secret_is_passed_on(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    assert ask_core(Command(program, ("answer", "--last", "3"))) == {
        "given": ["--last", "3"],
        "secret": None,
    }


def test_a_refusal_is_its_last_sentence(program: str) -> None:
    with pytest.raises(CoreFailed, match="^line 3: open is not a number$") as failed:
        ask_core(Command(program, ("refuse",)))
    assert (failed.value.status, failed.value.reason) == (12, JobReason.DATA)
    assert failed.value.facts == {"field": "open"}


def test_a_fault_of_the_product_is_no_stack_trace(program: str) -> None:
    with pytest.raises(CoreFailed, match="^A fault of the product; the worker's log has") as failed:
        ask_core(Command(program, ("fault",)))
    assert failed.value.reason == JobReason.BUG


@pytest.mark.parametrize(
    ("what", "limits", "sentence", "reason"),
    [
        ("hang", {"seconds": 0.5}, "longer than", JobReason.TIME_LIMIT),
        (
            "eat",
            {"memory_bytes": 200_000_000},
            "more than 0.2 GiB of memory",
            JobReason.OUT_OF_MEMORY,
        ),
        ("die", {}, "SIGSEGV", JobReason.KILLED),
    ],
)
def test_a_limit_or_a_crash_ends_it_and_says_so(
    program: str, what: str, limits: dict[str, float], sentence: str, reason: str
) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with pytest.raises(CoreFailed, match=sentence) as failed:
        ask_core(Command(program, (what,), **limits))  # type: ignore[arg-type]
    time.sleep(0.1)
    assert failed.value.reason == reason
    after = {child.pid for child in psutil.Process().children(recursive=True)}
    assert after <= before


def test_an_answer_that_is_no_object_is_a_fault() -> None:
    with pytest.raises(CoreFailed, match="without an answer") as failed:
        ask_core(Command("this", ()))
    assert failed.value.reason == JobReason.BUG


def test_what_is_not_wanted_any_more_is_ended(program: str) -> None:
    with pytest.raises(CoreFailed, match="cancelled") as failed:
        ask_core(Command(program, ("hang",)), wanted=lambda: False)
    assert failed.value.reason == JobReason.CANCELLED
