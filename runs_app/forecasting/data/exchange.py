"""One exchange through ccxt: its markets, one page of candles, its own hosts and no others."""

from __future__ import annotations

import difflib
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import ccxt
import requests
from requests.adapters import HTTPAdapter

from runs_app.forecasting.counted import counted
from runs_app.forecasting.data.fetch_wish import FetchWish
from runs_app.forecasting.errors import DataInvalid

Row = list[float]
Answer = TypeVar("Answer")

TIMEOUT_MS = 20_000
DEFAULT_PAGE = 500
_DAY = "1d"
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Patience:
    """How an exchange that does not answer is asked again: waits double from ``pause`` seconds."""

    tries: int = 8
    pause: float = 1.0
    longest: float = 15.0
    sleep: Callable[[float], None] = field(default=time.sleep)


class Abandoned(Exception):
    """Whoever started this process has gone; what has come is kept for its successor."""


class Exchange:
    """A market of one exchange. Raises ``DataInvalid`` with a sentence for a person."""

    def __init__(self, wish: FetchWish, mirror: str, patience: Patience) -> None:
        self._wish = wish
        self._patience = patience
        self._starter = os.getppid()
        self._client = client_of(wish.exchange, mirror)
        self.requests = 0
        """Questions asked, repeated ones too."""
        offered = list(self._client.timeframes or {})
        if wish.timeframe not in offered:
            raise DataInvalid(
                f"{wish.exchange} offers no candles of {wish.timeframe}; "
                f"it has {', '.join(offered)}"
            )
        markets = self._ask(self._client.load_markets)
        if wish.symbol not in markets:
            raise DataInvalid(_unknown(wish, list(markets)))
        self.page_bars = _page_bars(self._client)

    def page(self, since_ms: int) -> list[Row]:
        """Candles from ``since_ms`` on as the exchange gives them, in whatever order."""
        return self._page(self._wish.timeframe, since_ms)

    def next_day(self, since_ms: int, until_ms: int) -> int:
        """Opening of the first day from ``since_ms`` on with candles, ``until_ms`` without one.

        ``since_ms`` itself where the exchange cannot tell. Spares pages over long empty times.
        """
        if _DAY not in self._client.timeframes or self._wish.timeframe == _DAY:
            return since_ms
        at = since_ms - since_ms % _DAY_MS
        while at < until_ms:
            days = [int(row[0]) for row in self._page(_DAY, at) if row[0] >= at]
            if days:
                return max(min(days), since_ms)
            at += self.page_bars * _DAY_MS
        return until_ms

    def _page(self, timeframe: str, since_ms: int) -> list[Row]:
        def ask() -> list[Row]:
            found: list[Row] = self._client.fetch_ohlcv(
                self._wish.symbol, timeframe, since_ms, self.page_bars
            )
            return found

        return self._ask(ask)

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """Ask until there is an answer; only what may pass by itself is asked again."""
        tried = 0
        while True:
            self.requests += 1
            try:
                return question()
            except ccxt.OperationFailed as error:
                tried += 1
                said = _short(error)
                if tried >= self._patience.tries:
                    raise DataInvalid(
                        f"{self._wish.exchange} could not be reached "
                        f"{counted(tried, 'time')} in a row ({said}); what has come is kept, "
                        "so fetch the same again later to go on"
                    ) from None
                self._wait(tried)
            except ccxt.BaseError as error:
                raise DataInvalid(
                    f"{self._wish.exchange} refuses the request ({_short(error)})"
                ) from None

    def _wait(self, tried: int) -> None:
        longest = min(self._patience.pause * 2 ** (tried - 1), self._patience.longest)
        seconds = longest * (0.5 + random.random() / 2)
        self.check_starter()
        self._patience.sleep(seconds)

    def check_starter(self) -> None:
        """Raises ``Abandoned`` where nobody waits for this process any more."""
        if os.getppid() != self._starter:
            raise Abandoned


def client_of(name: str, mirror: str) -> Any:
    """ccxt's client of an exchange, which reaches that exchange's hosts, or its mirror, alone."""
    client = getattr(ccxt, name)({"enableRateLimit": True, "timeout": TIMEOUT_MS})
    client.has["fetchCurrencies"] = False  # not needed, and some answer it only with a key
    types = client.options.get("fetchMarkets")
    if isinstance(types, dict) and "spot" in (types.get("types") or ()):
        types["types"] = ["spot"]
    client.options["defaultType"] = "spot"
    if mirror:
        client.urls["api"] = _moved(client.urls["api"], mirror)
    hosts = frozenset(_hosts(client.urls["api"], getattr(client, "hostname", None) or ""))
    client.session.mount("https://", _OwnHosts(hosts))
    client.session.mount("http://", _OwnHosts(hosts))
    return client


class _OwnHosts(HTTPAdapter):
    """Sends to the hosts of one exchange; a redirect to any other is refused, too."""

    def __init__(self, hosts: frozenset[str]) -> None:
        self._hosts = hosts
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        host = urlsplit(str(request.url)).netloc
        if host not in self._hosts:
            raise requests.exceptions.InvalidURL(f"{host} is no host of this exchange")
        return super().send(request, *args, **kwargs)


def _moved(urls: Any, mirror: str) -> Any:
    """The addresses of an exchange with scheme and host of a mirror; paths stay."""
    if isinstance(urls, Mapping):
        return {name: _moved(value, mirror) for name, value in urls.items()}
    if not isinstance(urls, str):
        return urls
    base, own = urlsplit(mirror), urlsplit(urls)
    path = base.path.rstrip("/") + own.path
    return urlunsplit((base.scheme, base.netloc, path, own.query, ""))


def _hosts(urls: Any, hostname: str) -> set[str]:
    if isinstance(urls, Mapping):
        return {host for value in urls.values() for host in _hosts(value, hostname)}
    return (
        {urlsplit(urls.replace("{hostname}", hostname)).netloc} if isinstance(urls, str) else set()
    )


def _page_bars(client: Any) -> int:
    spot = (client.features or {}).get("spot") or {}
    return int((spot.get("fetchOHLCV") or {}).get("limit") or DEFAULT_PAGE)


def _unknown(wish: FetchWish, markets: list[str]) -> str:
    near = difflib.get_close_matches(wish.symbol, markets, n=3, cutoff=0.6)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"{wish.exchange} has no spot market {wish.symbol}{hint}"


def _short(error: Exception) -> str:
    cause = error.__cause__  # what ccxt wraps says more where a foreign host was refused
    told = cause if isinstance(cause, requests.exceptions.InvalidURL) else error
    return " ".join(str(told).split())[:200]
