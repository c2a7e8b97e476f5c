"""The rows of a prediction as they are read from its file."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

PROGRAM = """
import sys
import django
django.setup()
import pyarrow.parquet as pq
from runs_app.forecasts import read_rows, read_table

with open(sys.argv[1], "rb") as stream:
    (row,) = read_rows(read_table(stream))
print(row.time.isoformat(), row.target_time.isoformat(), row.quantiles, "pandas" in sys.modules)
"""


def test_times_are_exact_and_the_web_process_loads_no_pandas_for_them(tmp_path: Path) -> None:
    when = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    names = ("close", "location", "scale", "df", "probability_up", "q0.5")
    table = pa.table(
        {
            "time": pa.array([when], pa.timestamp("ms", "UTC")),
            "target_time": pa.array([when], pa.timestamp("us", "UTC")),
            **{name: [0.5] for name in names},
        }
    )
    pq.write_table(table, tmp_path / "one.parquet")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "one.parquet")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = f"{when.isoformat(timespec='microseconds')} " * 2 + "{'0.5': 0.5} False"
    assert done.stdout.splitlines()[-1] == said
