"""The list of checkpoints that a user wants kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs_app.forecasting.pins import PINS_FILE, PinsUnreadable, read_pins, write_pins


def test_what_was_written_is_read_and_nothing_else_is_left(tmp_path: Path) -> None:
    assert read_pins(tmp_path) == frozenset()
    write_pins(tmp_path, ["checkpoints/b.ckpt", "checkpoints/a.ckpt"])
    assert read_pins(tmp_path) == {"checkpoints/a.ckpt", "checkpoints/b.ckpt"}
    write_pins(tmp_path, [])
    assert read_pins(tmp_path) == frozenset()
    assert [path.name for path in tmp_path.iterdir()] == [PINS_FILE]


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1}', b"[1]", b'"all"', b"\xff"])
def test_a_broken_list_is_never_taken_for_an_empty_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PINS_FILE).write_bytes(content)
    with pytest.raises(PinsUnreadable, match=PINS_FILE):
        read_pins(tmp_path)
