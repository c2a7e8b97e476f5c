"""Second half of ``bin/test``, in ``.venv``: a browser, then pytest."""

from __future__ import annotations

import os
import subprocess
import sys

from launcher import chromium
from launcher.checkout import PYTHON, ROOT
from launcher.parts import Part, cores, run_all

NO_BROWSER = (
    "THE BROWSER TESTS DO NOT RUN: there is no Chromium here and none could be installed; "
    "install one or set CHROMIUM to its path."
)
QUICK = ("-m", "not browser and not slow")
SLOW = ("-m", "browser or slow")
ON_POSTGRES = ("tests/runs_app", "tests/execution", "tests/live")
"""Where the database is used: run once more on PostgreSQL."""
WITH_PRODUCTS = ("tests/infra", "tests/faults", "tests/product")
"""Start whole products, and often wait for what they do."""
BROWSER = "tests/browser"


def main(arguments: list[str]) -> int:
    """Run the tests; returns the exit status."""
    browser = chromium.find_or_install()
    if browser is None:
        print(NO_BROWSER, file=sys.stderr, flush=True)
        if os.environ.get("CI") == "true":
            return 1
    found = {"CHROMIUM": browser} if browser else {}
    if arguments:
        command = [str(PYTHON), "-m", "pytest", *arguments]
        return subprocess.run(command, cwd=ROOT, env=os.environ | found, check=False).returncode
    statuses = run_all(parts(found), ROOT, cores())
    if browser is None:
        print(NO_BROWSER, file=sys.stderr, flush=True)
    return next((status for status in statuses if status), 0)


def parts(environment: dict[str, str]) -> list[Part]:
    """Every test, each in one of these. Long parts begin early, so that all end together."""

    def part(title: str, *arguments: str, **more: str) -> Part:
        return Part(title, (str(PYTHON), "-m", "pytest", *arguments), environment | more)

    apart = [f"--ignore={folder}" for folder in (*WITH_PRODUCTS, BROWSER)]
    return [
        part("Quick tests", *QUICK),
        part("Once more on PostgreSQL", *QUICK, *ON_POSTGRES, TEST_DATABASE="postgres"),
        part("Slow tests of whole products", *SLOW, *WITH_PRODUCTS),
        part("Tests in a browser", *SLOW, BROWSER),
        part("Other slow tests", *SLOW, *apart),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
