"""Root of the URL tree."""

from __future__ import annotations

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from runs_app.api import api

handler400 = "aistempre.faults.bad_request"
handler403 = "aistempre.faults.forbidden"
handler404 = "aistempre.faults.not_found"
handler500 = "aistempre.faults.server_fault"
urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    # Pages that are not ours, such as the admin's, name no icon, and a browser then asks for this.
    path("favicon.ico", RedirectView.as_view(url=static("img/favicon.svg"))),
    path("", include("runs_app.urls")),
]
