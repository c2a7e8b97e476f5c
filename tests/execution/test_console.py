"""The console of a run: chunks of lines, dense numbers, and what happens at its limit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from hypothesis import given
from hypothesis import strategies as st

from runs_app.choices import EventKind
from runs_app.execution import console, holes
from runs_app.execution.console import CHUNK_CHARACTERS, chunks, clean
from runs_app.execution.feed import Feed
from runs_app.execution.leases import Claim
from runs_app.execution.patience import Patience
from runs_app.execution.tail import MAX_LINE_BYTES, READ_BYTES, Piece, Tail, parts_of
from runs_app.forecasting.events import CONSOLE_FILE
from runs_app.log_lines import entries_of
from runs_app.models import TrainingRun
from tests.execution.conftest import claim, directory

CAP = 100_000


def texts(data: bytes, *, continues: bool = False) -> list[str]:
    made = chunks(Piece(data, 0, len(data), continues))
    for chunk in made:
        assert chunk.count == chunk.text.count("\n") + 1
    return [text for chunk in made for text in chunk.text.split("\n")]


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=60))
def test_lines_in_chunks_are_the_lines_one_by_one(lines: list[bytes]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    assert texts(data) == [clean(line) for line in lines]


def test_a_chunk_has_one_level_and_not_too_much_text() -> None:
    data = b"one\ntwo\nValueError: no\nUserWarning: hm\n" + b"x" * 40_000 + b"\n" + b"y" * 40_000
    made = chunks(Piece(data, 0, len(data)))
    assert [(chunk.count, chunk.level) for chunk in made] == [
        (2, None), (1, "error"), (1, "warning"), (1, None), (1, None),
    ]  # fmt: skip
    assert max(len(chunk.text) for chunk in made) <= CHUNK_CHARACTERS


def test_a_flood_of_changing_levels_makes_no_flood_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "MAX_CHANGES", 10)
    made = chunks(Piece(b"ERROR a\nfine\n" * 1000, 0, 13_000))
    assert [(chunk.count, chunk.level) for chunk in made] == [(2000, None)]


def test_a_letter_is_not_torn_at_the_edge_of_a_long_line() -> None:
    line = ("ä" * MAX_LINE_BYTES).encode() + b"x"
    parts = parts_of(b"x" + line)
    assert b"".join(parts) == b"x" + line
    assert all("\ufffd" not in part.decode("utf-8", "replace") for part in parts)


def test_parts_of_a_long_line_say_that_they_continue_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a\n" + b"x" * (3 * READ_BYTES) + b"\nb\n")
    tail, made = Tail(path, 0), []
    while (piece := tail.read(to_the_end=True)).data:
        made += chunks(piece)
    first, *rest, last = made
    assert (first.text, last.text) == ("a", "b")
    assert [chunk.continued for chunk in rest] == [False] + [True] * (len(rest) - 1)
    assert "".join(chunk.text for chunk in rest) == "x" * (3 * READ_BYTES)


@pytest.fixture
def run(make_run: Callable[..., TrainingRun]) -> TrainingRun:
    return make_run()


@pytest.fixture
def held(run: TrainingRun, settings: Any) -> Claim:
    settings.LOG_CAP_BYTES = CAP
    return claim(run)


def feed(held: Claim, run: TrainingRun) -> Feed:
    return Feed(held, directory(run), Patience(lambda: True))


def stored(run: TrainingRun, attempt: int = 1) -> list[str]:
    rows = run.events.filter(kind=EventKind.LOG, attempt=attempt).order_by("seq")
    entries = [entry for row in rows for entry in entries_of(row)]
    assert [entry["line"] for entry in entries] == list(range(1, len(entries) + 1))
    return [entry["message"] for entry in entries]


def write(run: TrainingRun, data: bytes) -> None:
    with (directory(run) / CONSOLE_FILE).open("ab") as stream:
        stream.write(data)


def numbered(first: int, last: int) -> list[str]:
    return [f"{number:09d}" for number in range(first, last + 1)]


def as_file(lines: list[str]) -> bytes:
    return b"".join(line.encode() + b"\n" for line in lines)


def test_beyond_the_limit_lines_are_counted_and_the_file_is_cut(
    run: TrainingRun, held: Claim
) -> None:
    lines = numbered(1, 30_000)
    write(run, as_file(lines))
    reading = feed(held, run)
    for _ in range(3):
        reading.pump()
        reading._stored_at = 0.0
    assert stored(run) == lines[:10_000]

    reading.drain()

    marker = (
        "... 19,980 lines were left out (199,800 bytes): the log is limited to "
        f"{CAP / 1024**2:,g} MiB (LOG_CAP_MB)."
    )
    kept = [*lines[:10_000], marker, *lines[-20:]]
    assert stored(run) == kept
    assert (directory(run) / CONSOLE_FILE).read_bytes() == as_file(kept)
    assert list(reading.log_tail) == lines[-20:]
    run.refresh_from_db()
    assert (run.console_kept, run.console_left_out) == (None, 0)
    assert run.console_offset == (directory(run) / CONSOLE_FILE).stat().st_size


def test_another_attempt_beyond_the_limit_has_a_marker_of_its_own(
    run: TrainingRun, held: Claim
) -> None:
    write(run, as_file(numbered(1, 30_000)))
    feed(held, run).drain()
    before = (directory(run) / CONSOLE_FILE).read_bytes()
    TrainingRun.objects.filter(pk=run.pk).update(attempt=2)
    second = Claim(held.run_pk, held.uid, 2, held.worker)
    reading = feed(second, run)
    reading.begin()
    write(run, as_file(numbered(1, 500)))
    reading.drain()

    lines = stored(run, 2)
    assert lines[0].startswith("... 480 lines were left out (4,800 bytes)")
    assert lines[1:] == numbered(481, 500)
    assert (directory(run) / CONSOLE_FILE).read_bytes() == before + as_file(lines)


def test_a_few_lines_beyond_the_limit_need_no_marker(run: TrainingRun, held: Claim) -> None:
    lines = numbered(1, 10_015)
    write(run, as_file(lines))
    feed(held, run).drain()
    assert stored(run) == lines
    assert (directory(run) / CONSOLE_FILE).read_bytes() == as_file(lines)


def test_a_worker_that_dies_anywhere_leaves_the_count_right(
    run: TrainingRun, held: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = numbered(1, 400_000)
    write(run, as_file(lines))
    first = feed(held, run)
    first.pump()
    first._stored_at = 0.0
    first.pump()
    run.refresh_from_db()
    assert run.console_left_out

    # The next one cuts the file and dies before that is stored.
    def dies(*_: object) -> None:
        raise RuntimeError("gone")

    second = feed(held, run)
    while second._store(second._console.read(to_the_end=True), second._events.read()):
        pass
    with monkeypatch.context() as patch:
        patch.setattr(second, "_store", dies)
        cut = second._console.cut()
        assert cut is not None
    assert (directory(run) / CONSOLE_FILE).stat().st_size < 2 * CAP

    feed(held, run).drain()

    kept = stored(run)
    assert kept[:10_000] == lines[:10_000]
    assert kept[10_000].startswith("... 389,980 lines were left out (3,899,800 bytes)")
    assert kept[10_001:] == lines[-20:]
    assert (directory(run) / CONSOLE_FILE).read_bytes() == as_file(kept)


def test_a_line_without_an_end_beyond_the_limit(run: TrainingRun, held: Claim) -> None:
    write(run, b"x" * 3_000_000)
    reading = feed(held, run)
    reading.pump()
    reading.drain()
    lines = stored(run)
    assert lines[-1].startswith("... 1 line was")
    assert sum(map(len, lines[:-1])) <= CAP
    assert (directory(run) / CONSOLE_FILE).stat().st_size < CAP + 200


def test_the_disk_beyond_the_limit_is_given_back_while_the_run_goes_on(
    run: TrainingRun, held: Claim
) -> None:
    write(run, as_file(numbered(1, 3_000_000)))
    path = directory(run) / CONSOLE_FILE
    if not can_punch(path):
        pytest.skip("this file system cannot free a part of a file")
    whole = path.stat().st_blocks
    reading = feed(held, run)
    for _ in range(20):
        reading.pump()
        reading._stored_at = 0.0
    assert path.stat().st_size == 30_000_000
    assert path.stat().st_blocks < whole / 20
    write(run, as_file(numbered(3_000_001, 3_000_005)))
    reading.drain()
    lines = stored(run)
    assert lines[:10_000] == numbered(1, 10_000)
    assert lines[-20:] == numbered(2_999_986, 3_000_005)
    assert "2,989,985 lines were" in lines[10_000]


def can_punch(path: Path) -> bool:
    probe = path.with_name("probe")
    probe.write_bytes(b"x" * 1_000_000)
    before = probe.stat().st_blocks
    holes.punch(probe, 0, 1_000_000)
    return probe.stat().st_blocks < before


def test_the_limit_is_the_setting() -> None:
    assert django_settings.LOG_CAP_BYTES == 1024**3
