"""The six-step builder: a draft in the session, one page per step, and the start of the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runs_app.choices import Kinship
from runs_app.errors import DataSetNotFound, DiskFull, RunError
from runs_app.execution.lifecycle import Kin
from runs_app.forecasting.config.schema import Variant
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.forms.build import form_name, read_values
from runs_app.forms.draft import Draft, forget, load, new_draft, open_drafts, save
from runs_app.forms.loss_picture import loss_page
from runs_app.forms.numbers import whole_number
from runs_app.forms.steps import STEP_KEYS, STEPS, Step, get_step
from runs_app.forms.wizard import Errors, builder_page, group, wrong_on
from runs_app.home import sample as find_sample
from runs_app.models import TrainingRun
from runs_app.services.branch import check_branch, launch_branch, weights_of
from runs_app.services.commands import commands
from runs_app.services.datasets import clean_search, find_data_set, list_data_sets, matching
from runs_app.services.footprint import room_for
from runs_app.services.groups import SIZE_KEYS, Size, launch_group, plan_group, read_size
from runs_app.services.launch import clean_name, launch_run, resolve
from runs_app.services.leak_checks import ask_for_leak_check, newest_leak_check
from runs_app.services.rehearsals import ask_for_rehearsal, newest_rehearsal, room_of
from runs_app.views.request import HtmxRequest

VARIANT = "model.variant"
RESET = "reset:"
"""Value of the button that gives a field its preset's value back; its path follows."""
SEARCHED_FROM = 9
"""Data sets from which on their list has a search."""
BRANCH_IS_ONE = "must be 1, and the seeds too: a branch is a single run"


def builder_address(step_key: str, draft: Draft) -> str:
    """The page of one step of a draft."""
    return f"{reverse('runs:builder', args=[step_key])}?{urlencode({'draft': draft.id})}"


@require_safe
def new(request: HtmxRequest) -> HttpResponse:
    """Begin a draft; ``?data`` names its data set by number, ``&repair`` leaves faulty rows out.

    ``?sample`` begins one that is complete: the sample data, the tiny preset.
    """
    draft = new_draft()
    number = whole_number(request.GET.get("data", ""))
    if number is not None:
        try:
            data_set = find_data_set(number)
        except DataSetNotFound as error:
            raise Http404(str(error)) from error
        draft.choose_data(data_set.path, data_set.timeframe)
        if "repair" in request.GET:
            draft.values["data.repair"] = True
        save(request.session, draft)
        return redirect(builder_address("data", draft))
    if "sample" not in request.GET:
        return redirect(builder_address("data", draft))
    sample = find_sample()
    if sample is None:
        messages.error(request, "The sample data set is not there; run manage.py make_sample_data.")
        return redirect(builder_address("data", draft))
    draft.values["data.source"] = sample.path
    draft.choose_preset(Variant.TINY)
    draft.name = "First run on sample data"
    draft.visited = list(STEP_KEYS[:-1])
    save(request.session, draft)
    return redirect(builder_address("train", draft))


@require_http_methods(["GET", "HEAD", "POST"])
def builder(request: HtmxRequest, step: str) -> HttpResponse:
    """Show one step, or take what was filled in and go where the pressed button leads."""
    found = get_step(step)
    if found is None:
        raise Http404(f"The builder has no step {step}.")
    draft = load(request.session, request.GET.get("draft", ""))
    if not draft.id:
        return redirect(builder_address(found.key, new_draft()))
    if request.method == "POST":
        return _submitted(request, draft, found)
    return _show(request, draft, found, _faults(draft))


@require_POST
def draft_delete(request: HtmxRequest, draft_id: str) -> HttpResponse:
    """Throw an open draft away, and go on with a new one."""
    if not forget(request.session, draft_id):
        messages.info(request, "That draft was deleted already.")
    return redirect("runs:new")


