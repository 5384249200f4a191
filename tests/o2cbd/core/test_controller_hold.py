"""The controller in a whole daemon on a pocket host: the semaphore."""

from __future__ import annotations

import errno

import pytest

from fakecluster.pocket.examples import membership
from fakecluster.pocket.kernel import Refuse
from fakecluster.pocket.situations import (
    SECOND_US,
    add,
    filled,
    notice,
)
from o2cbd.core import reports
from o2cbd.core.model import (
    Holder,
    State,
    Step,
    Why,
)


@pytest.mark.row("hold")
def test_while_somebody_holds_there_is_no_step_and_what_waits_is_shown() -> None:
    bench = filled(1)
    bench.hold.held_by = 7
    bench.manager.membership = membership(1, 2)
    notice(bench)
    assert (bench.kernel.journal, bench.status.state) == ([], State.HELD)
    assert bench.status.hold == Holder(pid=7, since_us=bench.clock.now_us())
    assert bench.pending[add(2)].why is Why.HELD


@pytest.mark.row("hold")
def test_on_release_only_the_difference_that_is_left_is_applied() -> None:
    bench = filled(1, 2)
    bench.hold.held_by = 7
    for now in (membership(1, 2, 3), membership(1, 3), membership(1, 2, 4)):
        bench.manager.membership = now
        notice(bench)
    bench.hold.held_by = None
    bench.run_for(SECOND_US // 4)
    assert bench.kernel.journal == [add(4)]
    assert bench.status.state is State.SYNCED
    assert len(bench.heard(reports.HoldSeen)) == len(bench.heard(reports.HoldGone)) == 1


@pytest.mark.row("semaphore-look")
def test_a_hold_is_looked_at_every_250_ms_and_warned_of_after_60_s() -> None:
    bench = filled(1)
    bench.hold.held_by = 7
    bench.manager.membership = membership(1, 2)
    notice(bench)
    looks = bench.hold.looks
    bench.run_for(59 * SECOND_US)
    assert bench.hold.looks == looks + 59 * 4
    assert bench.heard(reports.HoldOld) == []
    bench.run_for(61 * SECOND_US)
    (told,) = bench.heard(reports.HoldOld)
    assert (told.pid, told.seconds) == (7, 60)
    assert told.waiting == ("add node n2 (2, 10.0.0.2:7777)",)


@pytest.mark.row("semaphore-look")
def test_a_failure_from_before_the_hold_does_not_spin_under_it() -> None:
    """Its time to be tried again passes while the hold lasts."""
    bench = filled(1)
    bench.kernel.refusals = [Refuse(step=add(2), errno=errno.EIO)]
    bench.manager.membership = membership(1, 2)
    notice(bench)
    bench.hold.held_by = 7
    looks = bench.hold.looks
    bench.run_for(10 * SECOND_US)
    assert bench.hold.looks <= looks + 41


def test_a_hold_ends_for_us_when_nothing_waits_for_it() -> None:
    bench = filled(1)
    bench.hold.held_by = 7
    bench.manager.membership = membership(1, 2)
    notice(bench)
    bench.manager.membership = membership(1)
    notice(bench)
    assert (bench.status.state, bench.status.hold) == (State.SYNCED, None)


@pytest.mark.row("semaphore-unusable")
def test_without_a_usable_semaphore_nothing_is_changed() -> None:
    bench = filled(1)
    bench.hold.error = PermissionError(errno.EACCES, "no")
    bench.manager.membership = membership(1, 2)
    notice(bench)
    assert (bench.kernel.journal, bench.status.state) == ([], State.WAITING)
    assert "EACCES" in bench.status.reason
    assert bench.pending[add(2)].errno == errno.EACCES
    bench.run_for(20 * SECOND_US)
    assert len(bench.heard(reports.HoldUnusable)) == 1
    bench.hold.error = None
    bench.run_for(10 * SECOND_US)
    assert bench.kernel.journal == [add(2)]


@pytest.mark.row("semaphore-mutex")
def test_the_hold_is_ours_around_steps_and_never_over_a_wait() -> None:
    bench = filled(1)
    held = []
    bench.kernel.after = lambda _: held.append(bench.hold.ours)
    bench.manager.membership = membership(1, 2, 3)
    notice(bench)
    assert held == [True, True]
    assert not bench.hold.ours


@pytest.mark.row("semaphore-mutex")
def test_the_hold_is_given_back_when_the_tables_cannot_be_read_after_a_step() -> None:
    bench = filled(1)

    def breaks(_: Step) -> None:
        bench.kernel.read_error = OSError(errno.EIO, "broken")

    bench.kernel.after = breaks
    bench.manager.membership = membership(1, 2)
    notice(bench)
    assert not bench.hold.ours
    assert bench.status.reason == "configfs cannot be read (EIO)"
