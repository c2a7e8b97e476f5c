"""Name, tags, note and archive of one run."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from runs_app.errors import RunError, RunNotFound
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.services.labels import edit_run, read_edit
from runs_app.views.request import HtmxRequest


@require_POST
def run_edit(request: HtmxRequest, uid: str) -> HttpResponse:
    """Rename, tag, annotate or archive; back to the run's page."""
    given: dict[str, object] = {
        key: request.POST[key] for key in ("name", "tags", "note") if key in request.POST
    }
    if "archived" in request.POST:
        given["archived"] = request.POST["archived"] == "yes"
    try:
        run = edit_run(uid, read_edit(given))
    except RunNotFound as error:
        raise Http404(str(error)) from error
    except ConfigInvalid as invalid:
        for fault in invalid.errors:
            messages.error(request, f"Not saved: {fault.path} {fault.message}.")
    except RunError as error:
        messages.error(request, str(error))
    else:
        if "archived" in given:
            said = "archived" if run.is_archived else "taken out of the archive"
            messages.success(request, f"Run {run} was {said}.")
        else:
            messages.success(request, "Saved.")
    return redirect("runs:run_detail", uid)
