"""Hands the Celery application to every Django process, so that tasks can be sent from all of them.

The package's ``__init__`` must stay empty: ``bin/start`` reads ``env.py`` before anything is installed.
"""

from __future__ import annotations

from django.apps import AppConfig

from aistempre.celery import app as celery_app


class ProjectConfig(AppConfig):
    """The Django project itself."""

    name = "aistempre"
    celery = celery_app
