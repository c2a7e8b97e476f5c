"""Second half of ``bin/test``, in ``.venv``: a browser, then pytest."""

from __future__ import annotations

import os
import subprocess
import sys

from launcher import chromium
from launcher.checkout import PYTHON, ROOT

NO_BROWSER = (
    "THE BROWSER TESTS DO NOT RUN: there is no Chromium here and none could be installed; "
    "install one or set CHROMIUM to its path."
)
ON_POSTGRES = ("tests/runs_app", "tests/execution", "tests/live")
"""Where the database is used: run once more on PostgreSQL."""


def main(arguments: list[str]) -> int:
    """Run the tests; returns the exit status."""
    browser = chromium.find_or_install()
    if browser is None:
        print(NO_BROWSER, file=sys.stderr, flush=True)
        if os.environ.get("CI") == "true":
            return 1
    if arguments:
        return _pytest(arguments, browser)
    status = _pytest([], browser)
    folders = [folder for folder in ON_POSTGRES if (ROOT / folder).is_dir()]
    print("Once more on PostgreSQL:", *folders, flush=True)
    again = _pytest(["-m", "not browser and not slow", *folders], browser, TEST_DATABASE="postgres")
    if browser is None:
        print(NO_BROWSER, file=sys.stderr, flush=True)
    return status or again


def _pytest(arguments: list[str], browser: str | None, **extra: str) -> int:
    environment = os.environ | extra | ({"CHROMIUM": browser} if browser else {})
    command = [str(PYTHON), "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
