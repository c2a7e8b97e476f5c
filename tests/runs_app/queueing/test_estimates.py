"""The slots played forward: what is known is said, what is not known is not made up."""

from __future__ import annotations

import pytest

from runs_app.queueing.estimates import Durations, Seat, Wish, learn_durations, starts_in
from runs_app.queueing.state import Likeness


def cpu(*free_in: float | None) -> list[Seat]:
    return [Seat("alpha", is_gpu=False, free_in=one) for one in free_in]


def gpu(*free_in: float | None, host: str = "alpha") -> list[Seat]:
    return [Seat(host, is_gpu=True, free_in=one) for one in free_in]


def test_a_free_slot_starts_the_first_now_and_the_next_when_that_has_ended() -> None:
    assert starts_in(cpu(0), [Wish(1, 100), Wish(1, 50), Wish(1, None)]) == [0, 100, 150]


def test_each_run_takes_the_slot_that_is_free_first() -> None:
    found = starts_in(cpu(300, 100), [Wish(1, 50), Wish(1, 500), Wish(1, 1)])
    assert found == [100, 150, 300]


def test_behind_a_run_of_unknown_length_nothing_is_known() -> None:
    assert starts_in(cpu(10), [Wish(1, None), Wish(1, 5), Wish(1, 5)]) == [10, None, None]


def test_a_slot_of_unknown_end_leaves_the_other_known() -> None:
    assert starts_in(cpu(None, 60), [Wish(1, 30), Wish(1, 30)]) == [60, 90]
    assert starts_in(cpu(None), [Wish(1, 30)]) == [None]


def test_a_run_on_two_devices_waits_for_both_and_holds_back_those_behind() -> None:
    assert starts_in(gpu(0, 200), [Wish(2, 100), Wish(1, 10), Wish(1, 10)]) == [200, 300, 300]


def test_on_a_processor_the_processes_of_a_run_share_a_slot() -> None:
    assert starts_in(cpu(0), [Wish(4, 100), Wish(1, 1)]) == [0, 100]


def test_a_run_too_large_for_every_host_holds_nobody_back() -> None:
    assert starts_in(gpu(0, 0), [Wish(3, 10), Wish(1, 10)]) == [None, 0]


def test_a_run_goes_to_the_host_that_can_have_it_first() -> None:
    seats = [*gpu(500, 500), *gpu(100, host="beta")]
    assert starts_in(seats, [Wish(1, 50), Wish(2, 50), Wish(1, 50)]) == [100, 500, 150]


def test_where_the_head_of_the_queue_has_no_known_start_its_hosts_wait_with_it() -> None:
    assert starts_in(gpu(None, 0), [Wish(2, 50), Wish(1, 50)]) == [None, None]


def test_a_slot_that_should_be_free_already_is_free_now() -> None:
    assert starts_in(cpu(-5), [Wish(1, 1)]) == [0]


def test_no_slot_no_estimate() -> None:
    assert starts_in([], [Wish(1, 1)]) == [None]


A, B = Likeness("tiny", "a.csv"), Likeness("tiny", "b.csv")


@pytest.mark.parametrize(
    ("likeness", "seconds"),
    [(A, 20.0), (B, 500.0), (Likeness("tiny", "c.csv"), 25.0), (Likeness("base", "a.csv"), None)],
)
def test_durations_are_medians_of_alike_runs_else_of_the_preset(
    likeness: Likeness, seconds: float | None
) -> None:
    found = learn_durations([(A, 10), (A, 20), (A, 30), (B, 500)])
    assert found.of(likeness) == seconds


def test_a_training_of_many_epochs_is_not_timed_like_one_of_few() -> None:
    found = learn_durations([(Likeness("tiny", "a.csv", 2), 20)])
    assert found.of(Likeness("tiny", "a.csv", 1000)) == 10_000


def test_only_the_newest_runs_count() -> None:
    assert learn_durations([(A, 10)] * 9 + [(A, 1000)] * 50).of(A) == 10
    assert Durations().of(A) is None
