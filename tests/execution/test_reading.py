"""Tailing a file and cleaning its lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs_app.execution.console import clean, level_of
from runs_app.execution.tail import MAX_LINE_BYTES, Tail


def test_a_tail_hands_out_complete_lines_only(tmp_path: Path) -> None:
    file = tmp_path / "log"
    tail = Tail(file, 0)
    assert tail.read().lines == ()

    file.write_bytes(b"one\ntw")
    piece = tail.read()
    assert (piece.lines, piece.start, piece.end) == ((b"one",), 0, 4)
    assert tail.read().lines == ()

    with file.open("ab") as stream:
        stream.write(b"o\n\nlast")
    assert tail.read().lines == (b"two", b"")
    assert tail.read(to_the_end=True).lines == (b"last",)
    assert tail.offset == file.stat().st_size
    assert tail.read(to_the_end=True).lines == ()


def test_a_line_that_never_ends_is_handed_out_in_pieces(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"x" * (MAX_LINE_BYTES + 5))
    tail = Tail(file, 0)

    assert tail.read().lines == (b"x" * MAX_LINE_BYTES,)
    assert tail.read().lines == ()
    assert tail.read(to_the_end=True).lines == (b"x" * 5,)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"plain", "plain"),
        (b"\x1b[1;31mred\x1b[0m and \x1b]0;title\x07more", "red and more"),
        (b" 10%\r 50%\r100%", "100%"),
        (b"done\r", "done"),
        ("Grüße €".encode(), "Grüße €"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"a\x00b\tc", "a\ufffdb\tc"),
        (b"", ""),
    ],
)
def test_console_lines_become_text(line: bytes, text: str) -> None:
    assert clean(line) == text


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("Epoch 1 of 3", None),
        ("INFO loading", None),
        ("x.py:3: UserWarning: old", "warning"),
        ("WARNING slow", "warning"),
        ("Traceback (most recent call last):", "error"),
        ("ValueError: no", "error"),
        ("test error 0.3", None),
    ],
)
def test_levels_are_read_from_the_line(text: str, level: str | None) -> None:
    assert level_of(text) == level
