"""A local HTTP server that speaks the candle formats of Binance and of Kraken.

It has a market BTC/USDT with one-minute and daily candles, holes and a last candle that is not
finished. ``faults`` are answered first, one a request for candles: a status, ``"cut"`` (the
connection breaks), ``"short"`` (a page of 7), ``"again"`` (a page that begins ten candles early) or
``"elsewhere"`` (a redirect to another host).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MINUTE_MS = 60_000
DAY_MS = 86_400_000
LENGTHS_MS = {"1m": MINUTE_MS, "1d": DAY_MS}


class LocalExchange(ThreadingHTTPServer):
    """Candles open from ``first_ms`` to ``last_ms``; none opens inside a pair of ``holes``."""

    daemon_threads = True

    def __init__(
        self, first_ms: int, last_ms: int, holes: tuple[tuple[int, int], ...] = ()
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.first_ms, self.last_ms, self.holes = first_ms, last_ms, holes
        self.faults: list[int | str] = []
        self.pages: list[int] = []
        """``startTime`` of every request for candles of one minute that was answered."""
        self.pause = 0.0
        """Seconds before each page."""

    @property
    def url(self) -> str:
        """Its address, to be used as a mirror."""
        return f"http://127.0.0.1:{self.server_port}"

    def opens(self, start: int, bar: int, count: int) -> list[int]:
        """Opening times from ``start`` on, at most ``count``."""
        at = max(start, self.first_ms - self.first_ms % bar)
        at += -at % bar
        found: list[int] = []
        while at <= self.last_ms and len(found) < count:
            if not any(low <= at and at + bar <= high for low, high in self.holes):
                found.append(at)
            at += bar
        return found


def price(at: int) -> float:
    """The close of the minute that opens then: known, so that a test can tell it from another."""
    return 100.0 + at // MINUTE_MS % 1000 / 7


class _Handler(BaseHTTPRequestHandler):
    server: LocalExchange

    def do_GET(self) -> None:
        """Answer as the exchange would."""
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        answers: dict[str, Callable[[dict[str, str]], Any]] = {
            "/api/v3/exchangeInfo": lambda _: _BINANCE_MARKETS,
            "/api/v3/klines": self._klines,
            "/0/public/AssetPairs": lambda _: _KRAKEN_MARKETS,
            "/0/public/OHLC": self._kraken,
        }
        found = answers.get(address.path)
        answer = found(asked) if found else None
        if answer is not None:
            self._say(200, answer)
        elif not self.close_connection:
            self._say(404, {"code": -1, "msg": "no such address"})

    def _klines(self, asked: dict[str, str]) -> Any:
        server, bar = self.server, LENGTHS_MS[asked["interval"]]
        start, count = int(asked["startTime"]), int(asked["limit"])
        if bar == MINUTE_MS:
            fault = server.faults.pop(0) if server.faults else ""
            if fault == "short":
                count = 7
            elif fault == "again":
                start -= 10 * bar
            elif fault:
                return self._fail(fault)
            server.pages.append(start)
            time.sleep(server.pause)
        return [
            [at, _text(price(at)), _text(price(at) + 1), _text(price(at) - 1), _text(price(at)),
             "3.5", at + bar - 1, "0", 1, "0", "0", "0"]
            for at in server.opens(start, bar, count)
        ]  # fmt: skip

    def _kraken(self, asked: dict[str, str]) -> Any:
        bar = 60_000 * int(asked["interval"])
        newest = self.server.opens(max(self.server.last_ms - 719 * bar, 0), bar, 720)
        rows = [
            [at // 1000, *[_text(price(at) + d) for d in (0, 1, -1, 0)], "0", "3.5", 2]
            for at in newest
            if at // 1000 > int(float(asked["since"]))
        ]
        return {"error": [], "result": {"XXBTZUSD": rows, "last": newest[-1] // 1000}}

    def _fail(self, fault: int | str) -> None:
        self.close_connection = True
        if fault == "cut":
            self.connection.close()
        elif fault == "elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://localhost:9/secret")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._say(int(fault), {"code": -1003, "msg": "Too many requests."})

    def _say(self, status: int, answer: Any) -> None:
        text = json.dumps(answer).encode()
        with suppress(ConnectionError):  # who asked may have been killed
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _text(value: float) -> str:
    return f"{value:.8f}"


_BINANCE_MARKETS = {
    "timezone": "UTC",
    "serverTime": 0,
    "rateLimits": [],
    "exchangeFilters": [],
    "symbols": [
        {
            "symbol": f"{base}USDT", "status": "TRADING", "baseAsset": base, "quoteAsset": "USDT",
            "baseAssetPrecision": 8, "quotePrecision": 8, "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT"], "isSpotTradingAllowed": True, "isMarginTradingAllowed": False,
            "filters": [], "permissions": [], "permissionSets": [["SPOT"]],
        }
        for base in ("BTC", "ETH")
    ],
}  # fmt: skip
_KRAKEN_MARKETS = {
    "error": [],
    "result": {
        "XXBTZUSD": {
            "altname": "XBTUSD", "wsname": "XBT/USD", "aclass_base": "currency", "base": "XXBT",
            "aclass_quote": "currency", "quote": "ZUSD", "lot": "unit", "cost_decimals": 5,
            "pair_decimals": 1, "lot_decimals": 8, "lot_multiplier": 1, "leverage_buy": [],
            "leverage_sell": [], "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]],
            "fee_volume_currency": "ZUSD", "margin_call": 80, "margin_stop": 40,
            "ordermin": "0.0001",
            "costmin": "0.5", "tick_size": "0.1", "status": "online",
        }
    },
}  # fmt: skip


@contextmanager
def serving(
    first_ms: int, last_ms: int, holes: tuple[tuple[int, int], ...] = ()
) -> Iterator[LocalExchange]:
    """The server, answering until the block ends."""
    server = LocalExchange(first_ms, last_ms, holes)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
