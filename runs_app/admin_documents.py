"""Columns of JSON in the admin: readable, one key a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, cast

from django.contrib import admin
from django.db.models import JSONField, Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

SUFFIX = "_document"


class Documents(admin.ModelAdmin):  # type: ignore[type-arg]  # no subscripts at run time
    """Shows every column of JSON so; nobody edits one."""

    def __init__(self, model: type[Model], site: admin.AdminSite) -> None:
        super().__init__(model, site)
        for column in json_columns(model):
            setattr(self, column + SUFFIX, _reader(column))

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Those of the model, or those named."""
        return as_documents(self.model, cast("tuple[str, ...]", super().get_fields(request, obj)))


def document(value: Any, name: str) -> SafeString | str:
    """The document, that keys can scroll; a dash where there is none."""
    if value is None:
        return "–"
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="payload" tabindex="0" aria-label="{}">{}</pre>', name, text)


def json_columns(model: type[Model]) -> frozenset[str]:
    """The names of the columns of JSON."""
    return frozenset(one.name for one in model._meta.fields if isinstance(one, JSONField))


def as_documents(model: type[Model], names: Iterable[str]) -> tuple[str, ...]:
    """The names of fields, for columns of JSON those under which ``Documents`` shows them."""
    columns = json_columns(model)
    return tuple(name + SUFFIX if name in columns else name for name in names)


def _reader(column: str) -> Callable[[Model], SafeString | str]:
    @admin.display(description=column)
    def shown(row: Model) -> SafeString | str:
        return document(getattr(row, column), column)

    return shown
