"""States of a run: label, colour, which are live and which are final. Stated nowhere else."""

from __future__ import annotations

from django.db import models

from runs_app.forecasting.evaluation.documents import Outcome
from runs_app.forecasting.events import Reason


class RunStatus(models.TextChoices):
    """The five states of a run, with the words of the API."""

    PENDING = "pending", "Pending"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


LIVE = frozenset({RunStatus.PENDING, RunStatus.RUNNING})
FINAL = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED})
RESUMABLE = frozenset({RunStatus.FAILED, RunStatus.CANCELLED})
"""What may go on from its newest checkpoint, as the same run."""

INFRASTRUCTURE = frozenset({Reason.WORKER_LOST, Reason.KILLED, Reason.STALLED, Reason.DISK_FULL})
"""Ends that are nobody's fault in the run itself, so that the same may be tried again."""

MAX_LOSSES = 3
"""How often a run goes back to the queue by itself after its worker was lost."""

COLOURS: dict[str, str] = {
    RunStatus.PENDING: "secondary",
    RunStatus.RUNNING: "blue",
    RunStatus.COMPLETED: "green",
    RunStatus.FAILED: "red",
    RunStatus.CANCELLED: "yellow",
}
"""Tabler colour of each state's badge."""


class Kinship(models.TextChoices):
    """What a run took of its parent."""

    CLONE = "clone", "Clone"
    BRANCH = "branch", "Branch"


class Priority(models.IntegerChoices):
    """Which of the waiting runs start first."""

    LOW = -1, "Low"
    NORMAL = 0, "Normal"
    HIGH = 1, "High"


class Judged(models.TextChoices):
    """The outcome of a run's verdict; a run without one was not judged."""

    BEATS = str(Outcome.BEATS), "Beats"
    TIES = str(Outcome.TIES), "Ties"
    LOSES = str(Outcome.LOSES), "Loses"


class JobState(models.TextChoices):
    """States of a job; the last three are final."""

    WAITING = "waiting", "Waiting"
    WORKING = "working", "Working"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


JOB_FINAL = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


JOB_COLOURS: dict[str, str] = {
    JobState.WAITING: "secondary",
    JobState.WORKING: "blue",
    JobState.DONE: "green",
    JobState.FAILED: "red",
    JobState.CANCELLED: "yellow",
}
"""Tabler colour of each state's badge."""


class JobKind(models.TextChoices):
    """What short work a job is."""

    PREDICTION = "prediction", "Prediction"
    LEAK_CHECK = "leak_check", "Leak check"
    EXPORT = "export", "Export of a model"
    REHEARSAL = "rehearsal", "Dress rehearsal"
    FETCH = "fetch", "Candles of an exchange"


REPEATABLE = frozenset(JobKind) - {JobKind.REHEARSAL}
"""Jobs that are done again by themselves after their worker was lost: what they leave is whole or
not there. A rehearsal tries what a machine can bear, and may be what its worker died of."""

MAX_JOB_LOSSES = 2
"""How often in a row a job waits again by itself after its worker was lost."""


class JobReason(models.TextChoices):
    """Why a job has no result. The words of ``events.Reason`` mean here what they mean there."""

    CANCELLED = str(Reason.CANCELLED), "Cancelled"
    REFUSED = "refused", "Not possible"
    CONFIG = str(Reason.CONFIG), "Configuration"
    DATA = str(Reason.DATA), "Data"
    OUT_OF_MEMORY = str(Reason.OUT_OF_MEMORY), "Out of memory"
    NON_FINITE = str(Reason.NON_FINITE), "Loss not finite"
    TIME_LIMIT = "time_limit", "Took too long"
    KILLED = str(Reason.KILLED), "Killed"
    WORKER_LOST = str(Reason.WORKER_LOST), "Worker lost"
    DISK_FULL = str(Reason.DISK_FULL), "Disk full"
    BUG = str(Reason.BUG), "Unexpected error"


NO_ANSWER = frozenset({JobReason.WORKER_LOST, JobReason.TIME_LIMIT})
"""Ends of a job that say nothing about what was asked."""


class Origin(models.TextChoices):
    """How a candle file came into DATA_ROOT; what the product brought there it may take away."""

    FOUND = "", "Found in DATA_ROOT"
    IMPORTED = "import", "Copied by import_data"
    UPLOADED = "upload", "Uploaded"
    FETCHED = "fetch", "Fetched from an exchange"


class DataSetState(models.TextChoices):
    """What is known of a candle file; the last four are the words of its report."""

    WAITING = "waiting", "Waiting to be read"
    READING = "reading", "Being read"
    USABLE = "usable", "Usable"
    REPAIRABLE = "repairable", "Usable with repair"
    QUESTION = "question", "Has a question"
    REFUSED = "refused", "Cannot be used"

    @classmethod
    def pending(cls) -> frozenset[str]:
        """The states that end by themselves."""
        return frozenset({cls.WAITING, cls.READING})


DATA_SET_COLOURS: dict[str, str] = {
    DataSetState.WAITING: "secondary",
    DataSetState.READING: "blue",
    DataSetState.USABLE: "green",
    DataSetState.REPAIRABLE: "orange",
    DataSetState.QUESTION: "purple",
    DataSetState.REFUSED: "red",
}
"""Tabler colour of each state's badge."""


class EventKind(models.TextChoices):
    """Kinds of stream event, with the words of the WebSocket messages."""

    METRICS = "metrics", "Metrics"
    STATUS = "status", "Status"
    LOG = "log", "Log"
    CHECKPOINT = "checkpoint", "Checkpoint"
    SYSTEM = "system", "System"


class ArtifactKind(models.TextChoices):
    """What a file of a run is."""

    CHECKPOINT = "checkpoint", "Checkpoint"
    CONFIG = "config", "Configuration"
    METRICS = "metrics", "Metrics"
    PREDICTIONS = "predictions", "Predictions"
    LOG = "log", "Log"
    EVENTS = "events", "Events"
    REPORT = "report", "Report"
    PASSPORT = "passport", "Passport"
    ENVIRONMENT = "environment", "Environment"
    OTHER = "other", "Other"


class NotificationKind(models.TextChoices):
    """What a person is told of."""

    FINISHED = "finished", "Run finished"
    FAILED = "failed", "Run failed"
    LOST = "lost", "Run interrupted"
    NAN = "nan", "Loss not finite"
    DISK_LOW = "disk_low", "Disk low"
    WORKER_SILENT = "worker_silent", "Worker silent"
    TEST = "test", "Test"


NOTIFICATION_COLOURS: dict[str, str] = {
    NotificationKind.FINISHED: "green",
    NotificationKind.FAILED: "red",
    NotificationKind.LOST: "orange",
    NotificationKind.NAN: "orange",
    NotificationKind.DISK_LOW: "red",
    NotificationKind.WORKER_SILENT: "orange",
    NotificationKind.TEST: "secondary",
}
"""Tabler colour of each kind's mark."""


class Channel(models.TextChoices):
    """Ways outwards; the names of the switches' columns too."""

    EMAIL = "email", "E-mail"
    WEBHOOK = "webhook", "Webhook"


class DeliveryState(models.TextChoices):
    """States of a delivery; the last two are final."""

    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    FAILED = "failed", "Given up"
