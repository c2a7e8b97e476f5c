"""``python -m runs_app.forecasting.data.fetch WISH``: fetch candles of an exchange, page by page.

Works for ``--seconds`` at most and then says how far it is: whoever wants the rest starts it again.
Each page is on the disk before the next is asked for, so it may be killed at any moment. One JSON
object on standard output is the answer (``done``, ``bars``, ``first_ms``, ``last_ms``; once done
``file`` and ``notes``); a sentence on standard error is a refusal, with the exit status of
``EXIT_CODES`` for data, or for a disk that is full.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from runs_app.forecasting.counted import counted
from runs_app.forecasting.data.exchange import Abandoned, Exchange, Patience, Row
from runs_app.forecasting.data.fetch_wish import FetchState, FetchWish, read_state
from runs_app.forecasting.data.fetched_rows import FetchedRows, Held, held
from runs_app.forecasting.data.new_file import settle_as
from runs_app.forecasting.errors import DISK_FULL, DataInvalid, is_disk_full
from runs_app.forecasting.events import EXIT_CODES, Reason

PROVENANCE = b"fetched"
NAMES = ("open", "high", "low", "close", "volume")


def main(arguments: list[str] | None = None) -> int:
    """Fetch, or go on; the exit status."""
    options = _options(arguments)
    wish = FetchWish.model_validate_json(options.wish)
    try:
        # A worker that stood still may come back while another has taken its fetch up.
        with held(options.folder, options.wait) as rows:
            answer = _answer(wish, rows, options)
    except Held as error:
        if not options.wait:
            return _refuse(str(error))
        answer = _how_far(read_state(options.folder), done=False)
    except DataInvalid as error:
        return _refuse(str(error))
    except OSError as error:
        if is_disk_full(error):
            return _refuse(DISK_FULL, Reason.DISK_FULL)
        return _refuse(f"the candles cannot be kept: {error.strerror or error}")
    print(json.dumps(answer))
    return 0


def collect(wish: FetchWish, exchange: Exchange, rows: FetchedRows, until: float) -> bool:
    """Fetch page by page until all is there (True) or the monotonic time ``until`` has come.

    One page at least is fetched, so that slices of any length come to an end. Raises ``Abandoned``.
    """
    bar = wish.bar_ms
    while (since := max(rows.state.next_ms, wish.since_ms)) + bar <= _end_ms(wish):
        asked_at = _end_ms(wish)
        kept = new_rows(exchange.page(since), since=since, end=asked_at, bar=bar)
        if kept:
            rows.add(kept, int(kept[-1][0]) + bar)
        else:  # nothing within a page: a long gap, or the time before or after all candles
            beyond = min(since + exchange.page_bars * bar, asked_at)
            rows.add([], exchange.next_day(beyond, asked_at))
        exchange.check_starter()
        if time.monotonic() > until:
            return False
    return True


def new_rows(page: list[Row], *, since: int, end: int, bar: int) -> list[Row]:
    """Of a page the candles from ``since`` on that have closed by ``end``, ascending, each once.

    A candle is unfinished as long as its end lies ahead, whatever the exchange has put into it.
    """
    by_time = {
        int(row[0]): [float("nan") if value is None else float(value) for value in row[:6]]
        for row in page
        if since <= row[0] and row[0] + bar <= end
    }
    return [by_time[at] for at in sorted(by_time)]


def _answer(wish: FetchWish, rows: FetchedRows, options: argparse.Namespace) -> dict[str, Any]:
    until = time.monotonic() + options.seconds
    patience = Patience(tries=options.tries, pause=options.pause)
    if file := rows.named_in(options.out):  # whoever did that was gone before it could say so
        _part(options.out, wish).unlink(missing_ok=True)
        known = json.loads(parquet.read_schema(file).metadata[PROVENANCE])
        return _finished(wish, rows, file.name, known)
    try:
        exchange = Exchange(wish, options.mirror, patience)
        done = collect(wish, exchange, rows, until)
    except Abandoned:
        done = False
    if not done:
        return _how_far(rows.state, done=False)
    if rows.state.rows < 2:
        raise DataInvalid(
            f"{wish.exchange} has {rows.state.rows} candle(s) of {wish.symbol} in that time; "
            "choose an earlier start or another market"
        )
    provenance = _provenance(wish, rows.state)
    made = write_file(rows, provenance, options.out, wish)
    return _finished(wish, rows, made, provenance)


def _how_far(state: FetchState, *, done: bool) -> dict[str, Any]:
    return {
        "done": done, "bars": state.rows, "first_ms": state.first_ms, "last_ms": state.last_ms,
        "next_ms": state.next_ms,
    }  # fmt: skip


def _finished(
    wish: FetchWish, rows: FetchedRows, file: str, provenance: dict[str, Any]
) -> dict[str, Any]:
    told = {"file": file, "provenance": provenance, "notes": _notes(wish, rows)}
    return _how_far(rows.state, done=True) | told


def write_file(rows: FetchedRows, provenance: dict[str, Any], folder: Path, wish: FetchWish) -> str:
    """Write what has come as Parquet into ``folder``, whole or not at all; the name it got."""
    values = rows.values()
    times = pa.array(values[:, 0].astype("int64"), pa.int64()).cast(pa.timestamp("ms", "UTC"))
    columns = {name: pa.array(values[:, at]) for at, name in enumerate(NAMES, start=1)}
    table = pa.table({"time": times, **columns})
    table = table.replace_schema_metadata({PROVENANCE: json.dumps(provenance).encode()})
    part = _part(folder, wish)
    try:
        parquet.write_table(table, part, compression="zstd")
        rows.note_written(part)
        return settle_as(part, folder, f"{wish.name}.parquet")
    finally:
        part.unlink(missing_ok=True)


def _part(folder: Path, wish: FetchWish) -> Path:
    return folder / f".fetch-{wish.key}.part"


def _provenance(wish: FetchWish, state: FetchState) -> dict[str, Any]:
    return {
        "exchange": wish.exchange, "symbol": wish.symbol, "timeframe": wish.timeframe,
        "asked_from": _iso(wish.since_ms), "asked_until": _iso(wish.until_ms),
        "first_open": _iso(state.first_ms), "last_open": _iso(state.last_ms),
        "fetched_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }  # fmt: skip


def _notes(wish: FetchWish, rows: FetchedRows) -> list[str]:
    """What a person should know of what came."""
    times = rows.values()[:, 0].astype("int64")
    missing = int((np.diff(times) // wish.bar_ms - 1).sum())
    notes = []
    if times[0] > wish.since_ms:
        notes.append(f"{wish.exchange} gives candles only from {_iso(int(times[0]))} on")
    if missing:
        notes.append(
            f"{counted(missing, 'bar is', 'bars are')} missing at the exchange; gaps are kept as "
            "they are"
        )
    return notes


def _end_ms(wish: FetchWish) -> int:
    """Candles that close by this instant are fetched: now, or the end that was asked for."""
    now = int(time.time() * 1000)
    return now if wish.until_ms is None else min(now, wish.until_ms)


def _iso(ms: int | None) -> str | None:
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refuse(sentence: str, reason: Reason = Reason.DATA) -> int:
    print(sentence, file=sys.stderr)
    return EXIT_CODES[reason]


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m runs_app.forecasting.data.fetch")
    parser.add_argument("wish", help="a FetchWish as JSON")
    parser.add_argument("--folder", type=Path, required=True, help="where pages are kept")
    parser.add_argument("--out", type=Path, required=True, help="where the file appears")
    parser.add_argument("--seconds", type=float, default=3600.0, help="work no longer than that")
    parser.add_argument(
        "--wait", type=float, default=0.0, help="seconds to wait for another that fetches the same"
    )
    parser.add_argument("--mirror", default="", help="address to use instead of the exchange's own")
    parser.add_argument("--tries", type=int, default=8)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds before the second try")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
