"""A run's four ways on: the buttons Resume, Retry, Branch and Clone of its page."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from runs_app.choices import Kinship
from runs_app.errors import RunError, RunNotFound
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forms.copy import draft_of, first_step
from runs_app.forms.draft import save
from runs_app.models import TrainingRun
from runs_app.remedies import fields_at_fault, suggestion
from runs_app.services.branch import branch_name, run_to_branch
from runs_app.services.checkpoints import find_checkpoint
from runs_app.services.clone import clone_run, copy_name, run_to_copy
from runs_app.services.resume import resume_run
from runs_app.services.retry import retry_run
from runs_app.views.builder import builder_address
from runs_app.views.request import HtmxRequest


@require_POST
def run_resume(request: HtmxRequest, uid: str) -> HttpResponse:
    """Go on with the run; its page is live again."""
    return _same_run(request, uid, resume_run)


@require_POST
def run_retry(request: HtmxRequest, uid: str) -> HttpResponse:
    """Try the run once more; its page is live again."""
    return _same_run(request, uid, retry_run)


@require_POST
def run_clone(request: HtmxRequest, uid: str) -> HttpResponse:
    """Open the builder with the run's form, or with ``go=start`` start the clone at once.

    With ``suggested`` the change that the run's failure suggests is made.
    """
    try:
        run = run_to_copy(uid)
        changes = (suggestion(run) or {}) if "suggested" in request.POST else {}
        if request.POST.get("go") == "start":
            return redirect("runs:run_detail", clone_run(uid, changes).uid)
    except (RunError, ConfigInvalid, OSError) as error:
        return _refused(request, uid, error)
    marks = {path: f"Run {uid} failed here: {text}" for path, text in fields_at_fault(run).items()}
    draft = draft_of(run, Kinship.CLONE, name=copy_name(run), changes=changes, marks=marks)
    save(request.session, draft)
    return redirect(builder_address(first_step(draft), draft))


@require_POST
def run_branch(request: HtmxRequest, uid: str) -> HttpResponse:
    """Open the builder with the run's form, to start from the ``checkpoint`` named, or the best."""
    try:
        run = run_to_branch(uid)
        row = find_checkpoint(run, request.POST.get("checkpoint", ""))
    except RunError as error:
        return _refused(request, uid, error)
    draft = draft_of(run, Kinship.BRANCH, name=branch_name(run), checkpoint=row.path)
    save(request.session, draft)
    return redirect(builder_address(first_step(draft), draft))


def _same_run(request: HtmxRequest, uid: str, act: Callable[[str], TrainingRun]) -> HttpResponse:
    try:
        act(uid)
    except RunError as error:
        return _refused(request, uid, error)
    return redirect("runs:run_detail", uid)


def _refused(request: HtmxRequest, uid: str, error: Exception) -> HttpResponse:
    if isinstance(error, RunNotFound):
        raise Http404(str(error)) from error
    messages.error(request, str(error))
    return redirect("runs:run_detail", uid)
