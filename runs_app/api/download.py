"""Download of a run's file: streamed in pieces, resumable, and inert in a browser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import BinaryIO

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from runs_app.models import TrainingRun
from runs_app.services.run_files import RunFile, open_run_file

CHUNK_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class FileChunks:
    """A part of a file as an async iterator that reads in a thread.

    ``FileResponse`` has a sync iterator, which Django under ASGI reads into memory as a whole.
    """

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file = file
        self._start = start
        self._length = length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.to_thread(self._file.seek, self._start)
        left = self._length
        while left > 0:
            chunk = await asyncio.to_thread(self._file.read, min(CHUNK_BYTES, left))
            if not chunk:
                break  # cut while it was read; the length that was announced tells the client
            left -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Called by Django when the response is done or given up."""
        self._file.close()


def download(request: HttpRequest, run: TrainingRun, path: str) -> HttpResponseBase:
    """The file at ``path`` of the run, whole or the one range asked for.

    Raises ``ArtifactNotFound``.
    """
    found = open_run_file(run, path)
    if _unchanged(request, found.etag):
        found.file.close()
        return _with_headers(HttpResponse(status=304), found)
    wanted = _range(request, found)
    if wanted is None:
        found.file.close()
        refusal = HttpResponse(status=416)
        refusal["Content-Range"] = f"bytes */{found.size_bytes}"
        return refusal
    start, length = wanted
    response = StreamingHttpResponse(
        FileChunks(found.file, start, length), content_type="application/octet-stream"
    )
    response["Content-Length"] = str(length)
    if (start, length) != (0, found.size_bytes):
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{start + length - 1}/{found.size_bytes}"
    return _with_headers(response, found)


def _with_headers(response: HttpResponseBase, found: RunFile) -> HttpResponseBase:
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = found.etag
    response["Cache-Control"] = "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    disposition = content_disposition_header(as_attachment=True, filename=found.name)
    if disposition is not None:
        response["Content-Disposition"] = disposition
    return response


def _unchanged(request: HttpRequest, etag: str) -> bool:
    tags = [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]
    return etag in tags or "*" in tags


def _range(request: HttpRequest, found: RunFile) -> tuple[int, int] | None:
    """Start and length of what to send; None when the range lies outside the file.

    Several ranges, other units and a range of an older version are answered with the whole file.
    """
    whole = (0, found.size_bytes)
    if request.headers.get("If-Range", found.etag) != found.etag:
        return whole
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if match is None or match[1] == match[2] == "":
        return whole
    if match[1] == "":
        length = min(int(match[2]), found.size_bytes)
        return (found.size_bytes - length, length) if length else None
    start = int(match[1])
    end = min(int(match[2]), found.size_bytes - 1) if match[2] else found.size_bytes - 1
    if match[2] and int(match[2]) < start:
        return whole
    return (start, end - start + 1) if start < found.size_bytes else None
