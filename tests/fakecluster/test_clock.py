"""Virtual time and the heap of events."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecluster.clock import Handle, Timeline, VirtualClock


def test_a_clock_never_goes_back() -> None:
    clock = VirtualClock(5)
    clock.advance_to(7)
    clock.advance_to(7)
    with pytest.raises(ValueError, match="cannot go back to 6"):
        clock.advance_to(6)
    assert clock.now_us() == 7


def test_events_run_in_order_of_time_then_of_scheduling() -> None:
    timeline = Timeline()
    ran: list[str] = []
    for name, at_us in (("c", 20), ("a", 10), ("b", 10), ("d", 30)):
        timeline.schedule(partial(ran.append, name), at_us=at_us)
    assert timeline.run_until(20) == 3
    assert (ran, timeline.now_us(), timeline.next_due_us()) == (["a", "b", "c"], 20, 30)


def test_an_event_sees_its_own_time_and_may_schedule_more() -> None:
    timeline = Timeline(100)
    seen: list[int] = []

    def again() -> None:
        seen.append(timeline.now_us())
        if len(seen) < 3:
            timeline.schedule(again, after_us=10)

    timeline.schedule(again, after_us=10)
    timeline.run_until(125)
    assert (seen, timeline.now_us()) == ([110, 120], 125)
    timeline.run_until(200)
    assert seen == [110, 120, 130]


def test_a_time_in_the_past_is_now() -> None:
    timeline = Timeline(50)
    handle = timeline.schedule(lambda: None, at_us=10)
    assert handle.due_us == 50
    assert timeline.run_until(0) == 0
    assert timeline.run_until(50) == 1


def test_a_cancelled_event_does_not_run() -> None:
    timeline = Timeline()
    ran: list[int] = []
    first = timeline.schedule(lambda: ran.append(1), after_us=1, label="first")
    timeline.schedule(lambda: ran.append(2), after_us=2)
    first.cancel()
    first.cancel()
    assert (first.pending, first.label, timeline.next_due_us()) == (False, "first", 2)
    assert timeline.run_next()
    assert (ran, timeline.run_next(), timeline.next_due_us()) == ([2], False, None)
    first.fire()
    assert ran == [2]


def test_a_handle_is_pending_until_its_event_runs() -> None:
    timeline = Timeline()
    seen: list[bool] = []
    handle = timeline.schedule(lambda: seen.append(handle.pending), after_us=1)
    assert handle.pending
    timeline.run_until(1)
    assert seen == [False]


def test_an_event_may_cancel_another_that_is_due_at_the_same_time() -> None:
    timeline = Timeline()
    ran: list[int] = []
    handles: list[Handle] = []

    def cancel() -> None:
        handles[0].cancel()

    timeline.schedule(cancel, at_us=1)
    handles.append(timeline.schedule(lambda: ran.append(1), at_us=1))
    assert timeline.run_until(1) == 1
    assert ran == []


def test_an_exception_goes_through_and_the_event_counts_as_run() -> None:
    timeline = Timeline()

    def fail() -> None:
        raise LookupError("this one")

    timeline.schedule(fail, at_us=3)
    with pytest.raises(LookupError, match="this one"):
        timeline.run_until(10)
    assert (timeline.now_us(), timeline.run_next()) == (3, False)


def test_the_clock_may_be_moved_past_an_event() -> None:
    timeline = Timeline()
    seen: list[int] = []
    timeline.schedule(lambda: seen.append(timeline.now_us()), at_us=5)
    timeline.clock.advance_to(9)
    timeline.run_until(7)
    assert (seen, timeline.now_us()) == ([9], 9)


@pytest.mark.parametrize(("at_us", "after_us"), [(None, None), (1, 1), (None, -1)])
def test_a_time_is_given_once(at_us: int | None, after_us: int | None) -> None:
    with pytest.raises(ValueError, match="us"):
        Timeline().schedule(lambda: None, at_us=at_us, after_us=after_us)


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 5))
def test_the_order_is_the_stable_order_of_the_times(times_us: list[int], stride_us: int) -> None:
    timeline = Timeline()
    ran: list[tuple[int, int]] = []

    def note(number: int) -> None:
        ran.append((timeline.now_us(), number))

    for number, at_us in enumerate(times_us):
        timeline.schedule(partial(note, number), at_us=at_us)
    for now_us in range(0, 51 + stride_us, stride_us):
        timeline.run_until(now_us)
    assert ran == sorted((at_us, number) for number, at_us in enumerate(times_us))
