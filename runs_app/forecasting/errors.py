"""What can go wrong in the forecasting core, named by what the caller may do about it."""

from __future__ import annotations

import errno
from dataclasses import dataclass

DISK_FULL = "The disk is full. Empty the trash or delete runs that are not needed, then try again."


def is_disk_full(error: OSError) -> bool:
    """Whether there was no room, or no more was allowed."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class FieldError:
    """One problem of a field: ``path`` is dotted (``model.d_model``), ``message`` a sentence."""

    path: str
    message: str


class ForecastingError(Exception):
    """Base of the core's planned errors. ``str(error)`` is a sentence fit for a user."""


class ConfigInvalid(ForecastingError):
    """The configuration breaks the schema; ``errors`` names every field at fault."""

    def __init__(self, errors: list[FieldError]) -> None:
        self.errors = errors
        super().__init__(
            "; ".join(f"{e.path}: {e.message}" if e.path else e.message for e in errors)
        )


class DataInvalid(ForecastingError):
    """The candle file cannot be used as it is; the message names row and reason.

    ``row`` is the 1-based line of the file (the header counts as a line), ``column`` its name,
    where one row or one column is at fault.
    """

    def __init__(self, message: str, *, row: int | None = None, column: str | None = None) -> None:
        self.row = row
        self.column = column
        super().__init__(message)


class ReadingAmbiguous(DataInvalid):
    """Several readings of a candle file hold; only a person can say which is meant.

    ``field`` is the field of ``RunConfig.data`` that takes the answer, ``readings`` what it may be.
    """

    def __init__(self, message: str, *, field: str, readings: tuple[str, ...]) -> None:
        self.field = field
        self.readings = readings
        super().__init__(f"{message}, or say which with data.{field}={' or '.join(readings)}")


class ModelInvalid(ForecastingError):
    """A checkpoint or an exported model cannot be read, or lacks what a forecast needs."""


class NonFiniteLoss(ForecastingError):
    """The training loss became NaN or infinite; the message has the step and the batch's dates."""


class OutOfMemory(ForecastingError):
    """The device or the host ran out of memory; the message says what to make smaller.

    ``field`` is the one to change; of the bytes asked for and of those free either may be unknown.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        asked_bytes: int | None = None,
        free_bytes: int | None = None,
    ) -> None:
        self.field = field
        self.asked_bytes = asked_bytes
        self.free_bytes = free_bytes
        super().__init__(message)


class CheckpointDamaged(ForecastingError):
    """A checkpoint file is not what was once written; the message names it and says why."""


class DirectoryHeld(ForecastingError):
    """Another trainer works in the run directory and does not leave it."""


class ResumeImpossible(ForecastingError):
    """What lies in the run directory cannot be continued; the message says why and what to do.

    ``field`` is the one of the configuration that was changed; None where files are at fault.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        self.field = field
        super().__init__(message)
