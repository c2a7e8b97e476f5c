"""The mark of real work."""

from __future__ import annotations

from pathlib import Path

from runs_app.forecasting.progress import PROGRESS_FILE, advance, marking, read_progress


def test_the_mark_grows_with_work_and_goes_on_in_the_next_attempt(tmp_path: Path) -> None:
    assert read_progress(tmp_path) is None
    advance()  # nobody is looking
    with marking(tmp_path):
        assert read_progress(tmp_path) == 0
        for _ in range(300):
            advance()
        assert read_progress(tmp_path) == 300
    advance()
    with marking(tmp_path):
        advance()
        assert read_progress(tmp_path) == 301
    assert (tmp_path / PROGRESS_FILE).stat().st_size == 8


def test_a_spoilt_mark_begins_anew(tmp_path: Path) -> None:
    (tmp_path / PROGRESS_FILE).write_bytes(b"torn")
    assert read_progress(tmp_path) is None
    with marking(tmp_path):
        advance()
    assert read_progress(tmp_path) == 1
