"""Root of the URL tree."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from runs_app.api import api

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("", include("runs_app.urls")),
]
