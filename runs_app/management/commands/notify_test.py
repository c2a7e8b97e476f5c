"""``manage.py notify_test``: send a test notification by every way that is set up."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runs_app.choices import DeliveryState, NotificationKind
from runs_app.execution.deliveries import send
from runs_app.execution.notices import tell


class Command(BaseCommand):
    """Ends with status 1 where nothing is set up or something did not arrive."""

    help = (
        "Send a test notification by e-mail and webhook, where set up, and say what became of it."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell, try each way once, report."""
        told = tell(NotificationKind.TEST, "This is a test: notifications arrive here.")
        self.stdout.write("bell: written, see /notifications")
        failed = 0
        rows = list(told.deliveries.order_by("channel"))
        for row in rows:
            arrived = send(row.pk)
            row.refresh_from_db()
            arrived = arrived or row.state == DeliveryState.SENT  # a worker was faster
            failed += not arrived
            self.stdout.write(f"{row.channel}: {'sent' if arrived else row.fault}")
        if not rows:
            raise CommandError(
                "Neither e-mail nor webhook is set up, or both are switched off for tests: set "
                "EMAIL_URL and NOTIFY_EMAIL_TO, or NOTIFY_WEBHOOK_URL and NOTIFY_WEBHOOK_SECRET."
            )
        if failed:
            raise CommandError(f"{failed} of {len(rows)} did not arrive; workers go on trying.")