def _submitted(request: HtmxRequest, draft: Draft, step: Step) -> HttpResponse:
    if draft.group:
        return redirect("runs:group_detail", draft.group)
    if draft.run:
        return redirect("runs:run_detail", draft.run)
    _take(draft, step, request.POST)
    go = request.POST.get("go", "next")
    if go == "save":
        save(request.session, draft)
        return HttpResponse(status=204)
    if step.key not in draft.visited:
        draft.visited.append(step.key)
    save(request.session, draft)
    if go in STEP_KEYS:
        return redirect(builder_address(go, draft))
    if go.startswith(RESET):
        path = go.removeprefix(RESET)
        draft.values.pop(path, None)
        save(request.session, draft)
        return redirect(f"{builder_address(step.key, draft)}#{form_name(path)}")
    errors = _faults(draft)
    if step is STEPS[-1]:
        if errors:
            return redirect(builder_address(step.key, draft))
        return AT_LAST[go](request, draft) if go in AT_LAST else _start(request, draft)
    # The draft holds what was typed, so the step's own page can say what is wrong with it.
    wrong = wrong_on(step, errors)
    return redirect(builder_address(step.key if wrong else STEPS[STEPS.index(step) + 1].key, draft))


def _take(draft: Draft, step: Step, posted: Any) -> None:
    """Put a submitted page into the draft; a newly chosen preset fills in what it sets."""
    values = read_values(step.all_paths, posted)
    other = posted.get("data-source-path", "").strip()
    if step.key == "data" and not values.get("data.source") and other:
        values["data.source"] = other
    variant = values.get(VARIANT)
    if variant is not None and variant != draft.shown(VARIANT):
        # With script the page has filled its own fields in; without, they still show the old ones.
        filled = posted.get("filled-for") == variant
        draft.choose_preset(variant, keep=frozenset(values) if filled else frozenset())
        values = values if filled else {VARIANT: variant}
    draft.values.update(values)
    if step is STEPS[-1]:
        draft.name = posted.get("name", "").strip()
        draft.overrides = posted.get("overrides", "").replace("\r\n", "\n").strip()
        draft.size = {key: posted[key].strip() for key in SIZE_KEYS if posted.get(key)}


def _faults(draft: Draft) -> Errors:
    checks: tuple[tuple[Callable[[Any], object], Any], ...] = (
        (clean_name, draft.name),
        (_plan, draft),
    )
    faults: list[FieldError] = []
    for check, given in checks:
        try:
            check(given)
        except ConfigInvalid as invalid:
            faults += invalid.errors
    return group(faults)


def _plan(draft: Draft) -> None:
    """Check what the draft would start: one run, or a group."""
    size = _size(draft)
    if draft.kinship == Kinship.BRANCH:
        if size.is_group:
            raise ConfigInvalid([FieldError("folds", BRANCH_IS_ONE)])
        config, request = resolve(draft.payload())
        parent = _parent(draft)
        if parent:
            try:
                check_branch(parent, config)
            except ConfigInvalid as invalid:
                raise request.renamed(invalid) from invalid
    elif size.is_group:
        plan_group(draft.payload(), size)
    else:
        resolve(draft.payload())


def _parent(draft: Draft) -> TrainingRun | None:
    """The run whose form was filled in; None where there is none, or none any more."""
    return TrainingRun.objects.filter(uid=draft.parent).first() if draft.parent else None


def _launch(draft: Draft, size: Size) -> None:
    """Start what the draft asks for, and note in it what that is."""
    if draft.kinship == Kinship.BRANCH:
        made = launch_branch(draft.parent, draft.checkpoint, draft.payload(), name=draft.name)
        draft.run = made.uid
    elif size.is_group:
        draft.group = launch_group(draft.payload(), size=size, name=draft.name).uid
    else:
        parent = _parent(draft)
        kin = Kin(parent, Kinship.CLONE) if parent else None
        draft.run = launch_run(draft.payload(), name=draft.name, kin=kin).uid


def _size(draft: Draft) -> Size:
    """How many runs the draft asks for; raises ``ConfigInvalid`` with the faults of the rest."""
    try:
        return read_size(**draft.size)
    except ConfigInvalid as invalid:
        try:
            resolve(draft.payload())
        except ConfigInvalid as others:
            raise ConfigInvalid([*invalid.errors, *others.errors]) from invalid
        raise


