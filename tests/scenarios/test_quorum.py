"""Partitions, quorum, two nodes: when a lost node may be taken out, and when it must not."""

from __future__ import annotations

from fakecluster.arms.suite import MakeCluster, needs
from fakecluster.arms.values import Span
from fakecluster.capabilities import Capability
from fakecluster.cman.topology import QuorumDisk, Topology
from o2cbd.core.model import State, Why

DUO = Topology.of(2, two_node=True)


def test_partition_3_to_2_and_healing(make: MakeCluster) -> None:
    """inquorate: the majority goes on alone, the minority forgets nobody; then all is whole."""
    cluster = make(5)
    cluster.up()

    with cluster.untouched(4, *(f"node{i}" for i in (1, 2, 3, 4, 5))):
        cluster.partition((1, 2, 3), (4, 5))
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))
        for lost in ("node1", "node2", "node3"):
            cluster.waits(4, lost, Why.INQUORATE)
        cluster.heal()
        cluster.in_sync(1, 2, 3, 4, 5, nodes=(1, 2, 3, 4, 5))

    assert len({cluster.fingerprint(host) for host in (1, 2, 3, 4, 5)}) == 1


def test_partition_2_to_1_and_healing(make: MakeCluster) -> None:
    """inquorate: one of three is cut off; the two forget it, it forgets nobody; all is healed."""
    cluster = make(3)
    cluster.up()

    with cluster.untouched(3, "node1", "node2", "node3"):
        cluster.partition((1, 2), (3,))
        cluster.in_sync(1, 2, nodes=(1, 2))
        for lost in ("node1", "node2"):
            cluster.waits(3, lost, Why.INQUORATE)
        cluster.heal()
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))

    assert len({cluster.fingerprint(host) for host in (1, 2, 3)}) == 1


def test_inquorate_removals_wait(make: MakeCluster) -> None:
    """inquorate: however long it takes, and however often it is looked at."""
    cluster = make(3)
    cluster.up()
    cluster.partition((1, 2), (3,))
    cluster.waits(3, "node1", Why.INQUORATE)

    cluster.stays("host 3 keeps all", lambda: cluster.has(3, "node1", "node2", "node3"))

    assert cluster.quorate(3) is False


def test_inquorate_host_still_adds(make: MakeCluster) -> None:
    """inquorate: the first hosts of a cluster find each other before there is quorum."""
    cluster = make(5, down=(1, 2, 3, 4, 5))
    for host in (1, 2):
        cluster.start(host)

    cluster.in_sync(1, 2, nodes=(1, 2))

    assert cluster.quorate(1) is False


def test_quorum_that_comes_back_lets_removals_through(make: MakeCluster) -> None:
    """inquorate: two of five are left; a third boots, and who is still gone is removed."""
    cluster = make(5)
    cluster.up()
    for host in (3, 4, 5):
        cluster.kill(host)
    cluster.waits(1, "node5", Why.INQUORATE)

    cluster.start(3)

    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


def test_isolated_host_forgets_nobody(make: MakeCluster) -> None:
    """inquorate: its cable is pulled and plugged in again."""
    cluster = make(3)
    cluster.up()

    with cluster.untouched(2, "node1", "node2", "node3"):
        cluster.partition((2,))
        cluster.in_sync(1, 3, nodes=(1, 3))
        cluster.waits(2, "node1", Why.INQUORATE)
        cluster.heal()
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


def test_one_way_link(make: MakeCluster) -> None:
    """inquorate: host 3 is heard by nobody and hears everybody; it must not think it is alone."""
    cluster = make(3)
    cluster.up()
    for listener in (1, 2):
        cluster.cut(3, listener)

    cluster.in_sync(1, 2, nodes=(1, 2))
    cluster.stays("host 3 keeps all", lambda: cluster.has(3, "node1", "node2", "node3"))

    cluster.heal()
    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


