"""The newest lines of a run's console."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runs_app import log_lines
from tests.conftest import Plans
from tests.factories import make_run


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the plan is written as SQLite does")
@pytest.mark.django_db
def test_the_newest_lines_are_found_without_reading_what_is_no_line(plans: Plans) -> None:
    run = make_run()
    with CaptureQueriesContext(connection) as queries:
        log_lines.newest(run.pk, up_to=1_000_000)
    told = plans(queries)
    assert told
    assert all("INDEX event_run_kind_seq (run_id=? AND kind=? AND seq>?" in one for one in told)