def _check(request: HtmxRequest, draft: Draft) -> HttpResponse:
    """Ask for a leak check of what one run of the draft would be, and show it as it comes."""
    ask_for_leak_check(draft.payload())
    return redirect(f"{builder_address(STEPS[-1].key, draft)}#leaks")


def _rehearse(request: HtmxRequest, draft: Draft) -> HttpResponse:
    """Ask for a dress rehearsal of one run of the draft, and show it as it comes."""
    ask_for_rehearsal(draft.payload())
    return redirect(f"{builder_address(STEPS[-1].key, draft)}#rehearse")


def _take_smaller(request: HtmxRequest, draft: Draft) -> HttpResponse:
    """Fill in what the draft's rehearsal suggests."""
    found = newest_rehearsal(resolve(draft.payload())[0])
    if found and found.suggestion:
        draft.values.update({path: str(value) for path, value in found.suggestion.items()})
        save(request.session, draft)
    return redirect(f"{builder_address(STEPS[-1].key, draft)}#rehearse")


AT_LAST: dict[str, Callable[[HtmxRequest, Draft], HttpResponse]] = {
    "leaks": _check,
    "rehearse": _rehearse,
    "smaller": _take_smaller,
}
"""What the buttons of the last page do besides starting."""


def _start(request: HtmxRequest, draft: Draft) -> HttpResponse:
    try:
        _launch(draft, _size(draft))
    except ConfigInvalid as invalid:
        return _show(request, draft, STEPS[-1], group(invalid.errors), status=422)
    except DiskFull as error:
        messages.error(request, str(error))
        return _show(request, draft, STEPS[-1], {}, status=507)
    except RunError as error:
        messages.error(request, str(error))
        return redirect(builder_address(STEPS[-1].key, draft))
    except OSError as error:
        messages.error(request, f"The run's files cannot be written: {error.strerror}.")
        return redirect(builder_address(STEPS[-1].key, draft))
    save(request.session, draft)
    if draft.group:
        return redirect("runs:group_detail", draft.group)
    return redirect("runs:run_detail", draft.run)


def _show(
    request: HtmxRequest, draft: Draft, step: Step, errors: Errors, *, status: int = 200
) -> HttpResponse:
    page = builder_page(draft, step, errors)
    context: dict[str, Any] = {"page": page, "steps": STEPS, "form_name": form_name}
    context["parent"] = parent = _parent(draft)
    if parent and draft.kinship == Kinship.BRANCH:
        context["weights"] = weights_of(parent, draft.checkpoint)
    if step is STEPS[-1] and not errors:
        config, _ = resolve(draft.payload())
        context["leak_check"] = newest_leak_check(config)
        context["rehearsal"] = rehearsal = newest_rehearsal(config)
        context["rehearsal_room"] = room_of(rehearsal) if rehearsal else None
        size = _size(draft)
        context["room"] = room_for(config, runs=size.folds * size.seeds)
        if draft.kinship != Kinship.BRANCH:
            address = request.build_absolute_uri("/")
            context["commands"] = commands(config, size, name=draft.name, address=address)
    if step.key == "loss":
        context["losses"] = loss_page(str(draft.shown("loss.kind")), None)
    if step.key == "data":
        context["drafts"] = open_drafts(request.session, but=draft.id)
        context |= _data_sets(draft, clean_search(request.GET.get("q", "")))
    return render(request, "builder/step.html", context, status=status)


def _data_sets(draft: Draft, search: str) -> dict[str, Any]:
    """The list of the first step; the chosen one stays in it whatever is looked for."""
    every = list_data_sets()
    chosen = draft.shown("data.source")
    found = {row.pk for row in matching(every, search)}
    return {
        "data_sets": [row for row in every if row.pk in found or chosen in (row.path, row.name)],
        "data_sets_found": len(found),
        "data_sets_total": len(every),
        "searchable": len(every) >= SEARCHED_FROM,
        "search": search,
        "known_paths": {row.path for row in every},
    }
