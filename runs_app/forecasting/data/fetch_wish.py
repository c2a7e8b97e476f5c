"""What is wished of an exchange, and where it is kept while it comes. Light: no ccxt, no numpy."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from runs_app.forecasting.config.timeframes import TIMEFRAMES, duration_seconds
from runs_app.forecasting.data.endings import suffix_of
from runs_app.forecasting.errors import ConfigInvalid, FieldError

EXCHANGES: tuple[str, ...] = (
    "binance", "binanceus", "bingx", "bitfinex", "bitget", "bithumb", "bitstamp", "bitvavo",
    "bybit", "coinbase", "cryptocom", "gate", "gemini", "htx", "kraken", "kucoin", "mexc", "okx",
    "phemex", "poloniex", "upbit", "whitebit",
)  # fmt: skip
"""The spot exchanges that may be asked, by ccxt's names; each answers without a key."""

FIRST_MS = 1_230_768_000_000
"""2009-01-01: no candle of any of them is older."""

_SYMBOL = re.compile(r"[A-Z0-9.\-]{1,20}/[A-Z0-9.\-]{1,20}")
_FILE_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_STATE_FILE = "state.json"


class FetchWish(BaseModel):
    """One request for candles; instants are milliseconds since 1970 UTC, ``until_ms`` excluded."""

    model_config = ConfigDict(frozen=True)

    exchange: str
    symbol: str
    timeframe: str
    since_ms: int
    until_ms: int | None
    name: str
    """Of the file to be, without an ending."""

    @property
    def bar_ms(self) -> int:
        """Length of a candle."""
        return duration_seconds(self.timeframe) * 1000

    @property
    def key(self) -> str:
        """Names the folder of what has come so far: the same wish goes on from there."""
        told = json.dumps(self.model_dump(exclude={"name"}), sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:24]


class FetchState(BaseModel):
    """How far a fetch has come."""

    rows: int = 0
    """Candles that are safely on the disk."""
    next_ms: int = 0
    """Where the next page begins; 0 before the first."""
    first_ms: int | None = None
    last_ms: int | None = None
    written: tuple[int, int, int] | None = None
    """Inode, size and time (ns) of the whole file, noted before it gets its name."""


def read_state(folder: Path) -> FetchState:
    """What has come of a wish; an empty state where nothing has or it cannot be read."""
    try:
        return FetchState.model_validate_json((folder / _STATE_FILE).read_bytes())
    except (OSError, ValueError):
        return FetchState()


def state_path(folder: Path) -> Path:
    """Where a fetch keeps how far it is."""
    return folder / _STATE_FILE


def read_wish(
    exchange: str, symbol: str, timeframe: str, since: str, until: str = "", name: str = ""
) -> FetchWish:
    """A wish from what a person typed; dates are ``2024-01-31`` or with a time, in UTC.

    Raises ``ConfigInvalid`` with every field that is wrong.
    """
    errors: list[FieldError] = []
    exchange, symbol = exchange.strip().lower(), symbol.strip().upper()
    if exchange not in EXCHANGES:
        errors.append(FieldError("exchange", f"must be one of {', '.join(EXCHANGES)}"))
    if not _SYMBOL.fullmatch(symbol):
        errors.append(FieldError("symbol", "must be base/quote of a spot market, such as BTC/USDT"))
    if timeframe not in TIMEFRAMES:
        errors.append(FieldError("timeframe", f"must be one of {', '.join(TIMEFRAMES)}"))
    since_ms = _instant("since", since, errors) if since.strip() else FIRST_MS
    until_ms = _instant("until", until, errors) if until.strip() else None
    if since_ms > _now_ms():
        errors.append(FieldError("since", "lies in the future; choose a date that has passed"))
    if until_ms is not None and until_ms <= since_ms:
        errors.append(FieldError("until", "must be later than the beginning"))
    stem = name.strip() or f"{exchange}_{symbol.replace('/', '-')}_{timeframe}"
    ending = suffix_of(stem)
    stem = stem[: -len(ending)] if ending else stem
    if not _FILE_STEM.fullmatch(stem):
        errors.append(
            FieldError("name", "may hold letters, digits, '.', '_' and '-', 80 at most; no folder")
        )
    if errors:
        raise ConfigInvalid(errors)
    return FetchWish(
        exchange=exchange, symbol=symbol, timeframe=timeframe,
        since_ms=max(since_ms, FIRST_MS), until_ms=until_ms, name=stem,
    )  # fmt: skip


def _instant(field: str, text: str, errors: list[FieldError]) -> int:
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        errors.append(
            FieldError(field, f"is no date: {text[:40]!r}; write 2024-01-31 or 2024-01-31T12:00")
        )
        return 0


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
