"""Members come, go, die, and come back."""

from __future__ import annotations

import errno
from contextlib import ExitStack

import pytest

from fakecluster.arms.suite import MakeCluster, needs
from fakecluster.arms.values import Span
from fakecluster.arms.words import ClusterWords
from fakecluster.capabilities import Capability
from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import NodeConfig
from o2cbd.core.model import State


def test_join(make: MakeCluster) -> None:
    """scope-members: a node that joins is added on all others, and they are left alone."""
    cluster = make(3, down=(3,))
    cluster.up()

    with cluster.untouched(1, "node1", "node2"):
        cluster.start(3)
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


def test_leave(make: MakeCluster) -> None:
    """scope-members: a node that leaves is removed by the others; its own tables stay."""
    cluster = make(3)
    cluster.up()

    cluster.leave(3)

    cluster.in_sync(1, 2, nodes=(1, 2))
    cluster.is_in(3, State.LOST)
    assert cluster.has(3, "node1", "node2", "node3")


@needs(Capability.LEAVING_FOR_GOOD)
def test_leave_for_good(make: MakeCluster) -> None:
    """scope-members: a node that leaves with `remove` goes like any other."""
    cluster = make(3)
    cluster.up()

    cluster.leave(3, removed=True)

    cluster.in_sync(1, 2, nodes=(1, 2))


def test_leave_and_come_back(make: MakeCluster) -> None:
    """scope-members: the same daemon finds its manager again, and all tables are whole."""
    cluster = make(3)
    cluster.up()
    cluster.leave(3)
    cluster.is_in(3, State.LOST)
    cluster.in_sync(1, 2, nodes=(1, 2))

    with cluster.untouched(3, "node1", "node2", "node3"):
        cluster.cman_start(3)
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


def test_death(make: MakeCluster) -> None:
    """scope-members: a node whose power is cut is removed by the others."""
    cluster = make(3)
    cluster.up()

    with cluster.untouched(1, "node1", "node2"):
        cluster.kill(3)
        cluster.in_sync(1, 2, nodes=(1, 2))


def test_restart_of_a_host(make: MakeCluster) -> None:
    """scope-members: it dies, is removed, boots with empty tables and is everywhere again."""
    cluster = make(3)
    cluster.up()
    cluster.kill(3)
    cluster.in_sync(1, 2, nodes=(1, 2))

    cluster.start(3)

    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


def test_restart_of_a_daemon_catches_up(make: MakeCluster) -> None:
    """start-adopt: what changed while it was away is mended, and nothing else."""
    cluster = make(3)
    cluster.up()
    cluster.daemon_term(1)
    cluster.ends(1, 0)
    cluster.leave(3)
    cluster.in_sync(2, nodes=(1, 2))
    assert cluster.has(1, "node1", "node2", "node3")

    with cluster.untouched(1, "node1", "node2"):
        cluster.daemon_start(1)
        cluster.in_sync(1, nodes=(1, 2))


def test_two_deaths_at_once(make: MakeCluster) -> None:
    """scope-members: three of five go on and remove both."""
    cluster = make(5)
    cluster.up()

    with cluster.untouched(1, "node1", "node2", "node3"):
        cluster.kill(4)
        cluster.kill(5)
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


@needs(Capability.NOTICE_FAULTS)
def test_fast_rejoin_that_nobody_saw(make: MakeCluster) -> None:
    """incarnation: who was dead unseen is noticed, and the right entry is left alone."""
    cluster = make(3, seldom_resync=True)  # else a resync may come between leave and join
    cluster.up()
    before = cluster.incarnations(1)[3]

    with cluster.untouched(1, "node1", "node2", "node3"):
        # Leave and join are told within 2 ms: whoever reads late sees one member all along.
        cluster.notice(1, NoticeFault.DELAY)
        cluster.kill(3)
        cluster.start(3)
        cluster.eventually(
            "host 1 knows the new incarnation",
            lambda: cluster.incarnations(1).get(3, before) != before,
        )
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


def test_fast_rejoin(make: MakeCluster) -> None:
    """incarnation: a manager dies and is back at once; who reads late sees one member all along."""
    cluster = make(3)
    cluster.up()
    before = cluster.incarnations(1)[3]

    with cluster.untouched(1, "node1", "node2"):
        cluster.cman_crash(3)
        cluster.cman_start(3)
        cluster.eventually(
            "host 1 knows the new incarnation",
            lambda: cluster.incarnations(1).get(3, before) != before,
        )
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


def test_everybody_dies_and_comes_back(make: MakeCluster) -> None:
    """scope-members: a power cut for the whole cluster."""
    cluster = make(3)
    cluster.up()

    for host in (1, 2, 3):
        cluster.kill(host)
    for host in (3, 2, 1):
        cluster.start(host)

    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


