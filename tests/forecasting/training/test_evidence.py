"""What is gathered about a part before it is judged."""

from __future__ import annotations

import numpy as np
import pytest

from runs_app.forecasting.errors import NonFiniteLoss
from runs_app.forecasting.evaluation.predictive import Family, Predictive
from runs_app.forecasting.training.evidence import refuse_non_finite
from tests.synthetic import MONDAY_MS

TIME = MONDAY_MS + 60_000 * np.arange(5, dtype=np.int64)


@pytest.mark.parametrize("field", ["location", "scale", "df"])
def test_a_forecast_that_is_no_number_is_told_with_its_date(field: str) -> None:
    values = {name: np.ones(5) for name in ("location", "scale", "df")}
    refuse_non_finite(Predictive(Family.STUDENT_T, **values), TIME, "test")
    values[field][[2, 4]] = np.inf, np.nan
    with pytest.raises(NonFiniteLoss, match="at 2 of the 5 decisions of the test part"):
        refuse_non_finite(Predictive(Family.STUDENT_T, **values), TIME, "test")


def test_one_quantile_is_enough() -> None:
    quantiles = np.zeros((5, 3))
    quantiles[1, 2] = np.nan
    spoilt = Predictive(Family.QUANTILES, np.zeros(5), quantiles=quantiles, levels=(0.1, 0.5, 0.9))
    with pytest.raises(NonFiniteLoss, match="first at 2024-01-01 00:01 UTC"):
        refuse_non_finite(spoilt, TIME, "validation")
