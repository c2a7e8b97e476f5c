"""Names, tags and the archive, of one run and of several."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs_app.errors import RunInTrash, RunNotFound
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.models import MAX_NOTE, TrainingRun
from runs_app.saved_views import SavedView
from runs_app.services.bulk import Bulk, do_to_all
from runs_app.services.labels import (
    MAX_TAGS,
    RunEdit,
    change_tags,
    edit_run,
    read_edit,
    read_note,
    read_tags,
)
from runs_app.services.trash import trash_run
from runs_app.services.views import save_view
from tests.factories import make_completed_run, make_run, make_running_run

pytestmark = pytest.mark.django_db


def test_tags_are_small_sorted_and_each_once() -> None:
    assert read_tags("Base, long  base") == ("base", "long")
    assert read_tags(["é/1", "a:b"]) == ("a:b", "é/1")
    assert read_tags("") == ()


@pytest.mark.parametrize("value", [["a b"], ["a,b"], ["x" * 31], ["<b>"], [1], {}, None, ["a\x00"]])
def test_what_is_no_tag_is_refused(value: object) -> None:
    with pytest.raises(ConfigInvalid, match="tags"):
        read_tags(value)


def test_a_run_is_renamed_tagged_and_archived() -> None:
    run = edit_run(make_run().uid, read_edit({"name": " new  name ", "tags": ["b", "a"]}))
    assert (run.name, run.tag_list, run.is_archived) == ("new name", ["a", "b"], False)
    run = edit_run(run.uid, RunEdit(archived=True))
    assert (run.name, run.tag_list, run.is_archived) == ("new name", ["a", "b"], True)
    since = run.archived_at
    assert edit_run(run.uid, RunEdit(archived=True)).archived_at == since
    assert not edit_run(run.uid, RunEdit(archived=False)).is_archived


def test_a_note_keeps_its_lines_and_is_taken_off_by_an_empty_one() -> None:
    run = edit_run(make_run().uid, read_edit({"note": "  first \r\n\tsecond 👩‍🔬 \n"}))
    assert run.note == "first\nsecond 👩‍🔬"
    assert edit_run(run.uid, RunEdit(name="x")).note == run.note
    assert edit_run(run.uid, read_edit({"note": " "})).note == ""


@pytest.mark.parametrize("value", [None, 1, ["a"], "x" * (MAX_NOTE + 1), "a\x00b", "\ud800"])
def test_what_is_no_note_is_refused(value: object) -> None:
    with pytest.raises(ConfigInvalid, match="note"):
        read_note(value)


def test_the_longest_note_is_stored_and_found() -> None:
    run = edit_run(make_run().uid, RunEdit(note="🕯" * (MAX_NOTE - 4) + "last"))
    assert TrainingRun.objects.get(note__icontains="LAST") == run


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigInvalid) as told:
        read_edit({"name": "x" * 201, "tags": ["a b"], "archived": 1, "status": "completed"})
    assert {error.path for error in told.value.errors} == {"name", "tags", "archived", "status"}
    with pytest.raises(ConfigInvalid):
        read_edit({})


def test_tags_are_added_and_taken_off_up_to_a_number() -> None:
    run = make_run(tags=",a,")
    assert change_tags(run.uid, add=("b", "a")).tags == ",a,b,"
    assert change_tags(run.uid, remove=("a", "z")).tags == ",b,"
    with pytest.raises(ConfigInvalid, match="at most"):
        change_tags(run.uid, add=[str(number) for number in range(MAX_TAGS)])


def test_a_run_in_the_trash_is_left_alone(runs_root: Path) -> None:
    run = make_completed_run()
    trash_run(run.uid)
    with pytest.raises(RunInTrash):
        edit_run(run.uid, RunEdit(name="x"))
    with pytest.raises(RunInTrash):
        change_tags(run.uid, add=("x",))
    with pytest.raises(RunNotFound):
        edit_run("none", RunEdit(name="x"))


def test_what_cannot_be_done_is_told_run_by_run_and_the_rest_is_done(runs_root: Path) -> None:
    ended, live = make_completed_run(), make_running_run()
    result = do_to_all(Bulk.DELETE, [ended.uid, live.uid, "none", ended.uid])
    assert result.done == [ended.uid]
    assert set(result.failed) == {live.uid, "none"}
    assert "still running" in result.failed[live.uid]
    assert do_to_all(Bulk.DELETE, [live.uid], cancel=True).done == [live.uid]
    live.refresh_from_db()
    assert live.trash_wanted_at
    assert live.cancel_requested_at


def test_a_run_with_too_many_tags_does_not_stop_the_others() -> None:
    full = make_run(tags="," + ",".join(str(number) for number in range(MAX_TAGS)) + ",")
    other = make_run()
    result = do_to_all(Bulk.TAG, [full.uid, other.uid], tags=("x",))
    assert (result.done, list(result.failed)) == ([other.uid], [full.uid])
    assert TrainingRun.objects.get(pk=other.pk).tag_list == ["x"]


def test_a_view_keeps_the_address_without_its_page() -> None:
    view = save_view(" Best  ones ", "sort=val_loss&page=7&csrfmiddlewaretoken=x&q=%3Cb%3E")
    assert (view.name, view.query) == ("Best ones", "sort=val_loss&q=%3Cb%3E")
    save_view("Best ones", "q=other")
    assert [one.query for one in SavedView.objects.all()] == ["q=other"]
    for name in ("", "x" * 61):
        with pytest.raises(ConfigInvalid):
            save_view(name, "")
