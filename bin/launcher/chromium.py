"""Finds the browser that the tests drive, and installs one where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Headless on one machine, without the errands that need other hosts."""


def find() -> str | None:
    """Path of the browser: ``$CHROMIUM``, else the first known name on the PATH."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def find_or_install() -> str | None:
    """``find()``; without one and as root, Debian's package is installed first."""
    found = find()
    if found or os.environ.get("CHROMIUM") or os.geteuid() or not shutil.which("apt-get"):
        return found
    print("No Chromium here: installing Debian's for the browser tests", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        result = subprocess.run(
            ["apt-get", "-q", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            print(result.stdout[-1000:], result.stderr[-2000:], flush=True)
            return None
    return find()
