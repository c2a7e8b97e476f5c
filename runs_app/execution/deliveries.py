"""Sends what waits to go out, again and again until it has arrived or was tried often enough.

Whoever sends a delivery claims it first, for a time: a worker that dies in between leaves it to the
next. It may then arrive twice, both times with the same id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from runs_app.choices import Channel, DeliveryState
from runs_app.execution.emailing import send_email
from runs_app.execution.leases import from_now
from runs_app.execution.undelivered import Undelivered
from runs_app.execution.webhook import post_webhook
from runs_app.notification_models import Delivery, Notification

logger = logging.getLogger(__name__)

PAUSES = (30.0, 120.0, 600.0, 3600.0, 28_000.0)
"""Seconds from one try to the next; after the last one it is given up."""

CLAIM_SECONDS = 120.0
"""More than a try can take."""

KEEP = timedelta(days=90)
"""Older notifications are forgotten."""

FORGET_ROWS = 1000

WAYS: dict[str, Callable[[Delivery], None]] = {
    Channel.EMAIL: send_email,
    Channel.WEBHOOK: post_webhook,
}
"""Each raises ``Undelivered`` with a sentence."""


def is_due() -> bool:
    """Whether anything is to be tried now."""
    return Delivery.objects.filter(state=DeliveryState.WAITING, next_at__lte=Now()).exists()


def send_due() -> int:
    """Try everything that is due, once each; returns how much arrived."""
    due = Delivery.objects.filter(state=DeliveryState.WAITING, next_at__lte=Now())
    return sum(send(pk) for pk in list(due.order_by("next_at", "pk").values_list("pk", flat=True)))


def send(pk: int) -> bool:
    """Try one delivery if it is due and nobody else does; whether it arrived."""
    mine = Delivery.objects.filter(pk=pk, state=DeliveryState.WAITING, next_at__lte=Now()).update(
        tries=F("tries") + 1, next_at=from_now(CLAIM_SECONDS)
    )
    if not mine:
        return False
    delivery = Delivery.objects.select_related("notification__run").get(pk=pk)
    ours = Delivery.objects.filter(pk=pk, state=DeliveryState.WAITING, tries=delivery.tries)
    try:
        WAYS[delivery.channel](delivery)
    except Undelivered as error:
        fault = str(error)
    except Exception:
        logger.exception("Delivery %s: a fault of the product.", delivery.uid)
        fault = "A fault of the product; the worker's log has the details."
    else:
        ours.update(state=DeliveryState.SENT, sent_at=timezone.now(), fault="")
        return True
    if delivery.tries > len(PAUSES):
        logger.warning("Delivery %s (%s) is given up: %s", delivery.uid, delivery.channel, fault)
        ours.update(state=DeliveryState.FAILED, fault=fault)
    else:
        ours.update(next_at=from_now(PAUSES[delivery.tries - 1]), fault=fault)
    return False


def try_again(pk: int) -> bool:
    """Put one that was given up, or waits for its next try, at the front with all its tries."""
    return bool(
        Delivery.objects.filter(pk=pk)
        .exclude(state=DeliveryState.SENT)
        .update(state=DeliveryState.WAITING, tries=0, next_at=Now())
    )


def forget_old() -> None:
    """Delete notifications that are long past, some at a time."""
    old = Notification.objects.filter(created_at__lt=timezone.now() - KEEP).order_by("id")
    keys = list(old.values_list("pk", flat=True)[:FORGET_ROWS])
    if keys:
        Notification.objects.filter(pk__in=keys).delete()
