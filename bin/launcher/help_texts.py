"""What ``--help`` prints. Standard library only: it answers before anything is installed."""

from __future__ import annotations

import ast

from launcher.checkout import ROOT

_START = """\
Usage: bin/start [--verbose]

Installs what is missing, starts the product and prints one line, Ready: http://127.0.0.1:8000/
Ctrl-C or SIGTERM ends everything. What dies in between is started again.

  --verbose   show the logs of all processes here (they are always in AISTEMPRE_HOME/log)

Environment:
  PORT            port of the pages on this computer (8000)
  AISTEMPRE_HOME  database, sockets, logs (var)
  DATA_ROOT       candle files (data)
  MEDIA_ROOT      run directories (media)
  DATABASE_URL    a PostgreSQL server in place of SQLite, postgresql://user:password@host/name
  REDIS_URL       a Redis or Valkey server in place of the product's own, redis://host:6379/0
  RUN_SLOTS       runs trained at the same time (1)
  LEASE_SECONDS   a worker not heard of for so long has lost its run (60)
  LOG_CAP_MB      console output kept of one run, in MiB (1024)
  DISK_RESERVE_PERCENT  with less of the disk free nothing new starts (3)
  TRASH_DAYS      how long a deleted run can be restored (7)
  UPLOAD_MAX_MB   largest candle file that can be uploaded, in MiB (2048)
  EXCHANGE_MIRRORS  addresses instead of exchanges' own: binance=https://mirror.example,... (none)
  LOG_LEVEL       DEBUG, INFO, WARNING or ERROR (INFO)
  EMAIL_URL       a mail server for notifications, smtp+tls://user:password@mail.example:587
  NOTIFY_EMAIL_TO    who gets them, addresses with commas between
  NOTIFY_EMAIL_FROM  who they come from (aistempre@localhost)
  NOTIFY_WEBHOOK_URL      where notifications are posted as JSON, https://hooks.example/path
  NOTIFY_WEBHOOK_SECRET   key of their signatures, at least 16 letters
  NOTIFY_WEBHOOK_PRIVATE  yes: the webhook may be on a private network or this computer (no)"""

_TEST = """\
Usage: bin/test [pytest arguments]

Installs what is missing and runs the tests. Without arguments: the quick tests on SQLite and beside
them those of the application on PostgreSQL, then the slow ones and those with a browser. With
arguments: one pytest run with them.

Environment:
  CHROMIUM       path of the browser to drive (else the PATH, else apt-get where that may install)
  TEST_DATABASE  postgres: the run with arguments uses PostgreSQL"""

_LINT = """\
Usage: bin/lint

Runs ruff (check and format), mypy, import-linter, Django's checks, the check for missing
migrations, and pip-audit where its data can be reached. Goes through all and fails if one did."""

_BENCH = """\
Usage: bin/bench [NAME ...]

Runs the named benches, or all, and prints each figure beside its budget."""

_FAULTS = """\
Usage: bin/faults [--seed N] [--minutes M] [--case NAME ...] [--database NAME] [--short]

Starts whole products of its own with scripted trainers, does to them what can go wrong, and checks
after each fault that nothing was lost and every status is true. Then a walk of random faults.
docs/reliability.md names the cases. Without arguments: all cases and a walk of 3 minutes on each
database, about half an hour on two cores.

  --seed N         what random moments, actions and faults are drawn from (printed at the start)
  --minutes M      length of the walk on each database; 30 is the full one, 0 leaves it out
  --case NAME      only this case, or walk; may be given more than once
  --database NAME  sqlite, postgres or both (both)
  --short          fewer repetitions in each case, as in bin/test"""

_SCREENSHOTS = """\
Usage: bin/screenshots

Trains three small runs on the sample data and takes the pictures of docs/images anew.

Environment:
  CHROMIUM       path of the browser (else the PATH)"""

_LOOK = """\
Usage: bin/look FOLDER [--part empty|full|broken|low ...] [--only PATTERN]

Takes every page in four forms (wide and narrow, light and dark) of a product that is empty, full of
real work, broken (failed, killed and lost runs, refused files, faulty forms), or on a full disk.
Two pictures a page go into FOLDER, to be looked at; what axe, the script console and the page's
width have to say is printed, and the status is 1 where that is anything. Takes twenty minutes.

  --part NAME      only these pages; may be given more than once
  --only PATTERN   only pages of such a name, such as 'builder-*'

Environment:
  CHROMIUM         path of the browser (else the PATH)"""

_RESULTS = """\
Usage: bin/results DATA_DIR [--seeds N ...]

Trains on bitfinex_BTCUSD_1m_2016.csv.gz, _2017 and _2018 in DATA_DIR (or in its folder crypto) and
writes docs/results.md: the model against every baseline, for decisions at 15m and at 1h closes.
Takes about an hour on one core.

  --seeds N ...   seeds of the fits (1 2 3); the page shows them all"""


def bench_names() -> dict[str, str]:
    """Name of each bench, with the first line of its docstring."""
    found = {}
    for path in sorted((ROOT / "bin" / "benches").glob("[a-z]*.py")):
        words = ast.get_docstring(ast.parse(path.read_text())) or ""
        found[path.stem.replace("_", "-")] = words.partition("\n")[0]
    return found


_LIST = "\n".join(f"  {name:<14} {words}" for name, words in bench_names().items())
TEXTS = {
    "start": _START,
    "test": _TEST,
    "lint": _LINT,
    "bench": f"{_BENCH}\n\n{_LIST}",
    "faults": _FAULTS,
    "screenshots": _SCREENSHOTS,
    "look": _LOOK,
    "results": _RESULTS,
}