@needs(Capability.TWO_NODE)
def test_two_node_split_and_forget(make: MakeCluster) -> None:
    """two-node: both halves are quorate and keep each other, until the operator vouches."""
    cluster = make(DUO)
    cluster.up()
    cluster.partition((1,), (2,))
    cluster.waits(1, "node2", Why.TWO_NODE)
    cluster.waits(2, "node1", Why.TWO_NODE)
    cluster.stays("both keep both", lambda: len(cluster.table(1)) == len(cluster.table(2)) == 2)

    cluster.kill(2)
    cluster.forget(1, "node2")

    cluster.in_sync(1, nodes=(1,))


@needs(Capability.TWO_NODE, Capability.FENCING_NOTICE)
def test_two_node_death_and_fencing(make: MakeCluster) -> None:
    """two-node: the manager is told that the lost node was fenced, and that is enough."""
    cluster = make(DUO)
    cluster.up()
    cluster.kill(2)
    cluster.waits(1, "node2", Why.TWO_NODE)

    cluster.fence(2, by=1)

    cluster.in_sync(1, nodes=(1,), within=Span.LATER)


@needs(Capability.TWO_NODE)
def test_two_node_return(make: MakeCluster) -> None:
    """two-node, back-again: the lost node returns, and its entry has been right all along."""
    cluster = make(DUO)
    cluster.up()

    with cluster.untouched(1, "node1", "node2"):
        cluster.kill(2)
        cluster.waits(1, "node2", Why.TWO_NODE)
        cluster.start(2)
        cluster.in_sync(1, 2, nodes=(1, 2))


@needs(Capability.TWO_NODE)
def test_two_node_allowed_by_the_settings(make: MakeCluster) -> None:
    """two-node: `two_node = "allow"` removes at once."""
    cluster = make(DUO, settings='[removals]\ntwo_node = "allow"')
    cluster.up()

    cluster.kill(2)

    cluster.in_sync(1, nodes=(1,))


@needs(Capability.TWO_NODE)
def test_word_about_one_death_does_not_count_for_the_next(make: MakeCluster) -> None:
    """two-node: `forget` ends when the node is back; its next loss waits again."""
    cluster = make(DUO)
    cluster.up()
    cluster.kill(2)
    cluster.waits(1, "node2", Why.TWO_NODE)
    cluster.forget(1, "node2")
    cluster.in_sync(1, nodes=(1,))
    cluster.start(2)
    cluster.in_sync(1, 2, nodes=(1, 2))

    cluster.kill(2)

    cluster.waits(1, "node2", Why.TWO_NODE)
    cluster.stays("node2 stays", lambda: cluster.has(1, "node1", "node2"))


@needs(Capability.QUORUM_DISK)
def test_quorum_disk_keeps_the_last_host_quorate_and_proves_nothing(make: MakeCluster) -> None:
    """inquorate, minority: the disk may vote for both of two; the operator's word is awaited."""
    cluster = make(Topology.of(2, qdisk=QuorumDisk()))
    cluster.up()
    cluster.eventually("the disk counts", lambda: 0 in cluster.members(1))
    cluster.qdisk(1, available=False)
    cluster.kill(2)
    cluster.waits(1, "node2", Why.INQUORATE)

    cluster.qdisk(1, available=True)
    cluster.waits(1, "node2", Why.MINORITY)
    cluster.forget(1, "node2")

    cluster.in_sync(1, nodes=(1,))


@needs(Capability.QUORUM_DISK, Capability.FENCING_NOTICE)
def test_half_of_the_nodes_and_a_fencing(make: MakeCluster) -> None:
    """minority: the manager says that the lost node was fenced, and that is enough."""
    cluster = make(Topology.of(2, qdisk=QuorumDisk()))
    cluster.up()
    cluster.eventually("the disk counts", lambda: 0 in cluster.members(1))
    cluster.kill(2)
    cluster.waits(1, "node2", Why.MINORITY)

    cluster.fence(2, by=1)

    cluster.in_sync(1, nodes=(1,), within=Span.LATER)


