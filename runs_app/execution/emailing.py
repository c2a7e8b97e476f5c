"""A notification as e-mail, by Django's settings of the mail server."""

from __future__ import annotations

from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.text import Truncator

from runs_app.execution.undelivered import Undelivered
from runs_app.notification_models import Delivery
from runs_app.notified import page_url

SUBJECT_LETTERS = 150


def send_email(delivery: Delivery) -> None:
    """Hand it to the mail server, which has it then; raises ``Undelivered``.

    Every try has the same Message-ID, by which mailboxes recognise a second copy.
    """
    told = delivery.notification
    line = Truncator(" ".join(told.sentence.split())).chars(SUBJECT_LETTERS)
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">") or "localhost"
    message = EmailMessage(
        subject=f"AiStemPre: {line}",
        body=f"{told.sentence}\n\n{page_url(told)}\n\n"
        f"{told.get_kind_display()}, {told.created_at:%Y-%m-%d %H:%M:%S} UTC.\n",
        to=list(settings.NOTIFY_EMAIL_TO),
        headers={"Message-ID": f"<{delivery.uid}@{domain}>"},
    )
    if not message.to:
        raise Undelivered("No e-mail is set up any more (EMAIL_URL, NOTIFY_EMAIL_TO).")
    try:
        message.send()
    except (SMTPException, OSError) as error:
        raise Undelivered(f"The mail server did not take it: {error}") from error
