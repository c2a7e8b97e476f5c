"""Second half of ``bin/test``, in ``.venv``: a browser, then pytest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO

from launcher import chromium
from launcher.checkout import PYTHON, ROOT

NO_BROWSER = (
    "THE BROWSER TESTS DO NOT RUN: there is no Chromium here and none could be installed; "
    "install one or set CHROMIUM to its path."
)
ON_POSTGRES = ("tests/runs_app", "tests/execution", "tests/live")
"""Where the database is used: run once more on PostgreSQL."""
QUICK = ("-m", "not browser and not slow")
SLOW = ("-m", "browser or slow")


def main(arguments: list[str]) -> int:
    """Run the tests; returns the exit status."""
    browser = chromium.find_or_install()
    if browser is None:
        print(NO_BROWSER, file=sys.stderr, flush=True)
        if os.environ.get("CI") == "true":
            return 1
    if arguments:
        return _started(arguments, browser).wait()
    status = _all(browser)
    if browser is None:
        print(NO_BROWSER, file=sys.stderr, flush=True)
    return status


def _all(browser: str | None) -> int:
    """Every test; the exit status of the first part that failed."""
    folders = [folder for folder in ON_POSTGRES if (ROOT / folder).is_dir()]
    with tempfile.TemporaryFile("w+") as said:
        # Quick tests need one core each. What is slow starts servers and has the machine alone.
        again = _started([*QUICK, *folders], browser, output=said, TEST_DATABASE="postgres")
        quick = _started(QUICK, browser).wait()
        on_postgres = again.wait()
        print("Once more on PostgreSQL:", *folders, flush=True)
        said.seek(0)
        shutil.copyfileobj(said, sys.stdout)
        sys.stdout.flush()
    return _started(SLOW, browser).wait() or quick or on_postgres


def _started(
    arguments: Sequence[str],
    browser: str | None,
    output: IO[str] | None = None,
    **extra: str,
) -> subprocess.Popen[bytes]:
    environment = os.environ | extra | ({"CHROMIUM": browser} if browser else {})
    command = [str(PYTHON), "-m", "pytest", *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
