"""The shape of the code: small files, small functions, named by their subject."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
EMPTY_PACKAGES = ("runs_app/__init__.py", "runs_app/forecasting/__init__.py")
"""Importing the core must wake nothing else, so these hold a docstring at most."""
SOURCE_FOLDERS = ("aistempre", "runs_app", "bin", "tests")
TEXT_ENDINGS = {
    ".py", ".html", ".css", ".js", ".md", ".toml", ".yaml", ".yml", ".txt", ".json", ".sh", "",
}  # fmt: skip


def tracked() -> list[Path]:
    """Files that are, or are about to be, in the repository."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


def sources() -> list[Path]:
    """Python files of the project, without migrations, which Django writes."""
    return [
        path
        for path in tracked()
        if path.suffix == ".py"
        and path.relative_to(ROOT).parts[0] in SOURCE_FOLDERS
        and "migrations" not in path.parts
    ]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of every function, decorators and docstring left out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            yield node.name, node.end_lineno - body[0].lineno + 1


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_is_something_to_look_at() -> None:
    assert len(sources()) > 30


def test_no_file_is_long() -> None:
    lengths = {named(path): len(path.read_text().splitlines()) for path in sources()}
    assert {name: length for name, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_no_function_is_long() -> None:
    long = [
        f"{named(path)}:{name} has {length} lines"
        for path in sources()
        for name, length in functions(path)
        if length > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_every_file_is_linted() -> None:
    """An exclusion by a folder's name alone would also leave out folders of the same name below."""
    asked = [sys.executable, "-m", "ruff", "check", "--show-files", "."]
    seen = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {str(path) for path in sources()} - set(seen.splitlines()) == set()


def test_no_file_has_a_vague_name() -> None:
    assert [named(path) for path in sources() if path.stem in VAGUE_NAMES] == []


@pytest.mark.parametrize("name", EMPTY_PACKAGES)
def test_packages_that_must_stay_empty(name: str) -> None:
    statements = ast.parse((ROOT / name).read_text()).body
    assert all(isinstance(node, ast.Expr) for node in statements)


def test_no_file_names_a_path_of_one_machine() -> None:
    """Nothing points at somebody's home or at the folder of one checkout."""
    forbidden = [f"/{folder}/" for folder in ("root", "home", "Users")] + [f"{ROOT}/"]
    found = [
        f"{named(path)}: {word}"
        for path in tracked()
        if path.suffix in TEXT_ENDINGS and path != Path(__file__)
        for word in forbidden
        if word in path.read_text(errors="replace")
    ]
    assert found == []


def test_nothing_is_left_to_be_done() -> None:
    """A wish belongs into an issue, not into the code."""
    markers = [f"# {word}" for word in ("TODO", "FIXME", "XXX", "HACK")]
    found = [named(p) for p in sources() if any(word in p.read_text() for word in markers)]
    assert found == []


def test_the_lock_file_holds_no_download_addresses() -> None:
    lock = (ROOT / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') >= 2


def test_every_requirement_is_pinned_exactly() -> None:
    loose = [
        line
        for name in ("requirements.txt", "requirements-dev.txt", "requirements-node.txt")
        for line in (ROOT / name).read_text().splitlines()
        if line and not line.startswith(("#", "-r ", "-c ")) and "==" not in line
    ]
    assert loose == []
