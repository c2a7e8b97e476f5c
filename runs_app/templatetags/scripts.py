"""Scripts of the pages: a module is fetched together with all that it imports."""

from __future__ import annotations

import posixpath
import re
from functools import cache
from pathlib import Path

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

IMPORTED = re.compile(r'^(?:import|export)\b[^;"]*"(\.[^"]+)"', re.MULTILINE)


@register.simple_tag
def module(path: str) -> SafeString:
    """The script element of an ES module, and a hint for each file that it needs.

    Without the hints a browser learns of an import only when it has read the file with it, one
    round trip and one wait for the main thread for every level.
    """
    hints = format_html_join(
        "", '<link rel="modulepreload" href="{}">', ((static(one),) for one in needed_by(path))
    )
    return format_html('{}<script type="module" src="{}"></script>', hints, static(path))


@cache
def needed_by(path: str) -> tuple[str, ...]:
    """Static paths of all modules that this one imports, directly or not.

    Raises ``FileNotFoundError`` where one of them does not exist.
    """
    found: dict[str, None] = {path: None}
    waiting = [path]
    while waiting:
        importer = waiting.pop()
        for name in IMPORTED.findall(_text(importer)):
            one = posixpath.normpath(posixpath.join(posixpath.dirname(importer), name))
            if one not in found:
                found[one] = None
                waiting.append(one)
    return tuple(found)[1:]


def _text(path: str) -> str:
    place = finders.find(path)
    if place is None:
        raise FileNotFoundError(f"there is no static file {path}")
    return Path(place).read_text(encoding="utf-8")
