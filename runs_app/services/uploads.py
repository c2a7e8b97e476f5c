"""An uploaded candle file becomes a data set."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.http import HttpRequest

from runs_app.choices import Origin
from runs_app.errors import UploadRefused
from runs_app.execution import data_files, wakeups
from runs_app.forecasting.data.new_file import settle_as
from runs_app.models import DataSet
from runs_app.services.upload_handler import FIELD, StoredUpload


@dataclass(frozen=True)
class Uploaded:
    """The new data set, which waits to be read, and the name that was asked for."""

    row: DataSet
    asked: str

    @property
    def note(self) -> str:
        """What a person should know; empty where there is nothing."""
        if self.row.path == self.asked:
            return ""
        return f"There is a file {self.asked} already, so this one was named {self.row.path}."


def take_upload(request: HttpRequest) -> Uploaded:
    """The file that came with a request, as a data set. Raises ``UploadRefused``.

    No file is replaced: where its name is taken, a number is added.
    """
    file = request.FILES.get(FIELD)
    fault = getattr(request, "upload_fault", None)
    if fault is not None:
        raise fault
    if not isinstance(file, StoredUpload):
        raise UploadRefused("file is missing; choose a candle file.")
    if not file.size:
        raise UploadRefused("The file is empty; choose one with candles.")
    root = data_files.data_root()
    try:
        name = settle_as(file.part, root, str(file.name))
    except OSError as error:
        raise UploadRefused(
            f"DATA_ROOT cannot take the file: {error.strerror or error}.", status=507
        ) from error
    try:
        row = data_files.notice(name, (root / name).stat(), origin=Origin.UPLOADED)
    except BaseException:
        (root / name).unlink(missing_ok=True)  # the sender is told that it failed, and comes back
        raise
    transaction.on_commit(wakeups.wake_import)
    return Uploaded(row, str(file.name))
