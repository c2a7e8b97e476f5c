"""Columns of JSON in the admin: readable, one key a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.db.models import JSONField, Model
from django.utils.html import format_html
from django.utils.safestring import SafeString

SUFFIX = "_document"


def document(value: Any, name: str) -> SafeString | str:
    """The document, that keys can scroll; a dash where there is none."""
    if value is None:
        return "–"
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="payload" tabindex="0" aria-label="{}">{}</pre>', name, text)


def readers(model: type[Model]) -> dict[str, Callable[[Model], SafeString | str]]:
    """What shows each column of JSON of a model, by the name that stands for it in the admin."""
    columns = [field.name for field in model._meta.fields if isinstance(field, JSONField)]
    return {column + SUFFIX: _reader(column) for column in columns}


def as_documents(model: type[Model], names: Iterable[str]) -> tuple[str, ...]:
    """The names of fields, with those of ``readers`` for columns of JSON."""
    columns = {field.name for field in model._meta.fields if isinstance(field, JSONField)}
    return tuple(name + SUFFIX if name in columns else name for name in names)


def _reader(column: str) -> Callable[[Model], SafeString | str]:
    @admin.display(description=column)
    def shown(row: Model) -> SafeString | str:
        return document(getattr(row, column), column)

    return shown
