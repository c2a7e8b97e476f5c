"""Runs, their events, checkpoints and artifacts, and data sets: fields, constraints, no effects."""

from __future__ import annotations

import secrets

from django.db import models

from runs_app import notification_models  # noqa: F401  Django finds its tables here
from runs_app.choices import (
    COLOURS,
    FINAL,
    JOB_COLOURS,
    JOB_FINAL,
    LIVE,
    ArtifactKind,
    EventKind,
    JobKind,
    JobReason,
    JobState,
    Judged,
    Kinship,
    Priority,
    RunStatus,
)
from runs_app.curve_block import CurveBlock  # noqa: F401 - Django finds models here
from runs_app.data_set_models import DataSet as DataSet
from runs_app.queue_models import Queue as Queue
from runs_app.queue_models import Slot as Slot
from runs_app.queue_models import Worker as Worker
from runs_app.run_sets import BEST_SCORES as BEST_SCORES
from runs_app.run_sets import LISTED as LISTED
from runs_app.run_sets import MAX_NOTE as MAX_NOTE
from runs_app.run_sets import RunSet
from runs_app.saved_views import SavedView as SavedView

_UID_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_uid() -> str:
    """A random public id of 10 characters (about 49 bits) without look-alike letters."""
    return "".join(secrets.choice(_UID_ALPHABET) for _ in range(10))


