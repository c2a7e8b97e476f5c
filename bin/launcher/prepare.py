"""Brings the database up to date and makes the sample data set, in one process of Django.

``python -m launcher.prepare``; ends with a sentence and status 1 where a system check fails.
"""

from __future__ import annotations

import io
import os
import sys

import django
from django.core.management import call_command, get_commands
from django.core.management.base import SystemCheckError
from django.db import DatabaseError

SAMPLE_COMMAND = "make_sample_data"


def prepare() -> None:
    """Check, migrate, make the sample data set where it is absent."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aistempre.settings")
    django.setup()
    call_command("check", stdout=io.StringIO())
    call_command("migrate", interactive=False, verbosity=0)
    if SAMPLE_COMMAND in get_commands():
        call_command(SAMPLE_COMMAND)


if __name__ == "__main__":
    try:
        prepare()
    except SystemCheckError as fault:
        sys.exit(str(fault))
    except DatabaseError as fault:
        sys.exit(f"The database at DATABASE_URL cannot be used: {fault}")
