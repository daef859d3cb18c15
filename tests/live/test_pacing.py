"""Frames are due when they were captured, or evenly; and how late they were is told without keeping them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.live.pacing import MILLISECOND, SECOND, Lateness, Schedule, sleep_for

START = 7 * SECOND


def due(schedule: Schedule, *offsets: int) -> list[int]:
    """When frames with these offsets are due, from the start on."""
    return [schedule.due(offset) - START for offset in offsets]


@pytest.mark.parametrize(
    ("speed", "wanted"),
    [(1.0, [0, 1000, SECOND, 3 * SECOND]), (2.0, [0, 500, SECOND // 2, 3 * SECOND // 2]), (0.1, [0, 10_000, 10 * SECOND, 30 * SECOND])],
)
def test_the_captures_own_timing(speed: float, wanted: list[int]) -> None:
    assert due(Schedule(START, speed), 0, 1000, SECOND, 3 * SECOND) == wanted


def test_a_frame_that_is_older_than_the_one_before_is_due_with_it() -> None:
    assert due(Schedule(START), 0, 500, 200, -300, 600) == [0, 500, 500, 500, 600]


def test_evenly_whatever_the_capture_says() -> None:
    assert due(Schedule(START, pps=2000), 0, 0, 9, 5, SECOND) == [0, 500_000, 1_000_000, 1_500_000, 2_000_000]


def test_no_rounding_adds_up() -> None:
    schedule = Schedule(START, pps=3000)
    assert due(schedule, *range(3001))[-1] == SECOND


def test_the_next_loop_begins_an_average_gap_later() -> None:
    schedule = Schedule(START, 2.0)
    assert due(schedule, 0, 100, 400) == [0, 50, 200]
    schedule.next_loop(200)
    assert due(schedule, 0, 100, 400) == [300, 350, 500]


def test_loops_go_on_evenly() -> None:
    schedule = Schedule(START, pps=1000)
    assert due(schedule, 0, 5) == [0, MILLISECOND]
    schedule.next_loop(77)
    assert due(schedule, 0, 5) == [2 * MILLISECOND, 3 * MILLISECOND]


@given(st.lists(st.integers(-(10**15), 10**15)), st.floats(0.01, 100))
def test_nothing_is_due_before_what_was_sent_before_it(offsets: list[int], speed: float) -> None:
    found = due(Schedule(START, speed), *offsets)
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("left", "seconds"), [(-5, 0.0), (0, 0.0), (50_000, 0.0), (150_000, 0.0001), (100_000_000, 0.09995), (3600 * SECOND, 0.2)]
)
def test_a_wait_is_slept_but_for_its_end(left: int, seconds: float) -> None:
    assert sleep_for(left) == pytest.approx(seconds)


def lateness(*late: int) -> Lateness:
    """The lateness of frames."""
    made = Lateness()
    for one in late:
        made.add(one)
    return made


def test_lateness() -> None:
    found = lateness(*[4_000] * 90, *[250_000] * 9, 3_141_592)
    assert (found.frames, found.most) == (100, 3_141_592)
    assert found.share_within(MILLISECOND) == 0.99
    assert found.share_within(10_000) == 0.9
    assert [found.of_share(share) for share in (0.5, 0.9, 0.99, 1.0)] == [10_000, 10_000, 260_000, 3_141_592]


def test_lateness_in_larger_steps() -> None:
    found = Lateness(MILLISECOND)
    for late in (0, 999_999, 40 * MILLISECOND, 2 * SECOND):
        found.add(late)
    assert [found.within(limit * MILLISECOND) for limit in (1, 40, 41, 1000)] == [2, 2, 3, 3]
    assert (found.total, found.most, found.frames) == (2_040_999_999, 2 * SECOND, 4)
    assert [found.of_share(share) for share in (0.5, 0.75, 1)] == [MILLISECOND, 41 * MILLISECOND, 2 * SECOND]


def test_lateness_of_nothing_and_beyond_all_measure() -> None:
    assert (lateness().share_within(MILLISECOND), lateness().of_share(0.99), lateness().most) == (1.0, 0, 0)
    found = lateness(1, 5 * SECOND)
    assert (found.share_within(10 * MILLISECOND), found.of_share(0.5), found.of_share(0.99), found.most) == (
        0.5,
        10_000,
        5 * SECOND,
        5 * SECOND,
    )


@given(st.lists(st.integers(0, 20 * MILLISECOND), min_size=1), st.floats(0, 1))
def test_a_share_stays_within_what_is_told(late: list[int], share: float) -> None:
    limit = lateness(*late).of_share(share)
    assert sum(one <= limit for one in late) >= share * len(late)
