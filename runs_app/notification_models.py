"""What people are told: notifications, their deliveries outwards, and what is wrong just now.

``models`` imports these, so that Django finds them with the others.
"""

from __future__ import annotations

import secrets

from django.db import models
from django.urls import reverse

from runs_app.choices import (
    NOTIFICATION_COLOURS,
    Channel,
    DeliveryState,
    NotificationKind,
)

_SUBJECTS: dict[str, str] = {
    NotificationKind.DISK_LOW: "trash",
    NotificationKind.WORKER_SILENT: "queue",
}
"""What a kind without a run is about; also the name of its page."""


def new_delivery_uid() -> str:
    """A random id of 128 bits, by which a receiver knows what it has had already."""
    return secrets.token_hex(16)


class Notification(models.Model):
    """One thing a person should know, written in the transaction of what it tells of."""

    kind = models.CharField(max_length=16, choices=NotificationKind.choices, db_index=True)
    run = models.ForeignKey(
        "runs_app.TrainingRun",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="notifications",
    )
    sentence = models.TextField(help_text="Complete without the run, which may be deleted.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=("id",), condition=models.Q(read_at=None), name="notification_unread"
            ),
        )

    def __str__(self) -> str:
        return self.sentence

    @property
    def colour(self) -> str:
        """Tabler colour of its mark."""
        return NOTIFICATION_COLOURS[self.kind]

    @property
    def subject(self) -> str:
        """What the page it is about shows, in words; empty where there is none."""
        return "run" if self.run else _SUBJECTS.get(self.kind, "")

    @property
    def address(self) -> str:
        """The page it is about; the page of notifications where there is none."""
        if self.run:
            return reverse("runs:run_detail", args=[self.run.uid])
        return reverse(f"runs:{self.subject or 'notifications'}")


class Delivery(models.Model):
    """One notification on its way to one place outside; kept after it has arrived."""

    notification = models.ForeignKey(
        Notification, on_delete=models.CASCADE, related_name="deliveries"
    )
    uid = models.CharField(
        max_length=32,
        unique=True,
        default=new_delivery_uid,
        editable=False,
        help_text="The same at every try.",
    )
    channel = models.CharField(max_length=8, choices=Channel.choices)
    state = models.CharField(
        max_length=8, choices=DeliveryState.choices, default=DeliveryState.WAITING
    )
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(help_text="Not tried before; while it is tried, its limit.")
    sent_at = models.DateTimeField(null=True, blank=True)
    fault = models.TextField(blank=True, help_text="Why the newest try failed, in a sentence.")

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "deliveries"
        indexes = (models.Index(fields=("state", "next_at"), name="delivery_state_next"),)

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.uid}"


class NotificationSwitch(models.Model):
    """Where one kind of notification goes. A kind without a row goes everywhere."""

    kind = models.CharField(max_length=16, choices=NotificationKind.choices, unique=True)
    email = models.BooleanField(default=True)
    webhook = models.BooleanField(default=True)

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "notification switches"

    def __str__(self) -> str:
        return self.get_kind_display()


class Alarm(models.Model):
    """Something that is wrong just now and was told of; the row goes when it is well again."""

    key = models.CharField(max_length=300, unique=True, help_text="What, and where.")
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("key",)

    def __str__(self) -> str:
        return self.key
