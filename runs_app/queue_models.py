"""The queue as it is stored: its one row, the workers that show themselves, and their slots."""

from __future__ import annotations

from django.db import models


class Queue(models.Model):
    """The one row that all who start runs agree by."""

    paused_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when nothing new starts."
    )
    next_rank = models.BigIntegerField(default=1, help_text="Rank of the next run that waits.")
    swept_at = models.DateTimeField(null=True, blank=True, help_text="Last look for lost workers.")
    judge_after = models.DateTimeField(
        null=True, blank=True, help_text="No lease is judged before: the database was away."
    )

    class Meta:
        verbose_name_plural = "queue"

    def __str__(self) -> str:
        return "paused" if self.paused_at else "open"


class Worker(models.Model):
    """One worker process that trains runs, by its own word every few seconds."""

    name = models.CharField(max_length=200, unique=True)
    host = models.CharField(max_length=200, db_index=True)
    pid = models.PositiveIntegerField()
    seen_at = models.DateTimeField(help_text="By the database's clock.")
    heard_at = models.DateTimeField(
        null=True, blank=True, help_text="When the broker last brought it a message."
    )
    stopping = models.BooleanField(default=False)
    disk_free = models.BigIntegerField(default=0)
    disk_total = models.BigIntegerField(default=0)
    blocked = models.TextField(blank=True, help_text="Why it starts nothing, in a sentence.")

    class Meta:
        ordering = ("host", "pid")

    def __str__(self) -> str:
        return self.name


class Slot(models.Model):
    """A place for one run on a host: a GPU, or a share of its processors."""

    host = models.CharField(max_length=200)
    name = models.CharField(max_length=100, help_text="gpu-UUID or cpu-NUMBER.")
    gpu = models.CharField(max_length=100, blank=True, help_text="UUID of the device.")
    label = models.CharField(max_length=200, blank=True, help_text="Name of the device.")
    drained = models.BooleanField(default=False, help_text="Nothing new starts here.")
    run = models.ForeignKey(
        "runs_app.TrainingRun",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="slots",
    )
    free_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when a run could start here, if one is not on it."
    )
    seen_at = models.DateTimeField(help_text="By the database's clock.")

    class Meta:
        ordering = ("host", "name")
        constraints = (models.UniqueConstraint(fields=("host", "name"), name="slot_of_host"),)

    def __str__(self) -> str:
        return f"{self.host} {self.name}"
