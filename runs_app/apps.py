"""The one app of the project."""

from django.apps import AppConfig


class RunsAppConfig(AppConfig):
    """Runs: build, train, watch."""

    name = "runs_app"
    verbose_name = "Training runs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks and the admin's lists; Django itself imports ``admin``."""
        from runs_app import (  # noqa: F401
            checks,
            notification_admin,
            queue_admin,
            record_admin,
            work_admin,
        )