def test_node_is_added_to_the_configuration_and_joins(make: MakeCluster) -> None:
    """scope-members: a fourth node is configured, boots, and is everywhere."""
    cluster = make(3)
    cluster.up()

    cluster.add_node(NodeConfig(id=4, name="late", addresses=("10.0.0.4",)))
    cluster.stays(
        "nobody adds who is no member",
        lambda: cluster.has(1, "node1", "node2", "node3"),
        during=Span.A_MOMENT,
    )
    cluster.start(4)

    cluster.in_sync(1, 2, 3, 4, nodes=(1, 2, 3, 4))


def test_node_is_taken_out_of_the_configuration(make: MakeCluster) -> None:
    """scope-members: a node dies and is then forgotten by the configuration too."""
    cluster = make(3)
    cluster.up()
    cluster.kill(3)
    cluster.in_sync(1, 2, nodes=(1, 2))

    cluster.remove_node(3)

    cluster.stays("tables stay", lambda: cluster.has(1, "node1", "node2"), during=Span.A_MOMENT)
    cluster.in_sync(1, 2, nodes=(1, 2))


@needs(Capability.NOTICE_FAULTS)
@pytest.mark.parametrize("fault", list(NoticeFault), ids=lambda fault: fault.value)
def test_notices_that_are_not_as_they_should_be(make: MakeCluster, fault: NoticeFault) -> None:
    """level-triggered, resync: lost, doubled, late or bundled, the tables are right in the end."""
    cluster = make(3)
    cluster.up()

    cluster.notice(1, fault, count=3)
    cluster.kill(3)

    cluster.in_sync(1, 2, nodes=(1, 2), within=Span.LATER)


@needs(Capability.VOTES_NOTICE)
def test_notices_of_votes(make: MakeCluster) -> None:
    """level-triggered: cman tells of votes as it tells of members; nothing is touched for that.

    The list is the same each time, and the death behind them is heard.
    """
    cluster = make(3, seldom_resync=True)
    cluster.up()

    with ExitStack() as stack:
        for host in (1, 2, 3):
            stack.enter_context(cluster.untouched(host, "node1", "node2", "node3"))
        for votes in (5, 4, 3):  # two or three members are quorate all along
            cluster.expected(1, votes)
            for host in (1, 2, 3):
                cluster.eventually(
                    f"host {host} is notified of {votes} expected votes",
                    lambda host=host: is_notified_of_votes(cluster, host),  # type: ignore[misc]
                )
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))

    cluster.kill(3)
    cluster.in_sync(1, 2, nodes=(1, 2))


def is_notified_of_votes(cluster: ClusterWords, host: int) -> bool:
    """Return whether a host's daemon has heard a notice since the last order about votes."""
    events = cluster.last_events()
    order = max(at for at, event in enumerate(events) if "expected" in event)
    return any(
        "notice state-change" in event and f"host {host} " in event for event in events[order:]
    )


@needs(Capability.NOTICE_FAULTS)
def test_two_hosts_with_different_views(make: MakeCluster) -> None:
    """level-triggered, fingerprint: one host has not heard of a death; each follows its manager."""
    cluster = make(4, seldom_resync=True)
    cluster.up()
    cluster.notice(2, NoticeFault.DROP, count=3)
    cluster.kill(4)
    cluster.in_sync(1, 3, nodes=(1, 2, 3))

    cluster.stays(
        "host 2 has the old view and table",
        lambda: cluster.members(2) == (1, 2, 3, 4) and len(cluster.table(2)) == 4,
        during=Span.A_MOMENT,
    )
    assert cluster.fingerprint(2) != cluster.fingerprint(1) == cluster.fingerprint(3)

    # The next thing that happens to the cluster tells host 2 of both.
    cluster.start(4)
    cluster.in_sync(1, 2, 3, 4, nodes=(1, 2, 3, 4))
    assert len({cluster.fingerprint(host) for host in (1, 2, 3, 4)}) == 1


@needs(Capability.FAILING_READS)
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOMEM], ids=lambda n: errno.errorcode[n])
def test_failed_read_between_a_death_and_the_next_notice(make: MakeCluster, number: int) -> None:
    """read-fails: the notice's reading fails, no other notice comes; it is read again by itself."""
    cluster = make(3, seldom_resync=True)
    cluster.up()

    with cluster.untouched(1, "node1", "node2"):
        cluster.fail_read(1, number, count=2)
        cluster.kill(3)
        cluster.in_sync(1, 2, nodes=(1, 2))
