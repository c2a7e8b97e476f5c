"""One intent for the ticked runs: a page that says how many and asks once, then what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from runs_app.choices import LIVE
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.forms.filters import known_ids, read_filter
from runs_app.models import TrainingRun
from runs_app.queries import about
from runs_app.run_table.page import known_tags
from runs_app.run_table.wanted import filter_runs
from runs_app.services.bulk import MOST_RUNS, TAGGING, Bulk, BulkDone, do_to_all
from runs_app.services.labels import read_tags
from runs_app.views.request import HtmxRequest

SHOWN_FAULTS = 20


@dataclass(frozen=True)
class Words:
    """How an action is asked for, named and told."""

    question: str
    button: str
    done: str
    note: str = ""
    css: str = "primary"


WORDS: dict[Bulk, Words] = {
    Bulk.CANCEL: Words("Cancel", "Cancel", "asked to stop", "What is saved stays.", "danger"),
    Bulk.TAG: Words("Tag", "Add tags", "tagged"),
    Bulk.UNTAG: Words("Take tags off", "Take tags off", "changed"),
    Bulk.ARCHIVE: Words(
        "Archive", "Archive", "archived", "Lists leave them out until they are asked for them."
    ),
    Bulk.UNARCHIVE: Words("Take out of the archive:", "Unarchive", "taken out of the archive"),
    Bulk.DELETE: Words(
        "Delete", "Move to the trash", "moved to the trash", "The trash keeps them for a while.",
        "danger",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class BulkPage:
    """Context of the page that asks."""

    action: Bulk = about("What is to be done.")
    words: Words = about("How it is asked.")
    runs: list[TrainingRun] = about("The runs that are there, the newest first.")
    missing: int = about("Ids of no run, or of one in the trash.")
    live: int = about("Runs that wait or train.")
    needs_tags: bool = about("True where tags have to be named.")
    tags: list[str] = about("Tags to offer.")
    back: str = about("Address of the table that was left.")
    found: int = about("Runs that the table's filter finds, where all of them were asked for.")
    typed: str = ""
    problem: str = ""

    @property
    def can_be_done(self) -> bool:
        """False where no run is left to which the action would do anything."""
        return bool(self.live if self.action == Bulk.CANCEL else self.runs)


@require_http_methods(["GET", "HEAD", "POST"])
def bulk(request: HtmxRequest) -> HttpResponse:
    """GET asks, POST does."""
    given = request.POST if request.method == "POST" else request.GET
    back = _back(given)
    uids, found = _chosen(given)
    if given.get("action") not in list(Bulk):
        messages.error(request, "Choose what to do with the ticked runs.")
        return redirect(back)
    action = Bulk(given["action"])
    if not uids or len(uids) > MOST_RUNS:
        wrong = f"at most {MOST_RUNS} runs" if uids else "at least one run"
        messages.error(request, f"Tick {wrong} of the table, then choose what to do with them.")
        return redirect(back)
    if request.method != "POST":
        return render(request, "runs/bulk.html", {"page": _page(action, uids, back, found)})
    typed = given.get("tags", "")
    try:
        tags = _tags(action, typed)
    except ConfigInvalid as invalid:
        page = _page(action, uids, back, found, typed, invalid.errors[0].message)
        return render(request, "runs/bulk.html", {"page": page}, status=422)
    _tell(request, action, do_to_all(action, uids, tags=tags, cancel="cancel" in given))
    return redirect(back)


def _tags(action: Bulk, typed: str) -> tuple[str, ...]:
    if action not in TAGGING:
        return ()
    tags = read_tags(typed)
    if not tags:
        raise ConfigInvalid([FieldError("tags", "must name at least one tag, such as baseline")])
    return tags


def _chosen(given: QueryDict) -> tuple[list[str], int]:
    """Ids of the runs, and how many the filter finds where all it finds were asked for.

    These are the first of the table's order, up to ``MOST_RUNS``; the page that asks then names
    them one by one, so what is done is what was shown.
    """
    if given.get("all") != "found":
        return known_ids(given.getlist("ids")), 0
    runs = filter_runs(read_filter(QueryDict(given.get("back", "")))[0])
    return list(runs.values_list("uid", flat=True)[:MOST_RUNS]), runs.count()


def _page(
    action: Bulk, uids: list[str], back: str, found: int = 0, typed: str = "", problem: str = ""
) -> BulkPage:
    runs = list(
        TrainingRun.objects.visible()
        .filter(uid__in=uids)
        .order_by("-pk")
        .only("uid", "name", "status", "cancel_requested_at")
    )
    return BulkPage(
        action=action,
        words=WORDS[action],
        runs=runs,
        missing=len(uids) - len(runs),
        live=sum(run.status in LIVE for run in runs),
        needs_tags=action in TAGGING,
        tags=known_tags() if action in TAGGING else [],
        back=back,
        found=found,
        typed=typed,
        problem=problem,
    )


def _tell(request: HtmxRequest, action: Bulk, result: BulkDone) -> None:
    if result.done:
        count = len(result.done)
        said = "was" if count == 1 else "were"
        runs = f"{count} run{'s' * (count != 1)}"
        messages.success(request, f"{runs} {said} {WORDS[action].done}.")
    for sentence in list(result.failed.values())[:SHOWN_FAULTS]:
        messages.error(request, sentence)
    if (more := len(result.failed) - SHOWN_FAULTS) > 0:
        messages.error(request, f"{more} more runs were not changed for reasons such as these.")


def _back(given: QueryDict) -> str:
    """The table that was left, by its query string; never another address."""
    query = QueryDict(given.get("back", "")).urlencode()
    return f"/runs?{query}" if query else "/runs"
