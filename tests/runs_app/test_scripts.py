"""The scripts of a page come with all that they import."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from runs_app.templatetags.scripts import module, needed_by


def test_a_module_names_what_it_needs_at_every_depth(settings: Settings) -> None:
    needed = needed_by("js/dashboard.js")
    assert {"js/charts.js", "js/chart.js", "js/plot_style.js"} <= set(needed)
    assert "js/dashboard.js" not in needed
    assert len(set(needed)) == len(needed)
    hint = f'<link rel="modulepreload" href="{settings.STATIC_URL}js/plot_style.js">'
    assert hint in module("js/dashboard.js")
    assert module("js/dashboard.js").endswith(
        f'src="{settings.STATIC_URL}js/dashboard.js"></script>'
    )


def test_an_import_over_several_lines_counts_and_one_of_a_lost_file_is_told(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "first.js").write_text('import {\n  one,\n} from "./second.js";\n')
    (tmp_path / "second.js").write_text('export { two } from "./third.js";\nconst x = "./no.js";\n')
    settings.STATICFILES_DIRS = [tmp_path]
    with pytest.raises(FileNotFoundError, match=r"no static file third\.js"):
        needed_by("first.js")
    (tmp_path / "third.js").write_text("")
    assert needed_by("first.js") == ("second.js", "third.js")
