"""Name, tags, note and archive of a run: what people call it, and whether lists show it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from runs_app.errors import RunNotFound
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.models import MAX_NOTE, TrainingRun
from runs_app.services.launch import clean_name
from runs_app.services.trash import refuse_trashed

MAX_TAGS = 10
MAX_TAG = 30
_ALSO = frozenset("._-:/+=")


@dataclass(frozen=True)
class RunEdit:
    """What is to change; None leaves it as it is."""

    name: str | None = None
    tags: tuple[str, ...] | None = None
    note: str | None = None
    archived: bool | None = None


def is_tag(word: str) -> bool:
    """Whether a word can be a tag: letters, digits and a few signs, no space, no comma."""
    return 0 < len(word) <= MAX_TAG and all(one.isalnum() or one in _ALSO for one in word)


def read_tags(value: Any) -> tuple[str, ...]:
    """Tags from a list of texts, or from one text that parts them by commas or spaces.

    In small letters, each once, in alphabetical order. Raises ``ConfigInvalid`` at ``tags``.
    """
    if isinstance(value, str):
        words = value.replace(",", " ").split()
    elif isinstance(value, list) and all(isinstance(word, str) for word in value):
        words = [word.strip() for word in value]
    else:
        raise _refused('must be a list of texts such as ["baseline"]')
    for word in words:
        if not is_tag(word.lower()):
            shown = "".join(one if one.isprintable() else "?" for one in word[:40])
            raise _refused(
                f"holds “{shown}”; a tag has 1 to {MAX_TAG} letters, digits or . _ - : / + ="
            )
    tags = tuple(sorted({word.lower() for word in words}))
    _check_count(tags)
    return tags


def read_note(value: Any) -> str:
    """A note as it is stored: lines stay, space around them goes.

    Raises ``ConfigInvalid`` at ``note``.
    """
    if not isinstance(value, str):
        raise ConfigInvalid([FieldError("note", "must be text")])
    note = "\n".join(line.strip() for line in value.strip().splitlines())
    if len(note) > MAX_NOTE:
        sentence = f"must have at most {MAX_NOTE:,} characters; it has {len(note):,}"
        raise ConfigInvalid([FieldError("note", sentence)])
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in note.replace("\n", "")):
        raise ConfigInvalid([FieldError("note", "holds a control character; remove it")])
    return note


def read_edit(given: dict[str, Any]) -> RunEdit:
    """An edit from ``name``, ``tags``, ``note`` and ``archived``, one of them at least.

    Raises ``ConfigInvalid``.
    """
    faults = [
        FieldError(key, "is not a known key; there are name, tags, note and archived")
        for key in sorted(given.keys() - {"name", "tags", "note", "archived"})
    ]
    archived = given.get("archived")
    if "archived" in given and not isinstance(archived, bool):
        faults.append(FieldError("archived", "must be true or false"))
    if not given:
        faults.append(FieldError("name", "or tags, note or archived is required"))
    read: dict[str, Any] = {"archived": archived}
    for key, reader in (("name", clean_name), ("tags", read_tags), ("note", read_note)):
        try:
            read |= {key: reader(given[key])} if key in given else {}
        except ConfigInvalid as invalid:
            faults += invalid.errors
    if faults:
        raise ConfigInvalid(faults)
    return RunEdit(**read)


def edit_run(uid: str, edit: RunEdit) -> TrainingRun:
    """Rename, tag, annotate or archive a run and return it.

    Raises ``RunNotFound`` and ``RunInTrash``.
    """
    run = TrainingRun.objects.filter(uid=uid).first()
    if run is None:
        raise RunNotFound(f"There is no run {uid}.")
    refuse_trashed(run)
    changes: dict[str, Any] = {}
    if edit.name is not None:
        changes["name"] = edit.name
    if edit.tags is not None:
        changes["tags"] = _stored(edit.tags)
    if edit.note is not None:
        changes["note"] = edit.note
    if edit.archived is not None and edit.archived != run.is_archived:
        changes["archived_at"] = Now() if edit.archived else None
    if changes:
        TrainingRun.objects.filter(pk=run.pk).update(**changes)
        run.refresh_from_db()
    return run


def change_tags(uid: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> TrainingRun:
    """Give a run further tags, or take some away.

    Raises ``RunNotFound``, ``RunInTrash``, and ``ConfigInvalid`` where it would have too many.
    """
    with transaction.atomic():
        run = TrainingRun.objects.select_for_update().filter(uid=uid).first()
        if run is None:
            raise RunNotFound(f"There is no run {uid}.")
        refuse_trashed(run)
        tags = tuple(sorted(({*run.tag_list} | {*add}) - {*remove}))
        _check_count(tags)
        TrainingRun.objects.filter(pk=run.pk).update(tags=_stored(tags))
    run.refresh_from_db()
    return run


def _stored(tags: Iterable[str]) -> str:
    text = ",".join(tags)
    return f",{text}," if text else ""


def _check_count(tags: tuple[str, ...]) -> None:
    if len(tags) > MAX_TAGS:
        raise _refused(f"must be at most {MAX_TAGS}; these would be {len(tags)}")


def _refused(sentence: str) -> ConfigInvalid:
    return ConfigInvalid([FieldError("tags", sentence)])
