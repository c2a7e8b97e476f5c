"""What a colleague's passport asks for here: its configuration, on the same candles if they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runs_app.forecasting.config.document import validate
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forecasting.passport import Passport, PassportInvalid, parse_passport
from runs_app.models import DataSet


@dataclass(frozen=True)
class OpenedPassport:
    """A configuration to build a run from."""

    name: str
    config: dict[str, Any]
    """Complete; ``data.source`` is the path of the candles here, where they are."""
    missing: str
    """Why its candles cannot be taken, in a sentence; empty where they are here."""


def open_passport(text: str, file_name: str) -> OpenedPassport:
    """Read a passport and find its candles by their fingerprint. Raises ``PassportInvalid``."""
    passport = parse_passport(text, file_name)
    try:
        validate(passport.config)
    except ConfigInvalid as error:
        raise PassportInvalid(
            f"{file_name} has a configuration that this version does not know: {error}"
        ) from error
    found, missing = _candles(passport)
    data = {**passport.config["data"], "source": found or passport.config["data"]["source"]}
    return OpenedPassport(passport.name, {**passport.config, "data": data}, missing)


def _candles(passport: Passport) -> tuple[str, str]:
    """Path of the passport's candles, or a sentence why there is none."""
    source = passport.config["data"]["source"]
    if passport.environment is None:
        return "", (
            f"The passport's run read no candles, so that nobody can tell whether {source} here is "
            "the same file; look before you start."
        )
    wanted = passport.environment.data.candles_sha256
    paths = list(DataSet.objects.filter(candles_sha256=wanted).values_list("path", flat=True))
    if paths:
        return source if source in paths else paths[0], ""
    return "", (
        f"The candles of the passport ({source}, SHA-256 {wanted[:12]}…) are not here: put the "
        "file into DATA_ROOT and open the passport again, or choose other candles."
    )
