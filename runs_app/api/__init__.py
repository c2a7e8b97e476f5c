"""The JSON API; ``aistempre.urls`` mounts ``api`` under ``/api/``."""

from runs_app.api.application import api

__all__ = ["api"]
