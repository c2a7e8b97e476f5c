"""Errors of the application, named by what the caller may do about them."""

from __future__ import annotations


class RunError(Exception):
    """Base; ``str(error)`` is a sentence fit for a user."""


class RunNotFound(RunError):
    """No run has this id."""


class GroupNotFound(RunError):
    """No group has this id."""


class RunNotCancellable(RunError):
    """The run has ended already."""


class RunNotResumable(RunError):
    """The run has nothing to go on from, or has not stopped."""


class RunNotRetryable(RunError):
    """The run did not end by a fault of the infrastructure."""


class RunNotCopyable(RunError):
    """The run lies in the trash, or the run that copies it cannot be made."""


class RunStillLive(RunError):
    """The run is pending or running, so it cannot be deleted yet."""


class RunNotWaiting(RunError):
    """The run has no place in the queue: it runs, or has ended."""


class SlotNotFound(RunError):
    """No host has this slot."""


class RunInTrash(RunError):
    """The run is in the trash: it can be restored or deleted for good, and nothing else."""


class RunNotInTrash(RunError):
    """The run is not in the trash, or is being deleted for good already."""


class RunInUse(RunError):
    """The run's files are in use, so it is deleted later."""


class DiskFull(RunError):
    """Too little of the disk is free, so that nothing new begins."""


class NoCheckpoint(RunError):
    """The run has no checkpoint, so nothing can be done with its model."""


class CheckpointNotFound(RunError):
    """The run has no checkpoint of this name, or not any more."""


class CheckpointUnusable(RunError):
    """The checkpoint's file is gone or not what was saved, or it cannot be pinned."""


class PredictionNotFound(RunError):
    """The run has no prediction of this id."""


class ArtifactNotFound(RunError):
    """No regular file of the run has this path."""


class ReportMissing(RunError):
    """The run has no report that can be read."""


class DecisionInvalid(RunError):
    """``at`` names no decision of the test part; ``str(error)`` goes on from the field's name.

    ``nearest``: the decision to offer instead, ms UTC.
    """

    def __init__(self, sentence: str, *, nearest: int) -> None:
        self.nearest = nearest
        super().__init__(sentence)


class RehearsalNotFound(RunError):
    """No rehearsal has this id."""


class LeakCheckNotFound(RunError):
    """No leak check has this id."""


class DataSourceNotFound(RunError):
    """The data source names neither a data set nor a file inside DATA_ROOT."""


class DataSetNotFound(RunError):
    """No data set has this number, or its file is gone."""


class DataSetInUse(RunError):
    """A run that waits or trains needs the data set, so it cannot be removed yet."""


class DataSetNotOurs(RunError):
    """The file was put into DATA_ROOT by a person, so a person has to remove it."""


class FetchNotFound(RunError):
    """No fetch from an exchange has this id."""


class UploadRefused(RunError):
    """The uploaded file was not taken; ``status`` is the HTTP status that says so."""

    def __init__(self, sentence: str, *, status: int = 422) -> None:
        self.status = status
        super().__init__(sentence)


class ChartMissing(RunError):
    """The data set has no candles that can be drawn."""
