"""Somebody asks, by the semaphore, that configfs is left alone for now."""

from __future__ import annotations

from fakecluster.arms.suite import MakeCluster
from o2cbd.core.model import State, Why


def test_hold_taken_and_released(make: MakeCluster) -> None:
    """hold: no step while it lasts; what differs then is applied on release."""
    cluster = make(3)
    cluster.up()
    cluster.hold(1)
    cluster.is_in(1, State.HELD)
    cluster.leave(3)
    cluster.in_sync(2, nodes=(1, 2))

    cluster.waits(1, "node3", Why.HELD)
    cluster.stays("node3 is left alone", lambda: cluster.has(1, "node1", "node2", "node3"))

    cluster.release(1)
    cluster.in_sync(1, nodes=(1, 2))


def test_only_the_difference_that_is_left_is_applied(make: MakeCluster) -> None:
    """hold, semaphore-look: who left and came back under the hold costs no step at all."""
    cluster = make(3)
    cluster.up()
    before = cluster.calls(1)
    cluster.hold(1)
    cluster.kill(3)
    cluster.waits(1, "node3", Why.HELD)
    cluster.start(3)
    cluster.eventually("node 3 is back", lambda: cluster.members(1) == (1, 2, 3))

    cluster.release(1)

    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))
    assert cluster.calls(1) == before


def test_killed_holder_holds_no_more(make: MakeCluster) -> None:
    """hold, semaphore-command: the kernel gives a dead process's semaphore back."""
    cluster = make(3)
    cluster.up()
    cluster.hold(1)
    cluster.leave(3)
    cluster.waits(1, "node3", Why.HELD)

    cluster.kill_holder(1)

    cluster.in_sync(1, nodes=(1, 2))


def test_removed_set_is_looked_up_anew(make: MakeCluster) -> None:
    """semaphore-removed: somebody removes the set under its holder; work goes on."""
    cluster = make(3)
    cluster.up()
    cluster.hold(1)
    cluster.leave(3)
    cluster.waits(1, "node3", Why.HELD)

    cluster.remove_semaphore(1)

    cluster.in_sync(1, nodes=(1, 2))


def test_hold_before_the_daemon_starts(make: MakeCluster) -> None:
    """hold: a fresh host is not touched either, not even for its cluster."""
    cluster = make(3)
    cluster.hold(1)
    cluster.daemon_start(1)
    cluster.waits(1, None, Why.HELD)
    cluster.stays("nothing is made", lambda: cluster.clusters(1) == ())

    cluster.release(1)

    cluster.in_sync(1, nodes=(1, 2, 3))


def test_hold_on_one_host_is_nobody_elses(make: MakeCluster) -> None:
    """hold: the others go on."""
    cluster = make(3)
    cluster.up()
    cluster.hold(1)

    cluster.kill(3)

    cluster.in_sync(2, nodes=(1, 2))
    cluster.waits(1, "node3", Why.HELD)
    cluster.release(1)
    cluster.in_sync(1, nodes=(1, 2))
