"""The cluster manager crashes, hangs, and comes back."""

from __future__ import annotations

import errno

from fakecluster.arms.suite import MakeCluster, needs
from fakecluster.arms.values import Span
from fakecluster.capabilities import Capability
from o2cbd.core.model import State, Why


def test_crash_and_return(make: MakeCluster) -> None:
    """manager-lost: the tables stay, the state says so, and its return is noticed."""
    cluster = make(3)
    cluster.up()

    with cluster.untouched(1, "node1", "node2", "node3"):
        cluster.cman_crash(1)
        cluster.is_in(1, State.LOST)
        cluster.stays("tables stay", lambda: cluster.has(1, "node1", "node2", "node3"))
        cluster.cman_start(1)
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


def test_crash_and_return_with_other_members(make: MakeCluster) -> None:
    """manager-lost: one left and one came while it was away; the difference is applied."""
    cluster = make(5, down=(5,))
    cluster.up()

    with cluster.untouched(1, "node1", "node2", "node3"):
        cluster.cman_crash(1)
        cluster.is_in(1, State.LOST)
        cluster.in_sync(2, 3, 4, nodes=(2, 3, 4))
        cluster.start(5)
        cluster.in_sync(2, 3, 4, 5, nodes=(2, 3, 4, 5))
        cluster.leave(4)
        cluster.cman_start(1)
        cluster.in_sync(1, 2, 3, 5, nodes=(1, 2, 3, 5))


def test_crash_while_mounted(make: MakeCluster) -> None:
    """manager-lost: file systems live on under a dead manager; nobody takes their table."""
    cluster = make(3)
    cluster.up()
    for host in (1, 2):
        cluster.mount(host)

    with cluster.untouched(1, "node1", "node2", "node3"):
        cluster.cman_crash(1)
        cluster.is_in(1, State.LOST)
        # For the others node 1 is gone, yet the disk shows it alive.
        cluster.waits(2, "node1", Why.PINNED)
        cluster.cman_start(1)
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


@needs(Capability.STOPPED_MANAGER)
def test_stuck_and_going_on(make: MakeCluster) -> None:
    """manager-stuck: a call that does not return is shown as such, and nobody is killed for it."""
    cluster = make(3)
    cluster.up()

    with cluster.untouched(1, "node1", "node2"):
        cluster.cman_stop(1)
        cluster.is_in(1, State.STUCK, within=Span.LATER)
        cluster.stays("tables stay", lambda: cluster.has(1, "node1", "node2", "node3"))
        cluster.cman_cont(1)
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3), within=Span.LATER)


@needs(Capability.STOPPED_MANAGER)
def test_stuck_and_killed(make: MakeCluster) -> None:
    """manager-stuck, manager-lost: the hanging manager is killed; the daemon finds the next one."""
    cluster = make(3)
    cluster.up()
    cluster.cman_stop(1)
    cluster.is_in(1, State.STUCK, within=Span.LATER)

    cluster.cman_crash(1)
    cluster.is_in(1, State.LOST)
    cluster.cman_start(1)

    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


def test_every_manager_crashes(make: MakeCluster) -> None:
    """manager-lost, inquorate: the whole cluster loses its manager and gets it back."""
    cluster = make(3)
    cluster.up()

    with cluster.untouched(2, "node1", "node2"):
        for host in (1, 2, 3):
            cluster.cman_crash(host)
        for host in (1, 2, 3):
            cluster.is_in(host, State.LOST)
        cluster.cman_start(2)
        # The first one back sees itself alone and inquorate: it forgets nobody.
        for node in ("node1", "node3"):
            cluster.waits(2, node, Why.INQUORATE)
        assert cluster.has(2, "node1", "node2", "node3")
        cluster.cman_start(1)
        # Two are enough to forget the third, where it is not back by then.
        cluster.eventually("node1 is back", lambda: 1 in cluster.members(2))
        cluster.cman_start(3)
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


@needs(Capability.FAILING_READS)
def test_manager_that_dies_with_a_failed_read(make: MakeCluster) -> None:
    """read-fails, manager-lost: the reading after a notice fails, and then the manager is gone."""
    cluster = make(3)
    cluster.up()
    cluster.fail_read(1, errno.EIO, count=12)
    cluster.kill(3)
    cluster.eventually("a reading fails", lambda: "cannot read" in cluster.reason(1))
    assert cluster.has(1, "node1", "node2", "node3")

    cluster.cman_crash(1)
    cluster.is_in(1, State.LOST)
    cluster.cman_start(1)

    cluster.in_sync(1, 2, nodes=(1, 2), within=Span.LATER)
