"""Downloads: whole, in ranges, inert, and never anything but a regular file of the run."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

from runs_app.choices import RunStatus
from runs_app.models import TrainingRun
from runs_app.services.trash import purge_run, trash_run

pytestmark = pytest.mark.django_db

CONTENT = bytes(range(256)) * 4096


async def read(answer: Any) -> bytes:
    """The streamed body, as an ASGI server would read it."""
    return b"".join([chunk async for chunk in answer.streaming_content])


def fetch(path: str, **headers: str) -> tuple[Any, bytes]:
    answer = Client().get(path, headers=headers)
    if answer.streaming:
        assert answer.is_async
        return answer, asyncio.run(read(answer))
    return answer, answer.content


def url(run: TrainingRun, path: str = "checkpoints/best.ckpt") -> str:
    return f"/runs/{run.uid}/artifacts/{path}"


@pytest.mark.parametrize("accept", ["*/*", "text/html,*/*;q=0.8"])
def test_the_bytes_are_those_on_disk_and_inert(run: TrainingRun, accept: str) -> None:
    answer, body = fetch(url(run), accept=accept)
    assert answer.status_code == 200
    assert body == CONTENT
    assert answer["Content-Length"] == str(len(CONTENT))
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="best.ckpt"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'


def test_a_checkpoint_is_found_by_its_name_alone(run: TrainingRun) -> None:
    answer, body = fetch(url(run, "best.ckpt"))
    assert (answer.status_code, body) == (200, CONTENT)
    assert answer["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert fetch(url(run, "other.ckpt"))[0].status_code == 404


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=1048570-", 1048570, 1048576),
        ("bytes=-5", 1048571, 1048576),
        ("bytes=-99999999", 0, 1048576),
        ("bytes=5-99999999", 5, 1048576),
    ],
)
def test_one_range(run: TrainingRun, asked: str, start: int, end: int) -> None:
    answer, body = fetch(url(run), range=asked)
    assert body == CONTENT[start:end]
    assert answer["Content-Length"] == str(end - start)
    if (start, end) != (0, len(CONTENT)):
        assert answer.status_code == 206
        assert answer["Content-Range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"


@pytest.mark.parametrize("asked", ["bytes=1048576-", "bytes=-0", "bytes=99999999999-"])
def test_a_range_outside_the_file(run: TrainingRun, asked: str) -> None:
    answer, body = fetch(url(run), range=asked)
    assert (answer.status_code, body) == (416, b"")
    assert answer["Content-Range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", ""]
)
def test_an_odd_range_gets_the_whole_file(run: TrainingRun, asked: str) -> None:
    answer, body = fetch(url(run), range=asked)
    assert (answer.status_code, len(body)) == (200, len(CONTENT))


def test_a_resumed_download_of_a_changed_file_starts_again(run: TrainingRun) -> None:
    answer, _ = fetch(url(run))
    tag = answer["ETag"]
    answer, body = fetch(url(run), range="bytes=5-", **{"if-range": tag})
    assert (answer.status_code, len(body)) == (206, len(CONTENT) - 5)
    answer, body = fetch(url(run), range="bytes=5-", **{"if-range": '"other"'})
    assert (answer.status_code, len(body)) == (200, len(CONTENT))
    answer, body = fetch(url(run), **{"if-none-match": tag})
    assert (answer.status_code, body) == (304, b"")


def test_the_tag_of_a_live_run_changes_with_its_file(run: TrainingRun, runs_root: Path) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING)
    first, _ = fetch(url(run))
    target = runs_root / run.uid / "checkpoints" / "best.ckpt"
    replacement = target.with_name("new.ckpt")
    replacement.write_bytes(CONTENT[::-1])
    replacement.replace(target)
    second, body = fetch(url(run))
    assert body == CONTENT[::-1]
    assert first["ETag"] != second["ETag"]


def test_a_head_request_has_the_headers_alone(run: TrainingRun) -> None:
    answer = Client().head(url(run))
    assert answer.status_code == 200
    assert answer["Content-Length"] == str(len(CONTENT))
    answer.close()


def test_an_odd_name_is_restored_and_injects_nothing(run: TrainingRun, runs_root: Path) -> None:
    name = 'ü "quoted"; x=y.html'
    (runs_root / run.uid / name).write_bytes(b"<script>alert(1)</script>")
    answer, body = fetch(f"/runs/{run.uid}/artifacts/%C3%BC%20%22quoted%22;%20x=y.html")
    assert answer.status_code == 200
    assert body.startswith(b"<script>")
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment; filename*=utf-8''")
    assert "\n" not in answer["Content-Disposition"]


ESCAPES = [
    "../secret", "..%2fsecret", "%2e%2e/secret", "%2e%2e%2fsecret", "..%252fsecret",
    "%252e%252e%252fsecret", "checkpoints/../../secret", "checkpoints/..%2f..%2fsecret",
    "..\\secret", "..%5csecret", "/etc/passwd", "%2fetc%2fpasswd", "//etc/passwd",
    "C:/secret", "C:%5csecret", "~/secret", "~root/secret", "file:///etc/passwd",
    "config.yaml%00", "config.yaml%00.png", "%00", "config.yaml.", "config.yaml%20", "config.yaml/",
    "config.yaml/x", "checkpoints", "checkpoints/", ".", "..", "./config.yaml",
    "checkpoints//best.ckpt",
    "a" * 5000, "a/" * 500 + "b", "%c0%ae%c0%ae/secret", "．．/secret", "..∕secret", "‥/secret",
    "config.yaml%0d%0aX-Bad:%201", "%f0%28", "config.yaml#x", "config.yaml;x", "nothing.txt",
]  # fmt: skip


@pytest.mark.parametrize("path", ESCAPES)
def test_no_name_leads_out_of_the_run(
    run: TrainingRun, runs_root: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (runs_root / "secret").write_text("SECRET")
    opened: list[tuple[str, int | None]] = []
    plain_open = os.open

    def recording(name: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        opened.append((os.fsdecode(name), dir_fd))
        return plain_open(name, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", recording)
    answer, body = fetch(f"/runs/{run.uid}/artifacts/{path}")
    if path == "config.yaml#x":  # a client never sends a fragment; the test client cuts it off
        assert answer.status_code in {200, 404}
        return
    assert answer.status_code in {400, 404, 301}, body
    assert b"SECRET" not in body
    folder = str(runs_root / run.uid)
    for name, inside in opened:
        assert name == folder or (inside is not None and "/" not in name and name != "..")


def test_links_and_special_files_are_never_followed(
    run: TrainingRun, runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = runs_root / run.uid
    secret = runs_root / "secret"
    secret.write_text("SECRET")
    outside = runs_root / "outside"
    outside.mkdir()
    (outside / "file").write_text("SECRET")
    (folder / "link").symlink_to(secret)
    (folder / "inner-link").symlink_to(folder / "config.yaml")
    (folder / "folder-link").symlink_to(outside)
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "hard").hardlink_to(secret)
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(folder)  # the path of a socket may have 107 characters
        server.bind("sock")
    (folder / ".hidden").write_text("x")
    (folder / "best.ckpt.tmp").write_text("x")
    names = (
        "link",
        "inner-link",
        "folder-link",
        "folder-link/file",
        "loop",
        "hard",
        "pipe",
        "sock",
    )
    for name in (*names, ".hidden", "best.ckpt.tmp"):
        answer, body = fetch(url(run, name))
        assert answer.status_code == 404, name
        assert b"SECRET" not in body


def test_a_second_name_inside_the_run_is_no_escape(run: TrainingRun, runs_root: Path) -> None:
    folder = runs_root / run.uid / "checkpoints"
    (folder / "last.ckpt").hardlink_to(folder / "best.ckpt")
    answer, body = fetch(url(run, "checkpoints/last.ckpt"))
    assert (answer.status_code, body) == (200, CONTENT)


def test_a_run_directory_that_is_a_link_is_not_served(
    run: TrainingRun, runs_root: Path, tmp_path: Path
) -> None:
    folder = runs_root / run.uid
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    answer, _ = fetch(url(run, "config.yaml"))
    assert answer.status_code == 404


def test_a_file_that_shrinks_while_it_is_read_ends_early(run: TrainingRun, runs_root: Path) -> None:
    answer = Client().get(url(run))
    os.truncate(runs_root / run.uid / "checkpoints" / "best.ckpt", 300_000)
    assert asyncio.run(read(answer)) == CONTENT[:300_000]


@pytest.mark.usefixtures("coroutine_db")
@pytest.mark.django_db(transaction=True)
async def test_the_same_bytes_under_asgi(run: TrainingRun) -> None:
    answer = await AsyncClient().get(url(run))
    assert await read(answer) == CONTENT


@pytest.mark.usefixtures("coroutine_db")
@pytest.mark.django_db(transaction=True)
async def test_a_download_under_way_outlives_the_run(run: TrainingRun) -> None:
    """AC-30: the open file is read to its end; who asks anew is told that it is gone."""
    answer = await AsyncClient().get(url(run))
    stream = aiter(answer.streaming_content)
    body = await anext(stream)
    await sync_to_async(trash_run)(run.uid)

    assert await sync_to_async(purge_run)(run.uid) > 0

    async for chunk in stream:
        body += chunk
    assert body == CONTENT
    answer.close()
    again = await AsyncClient().get(url(run))
    assert again.status_code == 404
    assert "There is no run" in again.json()["detail"]