class RunGroup(models.Model):
    """Runs that are judged together: folds of a walk-forward, seeds of one configuration."""

    uid = models.CharField(max_length=16, unique=True, default=new_uid, editable=False)
    name = models.CharField(max_length=200, blank=True)
    scheme = models.CharField(
        max_length=16, blank=True, help_text="expanding or rolling; empty without folds."
    )
    folds = models.PositiveSmallIntegerField(default=1)
    seeds = models.PositiveSmallIntegerField(default=1)
    config = models.JSONField(help_text="The RunConfig that folds and seeds were made from.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.name or self.uid

    @property
    def planned(self) -> int:
        """Runs the group consists of, whatever became of them."""
        return self.folds * self.seeds


class TrainingRun(models.Model):
    """One training run: its configuration, its state, and its latest figures."""

    uid = models.CharField(max_length=16, unique=True, default=new_uid, editable=False)
    name = models.CharField(max_length=200, blank=True)
    status = models.CharField(
        max_length=16, choices=RunStatus.choices, default=RunStatus.PENDING, db_index=True
    )
    reason = models.CharField(max_length=32, blank=True, help_text="Why it ended, one word.")
    message = models.TextField(blank=True, help_text="Why it ended, one readable sentence.")
    tags = models.CharField(
        max_length=400, blank=True, help_text="In commas, those around it too: ,first,second,"
    )
    note = models.CharField(
        max_length=MAX_NOTE, blank=True, help_text="What a person wants to remember of it."
    )
    preset = models.CharField(max_length=32, blank=True, help_text="As in its config.")
    data_set = models.ForeignKey(
        DataSet,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        db_index=False,  # the index of the list has it; one of its own leads to the wide rows
        related_name="runs",
        help_text="Whose path its config names.",
    )
    config = models.JSONField(help_text="The resolved RunConfig.")
    request = models.JSONField(default=dict, help_text="The flat payload it was made from.")

    group = models.ForeignKey(
        RunGroup, null=True, blank=True, on_delete=models.PROTECT, related_name="runs"
    )
    fold = models.PositiveSmallIntegerField(null=True, blank=True, help_text="From 1.")
    seed = models.PositiveIntegerField(null=True, blank=True, help_text="As in its config.")

    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )
    kinship = models.CharField(
        max_length=8, blank=True, choices=Kinship.choices, help_text="What it took of its parent."
    )
    parent_checkpoint = models.CharField(
        max_length=300, blank=True, help_text="Whose weights a branch started from, in words."
    )

    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    kill_requested_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was cancelled a second time: end it now."
    )
    archived_at = models.DateTimeField(
        null=True, blank=True, help_text="Out of sight in lists until they are asked for it."
    )
    trashed_at = models.DateTimeField(null=True, blank=True)
    trash_bytes = models.BigIntegerField(default=0, help_text="Bytes on disk when it was trashed.")
    trash_wanted_at = models.DateTimeField(
        null=True, blank=True, help_text="It goes to the trash as soon as it has ended."
    )
    purge_started_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when its files are being deleted for good."
    )

    priority = models.SmallIntegerField(
        default=Priority.NORMAL, choices=Priority.choices, help_text="Higher starts first."
    )
    rank = models.BigIntegerField(default=0, help_text="Order within a priority; lower is first.")
    queued_at = models.DateTimeField(null=True, blank=True, help_text="When it began to wait.")

    attempt = models.PositiveIntegerField(default=0, help_text="Counts claims by a worker.")
    losses = models.PositiveSmallIntegerField(
        default=0, help_text="Attempts lost to the infrastructure since a person last started it."
    )
    worker = models.CharField(max_length=200, blank=True, help_text="Holder of the lease.")
    lease_until = models.DateTimeField(null=True, blank=True)

    last_seq = models.BigIntegerField(default=0, help_text="Number of the newest event.")
    events_offset = models.BigIntegerField(default=0, help_text="Bytes of events.jsonl stored.")
    console_offset = models.BigIntegerField(default=0, help_text="Bytes of console.log stored.")
    reading_attempt = models.PositiveIntegerField(
        default=0, help_text="Attempt whose output is being read; an older one is read out first."
    )
    attempt_offset = models.BigIntegerField(
        default=0, help_text="Bytes of events.jsonl when that attempt began."
    )
    console_lines = models.BigIntegerField(
        default=0, help_text="Console lines of that attempt that were stored."
    )
    console_kept = models.BigIntegerField(
        null=True, blank=True, help_text="Where what is kept of console.log ends, at its limit."
    )
    console_left_out = models.BigIntegerField(
        default=0, help_text="Lines counted beyond that and not stored."
    )

    curve_seq = models.BigIntegerField(default=0, help_text="Events up to it are in blocks.")
    curve_number = models.BigIntegerField(default=0, help_text="Number of the next such block.")
    curve_waiting = models.PositiveIntegerField(default=0, help_text="Events in no block yet.")

    epoch = models.PositiveIntegerField(null=True, blank=True)
    step = models.BigIntegerField(null=True, blank=True)
    train_loss = models.FloatField(null=True, blank=True)
    val_loss = models.FloatField(null=True, blank=True)
    best_val_loss = models.FloatField(null=True, blank=True)
    val_nll = models.FloatField(null=True, blank=True, help_text="At the best epoch.")
    val_crps = models.FloatField(null=True, blank=True, help_text="At the best epoch.")
    val_pinball = models.FloatField(null=True, blank=True, help_text="At the best epoch.")
    val_rmse = models.FloatField(null=True, blank=True, help_text="At the best epoch.")
    val_da = models.FloatField(null=True, blank=True, help_text="At the best epoch.")
    val_f1 = models.FloatField(null=True, blank=True, help_text="At the best epoch.")
    skill = models.FloatField(
        null=True, blank=True, help_text="On the test part, against the hardest baseline."
    )
    seconds = models.FloatField(
        null=True, blank=True, help_text="From its start to its newest event, or to its end."
    )
    size_bytes = models.BigIntegerField(default=0, help_text="Of its registered files.")
    metrics = models.JSONField(default=dict, help_text="Latest value of every metric by name.")

    outcome = models.CharField(
        max_length=8,
        blank=True,
        choices=Judged.choices,
        help_text="The verdict in one word; empty where the run was not judged.",
    )
    verdict = models.JSONField(null=True, blank=True, help_text="The core's Verdict.")
    leaks = models.JSONField(null=True, blank=True, help_text="The core's LeakCheck.")

    objects = models.Manager.from_queryset(RunSet)()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=[str(s) for s in RunStatus]), name="run_status_known"
            ),
        )
        indexes = (
            models.Index(fields=("status", "-priority", "rank"), name="run_queue"),
            # Its rows are wide (a configuration each), so a list never reads them to search, filter
            # or order: this index holds whatever it looks at.
            models.Index(fields=LISTED, name="run_list"),
            models.Index(
                fields=("trashed_at",),
                condition=models.Q(trashed_at__isnull=False),
                name="run_trash",
            ),
            models.Index(
                fields=("-finished_at",),
                condition=models.Q(finished_at__isnull=False),
                name="run_ended",
            ),
            models.Index(fields=("tags",), condition=~models.Q(tags=""), name="run_tags"),
            models.Index(fields=("note",), condition=~models.Q(note=""), name="run_note"),
        )

    def __str__(self) -> str:
        return self.name or self.uid

    @property
    def tag_list(self) -> list[str]:
        """Its tags, in alphabetical order."""
        return [tag for tag in self.tags.split(",") if tag]

    @property
    def is_archived(self) -> bool:
        """True while lists leave it out unless they are asked for it."""
        return self.archived_at is not None

    @property
    def is_live(self) -> bool:
        """True while pending or running."""
        return self.status in LIVE

    @property
    def is_final(self) -> bool:
        """True once completed, failed or cancelled."""
        return self.status in FINAL

    @property
    def is_trashed(self) -> bool:
        """True while it lies in the trash."""
        return self.trashed_at is not None

    @property
    def colour(self) -> str:
        """Tabler colour of the status badge."""
        return COLOURS[self.status]


