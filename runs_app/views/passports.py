"""The builder filled from the passport of a run that was made elsewhere."""

from __future__ import annotations

from django.contrib import messages
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from runs_app.forecasting.passport import PassportInvalid
from runs_app.forms.copy import filled, first_step
from runs_app.forms.draft import save
from runs_app.services.open_passport import OpenedPassport, open_passport
from runs_app.views.builder import builder_address

FIELD = "passport"


@csrf_exempt  # which reads the form; the handler must be chosen before, and then it is protected
@require_POST
def passport_open(request: HttpRequest) -> HttpResponse:
    """Open the builder with the form of an uploaded passport.json."""
    request.upload_handlers = [MemoryFileUploadHandler(request)]
    return _open(request)


@csrf_protect
def _open(request: HttpRequest) -> HttpResponse:
    try:
        opened = _read(request)
    except PassportInvalid as invalid:
        messages.error(request, f"The passport was not opened: {invalid}.")
        return redirect("runs:new")
    marks = {"data.source": opened.missing} if opened.missing else {}
    draft = filled(opened.config, name=opened.name, marks=marks)
    save(request.session, draft)
    return redirect(builder_address(first_step(draft), draft))


def _read(request: HttpRequest) -> OpenedPassport:
    """What was sent. A file that is larger than memory may take does not come in at all."""
    file = request.FILES.get(FIELD)
    if file is None:
        raise PassportInvalid("choose the passport.json of a run, a file of 2.5 MB at most")
    name = file.name or "the file"
    try:
        return open_passport(file.read().decode(), name)
    except UnicodeDecodeError as error:
        raise PassportInvalid(f"{name} is not UTF-8 text, so it is no passport") from error
