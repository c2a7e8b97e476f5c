"""Hands the Celery application to every Django process, so that all of them can wake workers.

The package's ``__init__`` must stay empty: ``bin/start`` reads ``env.py`` before the packages are
installed.
"""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig

from aistempre.celery import app as celery_app


class LabAdminConfig(AdminConfig):
    """Django's admin, with this project's site."""

    default_site = "runs_app.admin_site.LabSite"


class ProjectConfig(AppConfig):
    """The Django project itself."""

    name = "aistempre"
    celery = celery_app
