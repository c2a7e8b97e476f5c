"""The run table, its live rows, its named views, and what is done to several runs at once."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from runs_app.choices import Judged, RunStatus
from runs_app.comparison.wish import read_wish
from runs_app.forecasting.config.schema import Variant
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forms.chips import chips, is_long, short_query
from runs_app.forms.filters import not_heeded, read_columns, read_filter
from runs_app.forms.numbers import whole_number
from runs_app.run_table.columns import COLUMNS, DEFAULT, FIGURES
from runs_app.run_table.live import MOST_ROWS, standing
from runs_app.run_table.page import choices
from runs_app.run_table.page import run_list as run_list_page
from runs_app.run_table.wanted import ARCHIVED, PAGE_SIZES
from runs_app.services.bulk import MOST_RUNS
from runs_app.services.views import delete_view, save_view
from runs_app.views.request import HtmxRequest


@require_safe
@vary_on_headers("HX-Request")
def run_list(request: HtmxRequest) -> HttpResponse:
    """Search, filter, order and page through the runs; the table alone for htmx."""
    if is_long(request.GET) and not request.htmx:
        query = short_query(request.GET)
        return redirect(f"{request.path}?{query}" if query else request.path)
    wanted, problems = read_filter(request.GET)
    page = run_list_page(wanted)
    if request.htmx:
        return render(request, "runs/list.html#table", {"page": page, "most_runs": MOST_RUNS})
    context = {
        "page": page,
        "most_runs": MOST_RUNS,
        "problems": problems,
        "not_heeded": not_heeded(request.GET),
        "chips": chips(wanted, request.GET),
        "choices": choices(wanted),
        "statuses": RunStatus.choices,
        "outcomes": Judged.choices,
        "presets": [str(one) for one in Variant],
        "archives": ARCHIVED.items(),
        "figures": FIGURES,
        "page_sizes": PAGE_SIZES,
    }
    return render(request, "runs/list.html", context)


@require_safe
def live_rows(request: HtmxRequest) -> HttpResponse:
    """The rows asked for as they stand; 304 where nothing changed since the answer before."""
    uids = read_wish(request.GET).uids[:MOST_ROWS]
    newest = whole_number(request.GET.get("newest", "0")) or 0
    columns = read_columns(request.GET)
    form = f"{columns} {request.GET.get('picks', '')}"
    found = standing(uids, newest, form)
    tag = f'"{found.etag}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "X-Newer-Runs": str(found.newer)}
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers=headers)
    context = {
        "lines": found.lines(),
        "columns": [COLUMNS[key] for key in columns],
        "chosen": columns != DEFAULT,
    }
    answer = render(request, "runs/_rows.html", context)
    for name, value in headers.items():
        answer[name] = value
    return answer


@require_POST
def view_save(request: HtmxRequest) -> HttpResponse:
    """Give the address of the table a name."""
    query = QueryDict(request.POST.get("query", "")).urlencode()
    try:
        view = save_view(request.POST.get("name", ""), query)
    except ConfigInvalid as invalid:
        messages.error(request, f"The view was not saved: {invalid}")
        return redirect(f"/runs?{query}" if query else "/runs")
    messages.success(request, f"The view “{view.name}” was saved.")
    return redirect(f"/runs?{view.query}" if view.query else "/runs")


@require_POST
def view_delete(request: HtmxRequest, pk: int) -> HttpResponse:
    """Forget a named view."""
    delete_view(pk)
    return redirect("runs:run_list")
