"""Second half of ``bin/lint``, in ``.venv``: every check that reads code and does not test it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from launcher.checkout import PYTHON, ROOT, VENV

_MANAGE = (str(PYTHON), "manage.py")
CHECKS: dict[str, tuple[str, ...]] = {
    "ruff check": (str(VENV / "bin/ruff"), "check"),
    "ruff format": (str(VENV / "bin/ruff"), "format", "--check"),
    "mypy": (str(VENV / "bin/mypy"),),
    "import-linter": (str(VENV / "bin/lint-imports"), "--no-logo"),
    "system checks": (*_MANAGE, "check", "--fail-level", "WARNING"),
    "migrations": (*_MANAGE, "makemigrations", "--check", "--dry-run"),
}
_AUDIT = (str(VENV / "bin/pip-audit"), "--local", "--progress-spinner", "off", "--format", "json")
AUDIT_SECONDS = 300


def main() -> int:
    """Run all checks; 1 where one failed."""
    with tempfile.TemporaryDirectory(prefix="aistempre-lint-") as base:
        environment = dict(os.environ)
        for name in ("AISTEMPRE_HOME", "DATA_ROOT", "MEDIA_ROOT"):
            folder = Path(base) / name.lower()
            folder.mkdir(mode=0o700)
            environment[name] = str(folder)
        failed = [name for name in CHECKS if not _passes(name, environment)]
    if not _audit():
        failed.append("pip-audit")
    print(f"Failed: {', '.join(failed)}" if failed else "All checks passed")
    return 1 if failed else 0


def _passes(name: str, environment: dict[str, str]) -> bool:
    print(f"== {name}", flush=True)
    return subprocess.run(CHECKS[name], cwd=ROOT, env=environment, check=False).returncode == 0


def _audit() -> bool:
    """True where no known vulnerability is in the environment, or where that cannot be asked."""
    print("== pip-audit", flush=True)
    try:
        result = subprocess.run(
            _AUDIT, cwd=ROOT, capture_output=True, text=True, check=False, timeout=AUDIT_SECONDS
        )
        packages = json.loads(result.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        packages = []
    asked = [package for package in packages if "vulns" in package]
    if not asked:
        print("NOT CHECKED: the data on known vulnerabilities cannot be reached from here.")
        return True
    found = [(package, fault) for package in asked for fault in package["vulns"]]
    for package, fault in found:
        mended = ", ".join(fault["fix_versions"]) or "none yet"
        print(f"{package['name']} {package['version']}: {fault['id']}, mended in: {mended}")
    print(f"{len(asked)} packages asked about, {len(found)} known vulnerabilities")
    return not found


if __name__ == "__main__":
    sys.exit(main())
