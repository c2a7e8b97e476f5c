"""One line of a trainer's console as text fit to store and show."""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # colours and cursor movements
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # window titles and links
    r"|[@-Z\\-_])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LEVEL = re.compile(r"\b(DEBUG|INFO|WARNING|ERROR|CRITICAL|Traceback|\w+Error|\w*Warning)\b")


def clean(line: bytes) -> str:
    """The text of a line: any bytes survive, a progress bar leaves what it showed last.

    Bytes that are not UTF-8 and control characters become U+FFFD, colours go.
    """
    text = _ESCAPE.sub("", line.decode("utf-8", errors="replace"))
    shown = [part for part in text.split("\r") if part]
    return _CONTROL.sub("\ufffd", shown[-1]) if shown else ""


def level_of(text: str) -> str | None:
    """``warning`` or ``error`` where the line says so itself, else None."""
    found = _LEVEL.search(text[:200])
    if not found:
        return None
    word = found[1]
    if word == "WARNING" or word.endswith("Warning"):
        return "warning"
    return None if word in {"DEBUG", "INFO"} else "error"
