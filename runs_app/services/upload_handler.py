"""Where an uploaded file goes while it comes: straight into DATA_ROOT, hidden and counted."""

from __future__ import annotations

import secrets
import unicodedata
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.template.defaultfilters import filesizeformat

from runs_app.disk import room_for
from runs_app.errors import UploadRefused
from runs_app.execution.data_files import data_root
from runs_app.execution.uploading import PREFIX, SUFFIX
from runs_app.forecasting.data.endings import SUFFIXES, suffix_of

FIELD = "file"
ADDRESSES = ("/datasets", "/api/datasets")
"""The only addresses that take a file; a file sent to any other is read and dropped."""

MAX_NAME_BYTES = 120
_HARMLESS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+ ()")


class StoredUpload(UploadedFile):  # type: ignore[type-arg]  # no generic at run time
    """A whole file under a hidden name; ``close`` removes it unless it was taken."""

    def __init__(self, part: Path, name: str, size: int) -> None:
        self.part = part
        super().__init__(None, name, size=size)

    def close(self) -> None:
        """Leave nothing behind."""
        self.part.unlink(missing_ok=True)


class CandleUploadHandler(FileUploadHandler):
    """Takes one candle file; where not, ``request.upload_fault`` is an ``UploadRefused``."""

    chunk_size = 1024 * 1024

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self._part: Path | None = None
        self._stream: IO[bytes] | None = None
        self._name = ""
        self._written = 0

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        """Refuse by the announced length, before anything is read."""
        if self.request is None or self.request.path_info not in ADDRESSES:
            return
        if content_length > settings.UPLOAD_BODY_BYTES:
            self._refuse(too_large())
        elif sentence := room_for(content_length, data_root()):
            self._refuse(UploadRefused(sentence, status=507))

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Open a hidden file for it. Raises ``StopUpload``."""
        super().new_file(*args, **kwargs)
        request = self.request
        if request is None or request.path_info not in ADDRESSES or self.field_name != FIELD:
            raise StopUpload
        if getattr(request, "upload_fault", None) is not None:
            raise StopUpload
        if self._part is not None:
            self._stop(UploadRefused("Send one file at a time.", status=422))
        try:
            self._name = clean_name(self.file_name or "")
        except UploadRefused as refused:
            self._stop(refused)
        part = data_root() / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
        try:
            self._stream = part.open("xb")
        except OSError as error:
            self._stop(_unwritable(error))
        self._part = part

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write it down, as long as the file is not too large."""
        stream = self._stream
        if stream is None:
            raise StopUpload
        self._written += len(raw_data)
        if self._written > settings.UPLOAD_MAX_BYTES:
            self._stop(too_large())
        try:
            stream.write(raw_data)
        except OSError as error:
            self._stop(_unwritable(error))

    def file_complete(self, file_size: int) -> StoredUpload | None:
        """The whole file, still under its hidden name."""
        if self._stream is None or self._part is None:
            return None
        try:
            self._stream.close()
        except OSError as error:
            self._refuse(_unwritable(error))
            self.upload_interrupted()
            return None
        part, self._stream = self._part, None
        return StoredUpload(part, self._name, self._written)

    def upload_interrupted(self) -> None:
        """Nothing of it stays."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._part is not None:
            self._part.unlink(missing_ok=True)

    def _refuse(self, refused: UploadRefused) -> None:
        vars(self.request)["upload_fault"] = refused

    def _stop(self, refused: UploadRefused) -> None:
        self._refuse(refused)
        self.upload_interrupted()
        raise StopUpload


def clean_name(name: str) -> str:
    """A harmless name for a candle file that was called ``name``; raises ``UploadRefused``."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    ending = suffix_of(last)
    if ending is None:
        raise UploadRefused(
            f"file must end in one of {', '.join(SUFFIXES)}, and {last[-40:]!r} does not."
        )
    stem = "".join(c if c in _HARMLESS else "_" for c in last[: -len(ending)])
    stem = stem.strip(" .")[: MAX_NAME_BYTES - len(ending)].rstrip(" .") or "candles"
    return stem + ending


def too_large() -> UploadRefused:
    """The refusal of a file beyond the limit."""
    limit = filesizeformat(settings.UPLOAD_MAX_BYTES)
    return UploadRefused(
        f"The file is larger than {limit} (UPLOAD_MAX_MB); split it by time, save it as Parquet, "
        "or put it into DATA_ROOT yourself.",
        status=413,
    )


def _unwritable(error: OSError) -> UploadRefused:
    return UploadRefused(f"DATA_ROOT cannot take the file: {error.strerror or error}.", status=507)
