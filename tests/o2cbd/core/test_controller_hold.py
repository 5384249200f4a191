"""The controller in an agent on a single host: the semaphore."""

from __future__ import annotations

import errno

import pytest

from fakecluster.testing.examples import membership
from fakecluster.testing.single_host import (
    Refuse,
    add,
    filled,
)
from o2cbd.core import reports
from o2cbd.core.model import (
    Holder,
    State,
    Step,
    Why,
)
from o2cbd.core.rules import SECOND_US


@pytest.mark.row("hold")
def test_while_somebody_holds_there_is_no_step_and_what_waits_is_shown() -> None:
    host = filled(1)
    host.hold.held_by = 7
    host.manager.membership = membership(1, 2)
    host.notify()
    assert (host.kernel.journal, host.status.state) == ([], State.HELD)
    assert host.status.hold == Holder(pid=7, since_us=host.clock.now_us())
    assert host.pending[add(2)].why is Why.HELD


@pytest.mark.row("hold")
def test_on_release_only_the_difference_that_is_left_is_applied() -> None:
    host = filled(1, 2)
    host.hold.held_by = 7
    for now in (membership(1, 2, 3), membership(1, 3), membership(1, 2, 4)):
        host.manager.membership = now
        host.notify()
    host.hold.held_by = None
    host.run_for(SECOND_US // 4)
    assert host.kernel.journal == [add(4)]
    assert host.status.state is State.SYNCED
    assert len(host.reported(reports.HoldSeen)) == len(host.reported(reports.HoldGone)) == 1


@pytest.mark.row("semaphore-look")
def test_a_hold_is_looked_at_every_250_ms_and_warned_of_after_60_s() -> None:
    host = filled(1)
    host.hold.held_by = 7
    host.manager.membership = membership(1, 2)
    host.notify()
    looks = host.hold.attempts
    host.run_for(59 * SECOND_US)
    assert host.hold.attempts == looks + 59 * 4
    assert host.reported(reports.HoldOld) == []
    host.run_for(61 * SECOND_US)
    (told,) = host.reported(reports.HoldOld)
    assert (told.pid, told.seconds) == (7, 60)
    assert told.waiting == ("add node n2 (2, 10.0.0.2:7777)",)


@pytest.mark.row("semaphore-look")
def test_a_failure_from_before_the_hold_does_not_spin_under_it() -> None:
    """Its time to be tried again passes while the hold lasts."""
    host = filled(1)
    host.kernel.refusals = [Refuse(step=add(2), errno=errno.EIO)]
    host.manager.membership = membership(1, 2)
    host.notify()
    host.hold.held_by = 7
    looks = host.hold.attempts
    host.run_for(10 * SECOND_US)
    assert host.hold.attempts <= looks + 41


def test_a_hold_ends_for_us_when_nothing_waits_for_it() -> None:
    host = filled(1)
    host.hold.held_by = 7
    host.manager.membership = membership(1, 2)
    host.notify()
    host.manager.membership = membership(1)
    host.notify()
    assert (host.status.state, host.status.hold) == (State.SYNCED, None)


@pytest.mark.row("semaphore-unusable")
def test_without_a_usable_semaphore_nothing_is_changed() -> None:
    host = filled(1)
    host.hold.error = PermissionError(errno.EACCES, "no")
    host.manager.membership = membership(1, 2)
    host.notify()
    assert (host.kernel.journal, host.status.state) == ([], State.WAITING)
    assert "EACCES" in host.status.reason
    assert host.pending[add(2)].errno == errno.EACCES
    host.run_for(20 * SECOND_US)
    assert len(host.reported(reports.HoldUnusable)) == 1
    host.hold.error = None
    host.run_for(10 * SECOND_US)
    assert host.kernel.journal == [add(2)]


@pytest.mark.row("semaphore-mutex")
def test_the_hold_is_ours_around_steps_and_never_over_a_wait() -> None:
    host = filled(1)
    held = []
    host.kernel.after = lambda _: held.append(host.hold.ours)
    host.manager.membership = membership(1, 2, 3)
    host.notify()
    assert held == [True, True]
    assert not host.hold.ours


@pytest.mark.row("semaphore-mutex")
def test_the_hold_is_given_back_when_the_tables_cannot_be_read_after_a_step() -> None:
    host = filled(1)

    def breaks(_: Step) -> None:
        host.kernel.read_error = OSError(errno.EIO, "broken")

    host.kernel.after = breaks
    host.manager.membership = membership(1, 2)
    host.notify()
    assert not host.hold.ours
    assert host.status.reason == "cannot read configfs (EIO)"
