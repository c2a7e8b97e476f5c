"""Tells people: a notification, and a delivery for each way outwards, in the caller's transaction.

What causes a notification happens once, so it is told once, and whoever dies before the commit has
told nothing. What arrives outside is the business of ``deliveries``.
"""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from runs_app.choices import Channel, NotificationKind, RunStatus
from runs_app.execution import wakeups
from runs_app.forecasting.events import Reason
from runs_app.forecasting.sentence import sentence
from runs_app.models import TrainingRun
from runs_app.notification_models import Alarm, Delivery, Notification, NotificationSwitch


def tell(kind: NotificationKind, sentence: str, run: TrainingRun | None = None) -> Notification:
    """Write it down, to be read at the bell, and send it where its kind goes."""
    with transaction.atomic():
        told = Notification.objects.create(kind=kind, sentence=sentence, run=run)
        ways = channels(kind)
        Delivery.objects.bulk_create(
            Delivery(notification=told, channel=channel, next_at=Now()) for channel in ways
        )
        if ways:
            transaction.on_commit(wakeups.wake_deliveries, robust=True)
    return told


def channels(kind: NotificationKind) -> list[Channel]:
    """The ways outwards that are set up, and are not switched off for this kind."""
    ready = {
        Channel.EMAIL: bool(settings.NOTIFY_EMAIL_TO),
        Channel.WEBHOOK: bool(settings.NOTIFY_WEBHOOK_URL),
    }
    switch = NotificationSwitch.objects.filter(kind=kind).first() if any(ready.values()) else None
    return [one for one in Channel if ready[one] and (switch is None or getattr(switch, one.value))]


def tell_end(run: TrainingRun) -> None:
    """Tell that the run has ended, unless somebody ended it on purpose."""
    if run.status == RunStatus.COMPLETED:
        verdict = (run.verdict or {}).get("sentence", "")
        tell(
            NotificationKind.FINISHED,
            f"{run} finished. {sentence(verdict or run.message)}".strip(),
            run,
        )
    elif run.status == RunStatus.FAILED:
        not_finite = run.reason == Reason.NON_FINITE
        kind = NotificationKind.NAN if not_finite else NotificationKind.FAILED
        tell(kind, f"{run} failed. {sentence(run.message)}".strip(), run)


def tell_loss(run: TrainingRun) -> None:
    """Tell that the run's worker was lost, whether it waits again or has ended so."""
    if run.status == RunStatus.PENDING:
        tell(NotificationKind.LOST, f"{run} was interrupted. {sentence(run.message)}", run)
    elif run.status == RunStatus.FAILED:
        tell(NotificationKind.LOST, f"{run} failed. {sentence(run.message)}", run)


def tell_rollback(run: TrainingRun, message: str) -> None:
    """Tell that the loss was not finite and the run went back."""
    tell(NotificationKind.NAN, f"{run}: {message}", run)


def raise_alarm(key: str, kind: NotificationKind, sentence: str) -> bool:
    """Tell of something that is wrong, unless it was told since it was last well."""
    if Alarm.objects.filter(key=key).exists():
        return False
    with transaction.atomic():
        _, new = Alarm.objects.get_or_create(key=key)
        if new:
            tell(kind, sentence)
    return new


def end_alarm(key: str) -> None:
    """It is well again: the next time is told anew."""
    Alarm.objects.filter(key=key).delete()
