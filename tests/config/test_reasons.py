"""Every field says why it has its value."""

from __future__ import annotations

from runs_app.forecasting.config.paths import FIELDS
from runs_app.forecasting.config.reasons import REASONS


def test_every_field_has_a_reason_and_no_other_has_one() -> None:
    assert set(REASONS) == set(FIELDS)
    for path, reason in REASONS.items():
        assert reason.why.endswith("."), path
        assert len(reason.why) <= 110, path
