"""When a pass begins, and whether it reads everything anew."""

from __future__ import annotations

from o2cbd.core.schedule import Schedule

RESYNC_US = 30_000_000


def test_the_first_pass_is_due_and_fresh() -> None:
    schedule = Schedule(RESYNC_US)
    assert schedule.due_us == 0
    assert schedule.fresh


def test_rest_lasts_until_the_first_moment_and_never_past_the_resync() -> None:
    schedule = Schedule(RESYNC_US)
    schedule.begin(1000)
    schedule.rest(5000, None, 4000)
    assert schedule.due_us == 4000
    schedule.rest(None)
    assert schedule.due_us == 1000 + RESYNC_US
    schedule.rest(1000 + RESYNC_US + 1)
    assert schedule.due_us == 1000 + RESYNC_US


def test_passes_in_between_do_not_put_the_resync_off() -> None:
    """A busy cluster must not keep its mistakes for ever."""
    schedule = Schedule(RESYNC_US)
    schedule.begin(0)
    schedule.read(good=True)
    schedule.at_once(29_000_000)
    schedule.begin(29_000_000)
    assert not schedule.fresh
    schedule.rest()
    assert schedule.due_us == RESYNC_US
    schedule.begin(RESYNC_US)
    assert schedule.fresh


def test_what_a_resync_could_not_read_is_read_fresh_the_next_time() -> None:
    schedule = Schedule(RESYNC_US)
    schedule.begin(0)
    schedule.begin(1)  # the membership could not be read: the tables were not
    fresh = [schedule.fresh]
    for good in (True, False):
        schedule.read(good=good)
        fresh.append(schedule.fresh)
    assert fresh == [True, False, True]
