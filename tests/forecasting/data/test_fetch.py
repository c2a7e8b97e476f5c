"""Candles of an exchange: every bar once, whatever happens on the way. Against a local server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ccxt
import pyarrow.parquet as pq
import pytest

from runs_app.forecasting.data import fetch
from runs_app.forecasting.data.candles import read_candles
from runs_app.forecasting.data.exchange import client_of
from runs_app.forecasting.data.fetch_wish import EXCHANGES, FetchWish, read_state, read_wish
from runs_app.forecasting.data.fetched_rows import held
from runs_app.forecasting.errors import ConfigInvalid, DataInvalid
from tests.exchange_server import DAY_MS, MINUTE_MS, LocalExchange, price, serving

FIRST = 1_704_067_200_000
BARS = 5000
LAST = FIRST + (BARS - 1) * MINUTE_MS
DEADLINE_SECONDS = 60


@pytest.fixture
def exchange() -> Iterator[LocalExchange]:
    with serving(FIRST, LAST) as server:
        yield server


def wish(**fields: str) -> FetchWish:
    asked = {"exchange": "binance", "symbol": "BTC/USDT", "timeframe": "1m", "since": "2024-01-01"}
    return read_wish(**{**asked, "until": "2024-01-10", **fields})


def arguments(asked: FetchWish, server: LocalExchange, folder: Path, **flags: Any) -> list[str]:
    flags = {"mirror": server.url, "pause": 0.01, **flags}
    more = [text for name, value in flags.items() for text in (f"--{name}", str(value))]
    return [asked.model_dump_json(), "--folder", str(folder / "pages"), "--out", str(folder), *more]


Fetch = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def run(exchange: LocalExchange, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Fetch:
    """Runs the command here; its status, its answer, and its sentence."""

    def do(asked: FetchWish, **flags: Any) -> tuple[int, dict[str, Any], str]:
        status = fetch.main(arguments(asked, exchange, tmp_path, **flags))
        out, err = capsys.readouterr()
        return status, json.loads(out) if out else {}, err.strip()

    return do


def opens(path: Path) -> list[int]:
    return [int(at.timestamp() * 1000) for at in pq.read_table(path)["time"].to_pylist()]


def test_every_bar_comes_once_in_order_with_its_own_price(run: Fetch, tmp_path: Path) -> None:
    status, answer, _ = run(wish())
    assert (status, answer["done"], answer["bars"]) == (0, True, BARS)
    path = tmp_path / "binance_BTC-USDT_1m.parquet"
    assert opens(path) == [FIRST + MINUTE_MS * bar for bar in range(BARS)]
    close = pq.read_table(path)["close"].to_pylist()
    assert close == [round(price(FIRST + MINUTE_MS * bar), 8) for bar in range(BARS)]
    candles, notes = read_candles(path, repair=False)
    assert (len(candles.open_time), candles.bar_seconds) == (BARS, 60)
    kept = json.loads(pq.read_schema(path).metadata[b"fetched"])
    assert (kept["exchange"], kept["symbol"]) == ("binance", "BTC/USDT")


@pytest.mark.parametrize(
    "faults",
    [
        [429, 429],
        [500, "cut", 418],
        ["short", "short", "short"],
        ["again", "again", "short", "again"],
        ["", "cut", "", 503],
    ],
)
def test_faults_of_the_exchange_leave_no_hole_and_no_double(
    run: Fetch, exchange: LocalExchange, tmp_path: Path, faults: list[int | str]
) -> None:
    exchange.faults = faults
    status, answer, err = run(wish())
    assert (status, answer.get("bars")) == (0, BARS), err
    assert opens(tmp_path / answer["file"]) == [FIRST + MINUTE_MS * bar for bar in range(BARS)]


def test_an_exchange_that_stays_away_is_told_and_the_next_try_goes_on(
    run: Fetch, exchange: LocalExchange
) -> None:
    exchange.faults = ["", "", *[503] * 3]
    status, _, err = run(wish(), tries=3)
    assert status == 12
    assert "binance could not be reached 3 times in a row" in err
    assert "fetch the same again later" in err
    asked = list(exchange.pages)
    status, answer, _ = run(wish())
    assert answer["bars"] == BARS
    assert exchange.pages[len(asked)] == FIRST + 2000 * MINUTE_MS  # after the last complete page


def test_killed_in_the_middle_it_goes_on_after_the_last_page(
    exchange: LocalExchange, tmp_path: Path, run: Fetch
) -> None:
    exchange.pause = 0.3
    command = [sys.executable, "-m", fetch.__name__, *arguments(wish(), exchange, tmp_path)]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while read_state(tmp_path / "pages").rows < 2000 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = read_state(tmp_path / "pages").rows
    assert 2000 <= before < BARS
    with (tmp_path / "pages" / "rows.f64").open("ab") as rows:
        rows.write(os.urandom(100))  # a page that was half written
    exchange.pause = 0.0
    exchange.pages.clear()
    _, answer, _ = run(wish())
    assert exchange.pages[0] == FIRST + before * MINUTE_MS
    assert opens(tmp_path / answer["file"]) == [FIRST + MINUTE_MS * bar for bar in range(BARS)]


def test_it_ends_when_whoever_started_it_has_gone(exchange: LocalExchange, tmp_path: Path) -> None:
    exchange.pause = 0.3
    program = "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]])"
    command = ["-m", fetch.__name__, *arguments(wish(), exchange, tmp_path)]
    starter = subprocess.Popen([sys.executable, "-c", program, *command])
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not read_state(tmp_path / "pages").rows and time.monotonic() < deadline:
        time.sleep(0.01)
    starter.kill()
    starter.wait()
    free = False
    while not free and time.monotonic() < deadline:
        try:
            with held(tmp_path / "pages") as rows:
                free = True
                assert 0 < rows.state.rows < BARS
        except DataInvalid:
            time.sleep(0.05)
    assert free
    assert not list(tmp_path.glob("*.parquet"))


def test_it_works_in_slices(run: Fetch, exchange: LocalExchange) -> None:
    exchange.pause = 0.05
    slices = []
    while not slices or not slices[-1]["done"]:
        slices.append(run(wish(), seconds=0.08)[1])
    assert len(slices) > 1
    assert slices[-1]["bars"] == BARS
    assert exchange.pages == sorted(set(exchange.pages))


def test_gaps_are_kept_and_long_empty_times_cost_few_questions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    holes = (
        (FIRST + 600 * MINUTE_MS, FIRST + 700 * MINUTE_MS),
        (FIRST + DAY_MS, FIRST + 20 * DAY_MS),
    )
    with serving(FIRST, FIRST + 21 * DAY_MS, holes) as server:
        asked = wish(since="2020-01-01", until="2024-02-01")
        assert fetch.main(arguments(asked, server, tmp_path)) == 0
        answer = json.loads(capsys.readouterr().out)
        times = opens(tmp_path / answer["file"])
        assert times == server.opens(FIRST, MINUTE_MS, 100_000)
        assert len(server.pages) < 15
    assert "100" not in answer["notes"][0]
    assert any("27,460 bars are missing" in note for note in answer["notes"])
    assert any("only from 2024-01-01" in note for note in answer["notes"])


def test_the_unfinished_candle_is_left_out() -> None:
    page = [[FIRST + MINUTE_MS * bar, 1.0, 1.0, 1.0, 1.0, 1.0] for bar in (2, 0, 1, 1, 3)]
    kept = fetch.new_rows(
        page, since=FIRST + MINUTE_MS, end=FIRST + 4 * MINUTE_MS - 1, bar=MINUTE_MS
    )
    assert [row[0] for row in kept] == [FIRST + MINUTE_MS, FIRST + 2 * MINUTE_MS]


def test_a_live_market_ends_with_its_last_closed_candle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = int(time.time() * 1000)
    with serving(began - 3000 * MINUTE_MS, began + 5 * MINUTE_MS) as server:
        asked = wish(since="2024-01-01", until="")
        assert fetch.main(arguments(asked, server, tmp_path)) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["last_ms"] + MINUTE_MS <= int(time.time() * 1000)
    assert answer["last_ms"] + 2 * MINUTE_MS > began


def test_an_exchange_with_a_short_memory_is_told(run: Fetch, exchange: LocalExchange) -> None:
    status, answer, err = run(wish(exchange="kraken", symbol="BTC/USD", name="k"))
    assert status == 0, err
    assert 718 <= answer["bars"] <= 720
    assert any("kraken gives candles only from" in note for note in answer["notes"])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"symbol": "BTD/USDT"}, "has no spot market BTD/USDT; did you mean BTC/USDT"),
        (
            {"exchange": "coinbase", "timeframe": "4h"},
            "coinbase offers no candles of 4h; it has 1m",
        ),
        (
            {"since": "2023-01-01", "until": "2023-02-01"},
            "has 0 candle(s) of BTC/USDT in that time",
        ),
    ],
)
def test_refusals_are_sentences(run: Fetch, fields: dict[str, str], words: str) -> None:
    status, _, err = run(wish(**fields), tries=1)
    assert status == 12
    assert words in err


def test_an_exchange_that_is_not_there(run: Fetch) -> None:
    status, _, err = run(wish(), mirror="http://127.0.0.1:9", tries=2)
    assert status == 12
    assert "binance could not be reached 2 times in a row" in err


def test_a_redirect_to_another_host_is_not_followed(run: Fetch, exchange: LocalExchange) -> None:
    exchange.faults = ["elsewhere"] * 20
    status, _, err = run(wish(), tries=2)
    assert status == 12
    assert "localhost:9 is no host of this exchange" in err


def test_no_file_is_replaced(run: Fetch, tmp_path: Path) -> None:
    (tmp_path / "binance_BTC-USDT_1m.parquet").write_text("mine")
    _, answer, _ = run(wish())
    assert answer["file"] == "binance_BTC-USDT_1m_2.parquet"
    assert (tmp_path / "binance_BTC-USDT_1m.parquet").read_text() == "mine"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("moment", ["named", "named, its part not removed", "not named"])
def test_killed_around_the_naming_of_its_file_it_leaves_one(
    run: Fetch, tmp_path: Path, moment: str
) -> None:
    _, first, _ = run(wish())  # as after a kill: nobody has removed the pages
    file, part = tmp_path / first["file"], tmp_path / f".fetch-{wish().key}.part"
    if moment == "named, its part not removed":
        part.hardlink_to(file)
    elif moment == "not named":
        file.rename(part)
    status, again, _ = run(wish())
    assert status == 0
    assert [path.name for path in tmp_path.glob("*.parquet")] == [first["file"]]
    assert not part.exists()
    assert (again["file"], again["bars"], again["done"]) == (first["file"], BARS, True)
    if moment != "not named":
        assert again == first


def test_whoever_fetches_the_same_is_waited_for(run: Fetch, tmp_path: Path) -> None:
    with held(tmp_path / "pages") as rows:
        rows.add([[FIRST, 1, 1, 1, 1, 1]], FIRST + MINUTE_MS)
        status, _, err = run(wish())
        assert (status, "by another process" in err) == (12, True)
        status, answer, _ = run(wish(), wait=0.3)
        assert (status, answer["done"], answer["bars"]) == (0, False, 1)
    status, answer, _ = run(wish(), wait=30)
    assert (status, answer["done"], answer["bars"]) == (0, True, BARS)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"exchange": "localhost"}, "exchange"),
        ({"exchange": "__class__"}, "exchange"),
        ({"symbol": "../../etc"}, "symbol"),
        ({"timeframe": "7m"}, "timeframe"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2999-01-01"}, "since"),
        ({"until": "2020-01-01"}, "until"),
        ({"name": "../x"}, "name"),
        ({"name": ".hidden"}, "name"),
    ],
)
def test_a_wrong_wish_names_its_field(fields: dict[str, str], field: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        wish(**fields)
    assert field in [error.path for error in caught.value.errors]


@pytest.mark.parametrize("name", EXCHANGES)
def test_each_exchange_offers_spot_candles_and_keeps_to_its_hosts(name: str) -> None:
    client = client_of(name, "")
    assert isinstance(client, ccxt.Exchange)
    assert client.has["fetchOHLCV"] is True
    assert client.has["spot"] is not False
    assert "1m" in client.timeframes
    assert client.enableRateLimit
    assert client.session.get_adapter("https://x")._hosts
