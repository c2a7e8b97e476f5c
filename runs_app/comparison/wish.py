"""What the address of a comparison asks for. Everything that is chosen on the page stands in it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import dropwhile

from django.http import QueryDict

from runs_app.series import MOST_CURVES

X_AXES = {"step": "Step", "epoch": "Epoch", "time": "Time trained"}
MAX_ADDRESS_IDS = 500
"""Ids that are read of an address; what comes after them is not even counted."""

_LONGEST_ID = 16


@dataclass(frozen=True)
class Wish:
    """A read address; always valid, whatever the address held."""

    places: tuple[str, ...] = ()
    """Ids in order; an empty place is that of a run which was taken away, so that the others keep
    their colours."""
    unreadable: tuple[str, ...] = ()
    """What stands among the ids and can be none, cut to a readable length."""
    x: str = "step"
    base: str = ""
    """The run whose column the others are read against."""
    every: bool = False
    """Settings that do not differ, too."""

    @property
    def uids(self) -> tuple[str, ...]:
        """The ids without empty places."""
        return tuple(uid for uid in self.places if uid)

    @property
    def too_many(self) -> bool:
        """True where more runs are asked for than can be shown."""
        return len(self.uids) > MOST_CURVES


def read_wish(params: QueryDict) -> Wish:
    """The wish in a query string: ``ids=a,b`` or ``ids=a&ids=b``, each id once."""
    raw = ",".join(params.getlist("ids")).split(",")[:MAX_ADDRESS_IDS]
    places: list[str] = []
    unreadable: list[str] = []
    for text in (one.strip() for one in raw):
        if text and not _is_id(text):
            unreadable.append(_readable(text))
        elif not text or text not in places:
            places.append(text)
    x = params.get("x", "step")
    base = params.get("base", "")
    return Wish(
        places=_compact(places),
        unreadable=tuple(dict.fromkeys(unreadable)),
        x=x if x in X_AXES else "step",
        base=base if base in places and base else "",
        every=params.get("all") == "1",
    )


def _is_id(text: str) -> bool:
    return text.isascii() and text.isalnum() and len(text) <= _LONGEST_ID


def _readable(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[:24])
    return f"{shown}…" if len(text) > 24 else shown


def _compact(places: list[str]) -> tuple[str, ...]:
    """Without empty places at the end; without any where the colours would not suffice."""
    kept = list(dropwhile(lambda uid: not uid, reversed(places)))[::-1]
    return tuple(kept) if len(kept) <= MOST_CURVES else tuple(uid for uid in kept if uid)


def without(places: tuple[str, ...], uid: str) -> str:
    """The ids as an address has them, with the place of one run left empty."""
    left = ",".join("" if one == uid else one for one in places)
    return left.rstrip(",")
