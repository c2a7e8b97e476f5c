"""Named views of the run table: an address with a name, shared by all who use the product."""

from __future__ import annotations

from django.http import QueryDict

from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.saved_views import SavedView
from runs_app.services.launch import clean_name

MAX_NAME = 60
MAX_QUERY = 2000
"""As the column holds."""

MAX_VIEWS = 200
_NOT_KEPT = ("page", "csrfmiddlewaretoken")


def save_view(name: str, query: str) -> SavedView:
    """Give an address a name, in place of what had it before. Raises ``ConfigInvalid``."""
    label = clean_name(name)
    if not 0 < len(label) <= MAX_NAME:
        raise ConfigInvalid([FieldError("name", f"must have 1 to {MAX_NAME} characters")])
    kept = QueryDict(query, mutable=True)
    for key in _NOT_KEPT:
        kept.pop(key, None)
    text = kept.urlencode()
    if len(text) > MAX_QUERY:
        raise ConfigInvalid([FieldError("name", "cannot be given to so long an address")])
    if SavedView.objects.count() >= MAX_VIEWS and not SavedView.objects.filter(name=label).exists():
        raise ConfigInvalid(
            [FieldError("name", f"would be one more than {MAX_VIEWS} views; delete one first")]
        )
    view, _ = SavedView.objects.update_or_create(name=label, defaults={"query": text})
    return view


def delete_view(pk: int) -> None:
    """Forget a view; one that is not there is forgotten already."""
    SavedView.objects.filter(pk=pk).delete()