def test_lowered_expected_votes_prove_nothing(make: MakeCluster) -> None:
    """minority: the part that an operator makes quorate keeps the others until it is vouched."""
    cluster = make(3)
    cluster.up()
    cluster.partition((1,), (2, 3))
    cluster.in_sync(2, 3, nodes=(2, 3))

    cluster.expected(1, 1)
    cluster.eventually("host 1 is quorate", lambda: cluster.quorate(1) is True)
    for lost in ("node2", "node3"):
        cluster.waits(1, lost, Why.MINORITY)
    cluster.stays("host 1 keeps all", lambda: cluster.has(1, "node1", "node2", "node3"))

    cluster.heal()
    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


def test_lowered_expected_votes_with_a_trusted_manager(make: MakeCluster) -> None:
    """minority: `majority = "trust-manager"` takes the manager's word."""
    cluster = make(3, settings='[removals]\nmajority = "trust-manager"')
    cluster.up()
    for host in (2, 3):
        cluster.kill(host)
    cluster.waits(1, "node2", Why.INQUORATE)

    cluster.expected(1, 1)

    cluster.in_sync(1, nodes=(1,))


@needs(Capability.FENCING_NOTICE)
def test_lowered_expected_votes_and_a_fencing(make: MakeCluster) -> None:
    """minority: an operator makes the last host quorate, and cman says who of the lost was fenced.

    The news comes with no notice of cman's.
    """
    cluster = make(3)
    cluster.up()
    for host in (2, 3):
        cluster.kill(host)
    cluster.waits(1, "node2", Why.INQUORATE)
    cluster.expected(1, 1)
    for lost in ("node2", "node3"):
        cluster.waits(1, lost, Why.MINORITY)

    cluster.fence(2, by=1)
    cluster.eventually(
        "host 1 has removed node2", lambda: not cluster.has(1, "node2"), within=Span.LATER
    )
    cluster.waits(1, "node3", Why.MINORITY)
    cluster.fence(3, by=1)

    cluster.in_sync(1, nodes=(1,), within=Span.LATER)


def test_removal_waits_for_a_settled_membership(make: MakeCluster) -> None:
    """unsettled: what the manager says of a lost node must stand for a while first."""
    cluster = make(3, settings="[removals]\nsettle_s = 5")
    cluster.up()
    cluster.kill(3)
    cluster.eventually("host 1 has lost node3", lambda: 3 not in cluster.members(1))

    cluster.stays("host 1 keeps node3", lambda: "node3" in cluster.table(1), during=Span.A_MOMENT)
    cluster.waits(1, "node3", Why.UNSETTLED)
    cluster.in_sync(1, 2, nodes=(1, 2))


def test_quorate_host_without_a_mount_while_the_lost_peer_is_mounted(make: MakeCluster) -> None:
    """pinned, inquorate: a parted node that still writes its heartbeat is pinned where mounted.

    A host that has not mounted does not look at the disk: it removes the node, and its table
    differs from those of mounted hosts until they can follow. Meanwhile it cannot mount.
    """
    cluster = make(5)
    cluster.up()
    for host in (1, 5):
        cluster.mount(host)

    cluster.partition((1, 2, 3, 4), (5,))
    cluster.in_sync(2, 3, 4, nodes=(1, 2, 3, 4))
    cluster.waits(1, "node5", Why.PINNED)
    cluster.stays("host 1 keeps node5", lambda: "node5" in cluster.table(1))
    assert cluster.fingerprint(1) != cluster.fingerprint(2)

    # It fences itself, and the disk shows it.
    cluster.kill(5)
    cluster.in_sync(1, nodes=(1, 2, 3, 4), within=Span.LATER)
    assert cluster.fingerprint(1) == cluster.fingerprint(2)


def test_minority_that_is_mounted_refuses_to_forget_and_to_shut_down(make: MakeCluster) -> None:
    """inquorate, vote-facts: the lost half holds the disk; it keeps its table and its vote."""
    cluster = make(3)
    cluster.up()
    cluster.mount(3)
    cluster.partition((1, 2), (3,))
    cluster.waits(3, "node1", Why.INQUORATE)

    assert cluster.outcome(cluster.shutdown(3)) == "EBUSY"

    cluster.heal()
    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))
    cluster.is_in(3, State.SYNCED)
