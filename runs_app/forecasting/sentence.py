"""A message as a sentence, wherever one is shown or sent."""

from __future__ import annotations


def sentence(text: str) -> str:
    """Begun in capitals and ended; a name of a file at its beginning keeps its letters."""
    first = text.partition(" ")[0].rstrip(",:;")
    is_name = "." in first or "_" in first
    begun = text if is_name else text[:1].upper() + text[1:]
    return begun if not begun or begun.endswith((".", "!", "?", "…")) else f"{begun}."
