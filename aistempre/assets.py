"""The version of what the pages fetch: it stands in every address, so a browser asks only once.

A module's imports are relative, so they carry the version of the module that names them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

OWN = "static"
PACKAGES = ("package-lock.json", "requirements.txt")
"""They pin everything else that is served, down to the file."""
_DIGITS = 12


def version(root: Path) -> str:
    """Hexadecimal digits that are the same wherever the same files are served.

    ``root`` is the checkout. Raises ``OSError`` where a file cannot be read.
    """
    digest = hashlib.sha256()
    own = sorted(path for path in (root / OWN).rglob("*") if path.is_file())
    for path in (*own, *(root / name for name in PACKAGES)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:_DIGITS]