class RunEvent(models.Model):
    """One entry of a run's append-only log. ``seq`` is gap-free from 1 and unique per run."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="events")
    seq = models.BigIntegerField()
    attempt = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=16, choices=EventKind.choices)
    at = models.DateTimeField()
    payload = models.JSONField()

    class Meta:
        ordering = ("run_id", "seq")
        constraints = (models.UniqueConstraint(fields=("run", "seq"), name="event_seq_unique"),)
        indexes = (models.Index(fields=("run", "kind", "seq"), name="event_run_kind_seq"),)

    def __str__(self) -> str:
        return f"{self.run_id}:{self.seq} {self.kind}"


class Checkpoint(models.Model):
    """A complete checkpoint file of a run."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="checkpoints")
    path = models.CharField(max_length=300, help_text="Relative to the run directory.")
    epoch = models.PositiveIntegerField()
    step = models.BigIntegerField()
    val_loss = models.FloatField(null=True, blank=True)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    is_best = models.BooleanField(default=False)
    is_last = models.BooleanField(default=False)
    pinned = models.BooleanField(default=False, help_text="Kept by hand, whatever its score.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("epoch", "step")
        constraints = (models.UniqueConstraint(fields=("run", "path"), name="checkpoint_path"),)

    def __str__(self) -> str:
        return f"{self.run_id}:{self.path}"


class Artifact(models.Model):
    """A file a run left for its user."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="artifacts")
    path = models.CharField(max_length=300, help_text="Relative to the run directory.")
    kind = models.CharField(max_length=16, choices=ArtifactKind.choices)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("path",)
        constraints = (models.UniqueConstraint(fields=("run", "path"), name="artifact_path"),)

    def __str__(self) -> str:
        return f"{self.run_id}:{self.path}"


class Job(models.Model):
    """Short work of the core, done once in a disposable process of a worker.

    ``arguments`` is what was asked for, ``facts`` what the core answered; both depend on the kind.
    """

    uid = models.CharField(max_length=16, unique=True, default=new_uid, editable=False)
    kind = models.CharField(max_length=16, choices=JobKind.choices)
    state = models.CharField(max_length=16, choices=JobState.choices, default=JobState.WAITING)
    run = models.ForeignKey(
        TrainingRun, on_delete=models.CASCADE, null=True, blank=True, related_name="jobs"
    )
    arguments = models.JSONField(default=dict)
    facts = models.JSONField(default=dict)
    reason = models.CharField(
        max_length=16, choices=JobReason.choices, blank=True, help_text="Why it has no result."
    )
    message = models.TextField(
        blank=True, help_text="Why it has no result, or is done again, one readable sentence."
    )
    worker = models.CharField(
        max_length=200, blank=True, help_text="Who does it, or was the last to do it."
    )
    attempt = models.PositiveIntegerField(default=0, help_text="Counts claims by a worker.")
    losses = models.PositiveSmallIntegerField(
        default=0, help_text="Attempts in a row whose worker was lost."
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=("state", "created_at"), name="job_state_created"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"

    @property
    def colour(self) -> str:
        """Tabler colour of its state's badge."""
        return JOB_COLOURS[self.state]

    @property
    def is_final(self) -> bool:
        """True once done, failed or cancelled."""
        return self.state in JOB_FINAL
