"""``python -m runs_app.forecasting.preview split|features CONFIG DATA_ROOT STORE``."""

from __future__ import annotations

import sys

from runs_app.forecasting.preview.asking import Preview, answer
from runs_app.forecasting.preview.features import preview_features
from runs_app.forecasting.preview.split import preview_split

PREVIEWS: dict[str, Preview] = {"split": preview_split, "features": preview_features}

if __name__ == "__main__":
    sys.exit(answer(PREVIEWS))
