"""``manage.py fetch_candles EXCHANGE SYMBOL TIMEFRAME``: candles of an exchange into DATA_ROOT."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runs_app.execution.core_process import CoreFailed
from runs_app.forecasting.config.timeframes import TIMEFRAMES
from runs_app.forecasting.counted import counted
from runs_app.forecasting.data.fetch_wish import EXCHANGES, read_wish
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.services.fetch_now import fetch_now


class Command(BaseCommand):
    """Fetch page by page; interrupted, the same command goes on where it was."""

    help = (
        "Fetch the public candles of a spot market, at the pace its exchange allows, and write "
        "them as Parquet into DATA_ROOT. The unfinished last candle is left out and gaps are kept. "
        "Interrupt it at any moment: the same command goes on after the last complete page. "
        f"Exchanges: {', '.join(EXCHANGES)}."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which candles, and the name of the file."""
        parser.add_argument("exchange", metavar="EXCHANGE", help="Such as binance or kraken.")
        parser.add_argument("symbol", metavar="SYMBOL", help="Base/quote, such as BTC/USDT.")
        parser.add_argument("timeframe", metavar="TIMEFRAME", help=", ".join(TIMEFRAMES) + ".")
        parser.add_argument("--since", default="", help="First day, UTC (default: all there are).")
        parser.add_argument("--until", default="", help="End, UTC, excluded (default: now).")
        parser.add_argument("--name", default="", help="Of the file, without an ending.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Fetch, tell how far it is, and say what came."""
        names = ("exchange", "symbol", "timeframe", "since", "until", "name")
        try:
            answer = fetch_now(read_wish(**{name: options[name] for name in names}), self._tell)
        except ConfigInvalid as invalid:
            raise CommandError(str(invalid)) from invalid
        except CoreFailed as failed:
            raise CommandError(f"{failed}.") from failed
        for note in answer["notes"]:
            self.stderr.write(f"{note[0].upper()}{note[1:]}.")
        self.stdout.write(
            f"{answer['file']}: {counted(answer['bars'], 'bar')}, {_day(answer['first_ms'])} to "
            f"{_day(answer['last_ms'])} UTC"
        )

    def _tell(self, progress: dict[str, Any]) -> None:
        newest = progress["last_ms"]
        at = f", newest {_day(newest)} UTC" if newest else ""
        self.stderr.write(f"{counted(progress['rows'], 'bar')}{at}, {progress['rate']:,.0f} bars/s")


def _day(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"
