"""How a node comes up, and what it may find in its kernel."""

from __future__ import annotations

import itertools

import pytest

from fakecluster.arms.suite import MakeCluster, needs
from fakecluster.arms.values import Row, Span
from fakecluster.capabilities import Capability
from o2cbd.core.model import State, Why


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))), ids=str)
def test_first_start_in_any_order(make: MakeCluster, order: tuple[int, ...]) -> None:
    """scope-members, order: whoever boots first, all tables hold all members in the end."""
    cluster = make(3, down=(1, 2, 3))

    for count, host in enumerate(order, 1):
        cluster.start(host)
        cluster.in_sync(host, nodes=order[:count])

    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))
    assert cluster.table(1) == {
        "node1": Row(num=1, address="10.0.0.1", port=7777, local=True),
        "node2": Row(num=2, address="10.0.0.2", port=7777, local=False),
        "node3": Row(num=3, address="10.0.0.3", port=7777, local=False),
    }
    assert len({cluster.fingerprint(host) for host in (1, 2, 3)}) == 1


def test_all_start_at_once(make: MakeCluster) -> None:
    """scope-members: a power cut is over, and every host boots at the same time."""
    cluster = make(3, down=(1, 2, 3))

    for host in (1, 2, 3):
        cluster.start(host)

    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


@needs(Capability.CALL_ORDER)
def test_our_own_node_comes_first_and_each_value_in_one_write(make: MakeCluster) -> None:
    """order: the cluster, then us with all values, then the others, in libo2cb's order."""
    cluster = make(2)
    cluster.up()

    done = [(call.name, call.path.removeprefix("/cluster/o2")) for call in cluster.calls(1)]

    assert done == [
        ("mkdir", ""),
        ("mkdir", "/node/node1"),
        ("write:ipv4_port", "/node/node1/ipv4_port"),
        ("write:ipv4_address", "/node/node1/ipv4_address"),
        ("write:num", "/node/node1/num"),
        ("write:local", "/node/node1/local"),
        ("mkdir", "/node/node2"),
        ("write:ipv4_port", "/node/node2/ipv4_port"),
        ("write:ipv4_address", "/node/node2/ipv4_address"),
        ("write:num", "/node/node2/num"),
    ]


def test_daemon_waits_for_its_manager(make: MakeCluster) -> None:
    """start-wait: a daemon that is there before its cluster manager waits, and touches nothing."""
    cluster = make(3)
    cluster.cman_crash(1)
    cluster.daemon_start(1)
    cluster.is_in(1, State.WAITING)
    cluster.stays("nothing is made", lambda: not cluster.clusters(1), during=Span.A_MOMENT)

    cluster.cman_start(1)

    cluster.in_sync(1, nodes=(1, 2, 3))


def test_right_entries_are_adopted_without_touching_them(make: MakeCluster) -> None:
    """start-adopt: what is right in the kernel is left alone, by every call and every inode."""
    cluster = make(3)
    for num in (1, 2, 3):
        cluster.place_node(
            1, f"node{num}", num=num, address=f"10.0.0.{num}", port=7777, local=num == 1
        )
    before = cluster.calls(1)

    with cluster.untouched(1, "node1", "node2", "node3"):
        cluster.daemon_start(1)
        cluster.in_sync(1, nodes=(1, 2, 3))

    assert cluster.calls(1) == before


def test_only_what_differs_is_mended(make: MakeCluster) -> None:
    """start-adopt: one entry has an old address; only it is made anew."""
    cluster = make(3)
    cluster.place_node(1, "node1", num=1, address="10.0.0.1", port=7777, local=True)
    cluster.place_node(1, "node2", num=2, address="10.0.0.2", port=7777)
    cluster.place_node(1, "node3", num=3, address="10.9.9.9", port=7777)

    with cluster.untouched(1, "node1", "node2"):
        cluster.daemon_start(1)
        cluster.in_sync(1, nodes=(1, 2, 3))

    assert cluster.table(1)["node3"].address == "10.0.0.3"


def test_half_made_node_is_completed(make: MakeCluster) -> None:
    """half-made: somebody died between mkdir and the first value; the entry is finished."""
    cluster = make(3)
    cluster.place_node(1, "node2")

    with cluster.untouched(1, "node2"):
        cluster.daemon_start(1)
        cluster.in_sync(1, nodes=(1, 2, 3))


def test_half_made_node_that_cannot_be_completed_is_made_new(make: MakeCluster) -> None:
    """half-made: it has another address already, which cannot be written twice."""
    cluster = make(3)
    cluster.place_node(1, "node2", address="10.9.9.9", port=7777)
    before = cluster.inodes(1)

    cluster.daemon_start(1)

    cluster.in_sync(1, nodes=(1, 2, 3))
    assert cluster.inodes(1)["node2"] != before["node2"]
    assert cluster.table(1)["node2"].address == "10.0.0.2"


def test_half_made_node_of_nobody_is_taken_away(make: MakeCluster) -> None:
    """half-made, stale-entry: the directory of a node that the cluster does not know."""
    cluster = make(3)
    cluster.place_node(1, "stranger")

    cluster.daemon_start(1)

    cluster.in_sync(1, nodes=(1, 2, 3))


def test_foreign_cluster_is_not_touched(make: MakeCluster) -> None:
    """foreign-cluster: ours waits for its end and names it; then the table is filled."""
    cluster = make(3)
    cluster.place_cluster(1, "other")
    cluster.daemon_start(1)

    waiting = cluster.waits(1, None, Why.FOREIGN_CLUSTER)
    cluster.stays("the other cluster is left alone", lambda: cluster.clusters(1) == ("other",))
    assert "other" in waiting.reason

    cluster.drop_cluster(1, "other")
    cluster.in_sync(1, nodes=(1, 2, 3), within=Span.LATER)


def test_stale_entry_is_removed(make: MakeCluster) -> None:
    """stale-entry: a node of our cluster that the manager does not know goes."""
    cluster = make(3)
    cluster.place_node(1, "old", num=9, address="10.0.0.9", port=7777)

    cluster.daemon_start(1)

    cluster.in_sync(1, nodes=(1, 2, 3))


def test_local_flag_on_a_wrong_node_is_mended(make: MakeCluster) -> None:
    """local-wrong: another node's entry is the local one, so our own cannot be; it is replaced."""
    cluster = make(3)
    cluster.give_address(1, "10.0.0.2")
    cluster.place_node(1, "node2", num=2, address="10.0.0.2", port=7777, local=True)

    cluster.daemon_start(1)

    cluster.in_sync(1, nodes=(1, 2, 3))


def test_local_address_is_not_there_yet(make: MakeCluster) -> None:
    """local-retry: peers are added meanwhile, and local=1 follows once the interface is up."""
    cluster = make(3)
    cluster.take_address(1, "10.0.0.1")
    cluster.daemon_start(1)

    cluster.waits(1, "node1", Why.FAILED, errno="EADDRNOTAVAIL")
    cluster.eventually("peers are there", lambda: cluster.has(1, "node1", "node2", "node3"))
    with cluster.untouched(1, "node1", "node2", "node3"):
        cluster.give_address(1, "10.0.0.1")
        cluster.in_sync(1, nodes=(1, 2, 3))


def test_node_that_is_no_member_does_nothing(make: MakeCluster) -> None:
    """not-a-member: after a clean leave our tables stay as they are, and we wait."""
    cluster = make(3)
    cluster.up()

    with cluster.untouched(3, "node1", "node2", "node3"):
        cluster.leave(3)
        cluster.is_in(3, State.LOST)
        cluster.in_sync(1, 2, nodes=(1, 2))


def test_cluster_of_another_name_than_confirmed(make: MakeCluster) -> None:
    """cluster-name: `--cluster` only confirms the manager's name; another one ends the start."""
    cluster = make(3, options={1: ("--cluster", "other")})

    cluster.daemon_start(1)

    cluster.ends(1, 78)
    assert cluster.clusters(1) == ()


@needs(Capability.RENAMED_CLUSTER)
def test_cluster_name_that_changes_is_never_a_second_cluster(make: MakeCluster) -> None:
    """cluster-name: a manager that comes back with another name is no step and no end."""
    cluster = make(3)
    cluster.up()

    with cluster.untouched(1, "node1", "node2", "node3"):
        for host in (1, 2, 3):
            cluster.cman_crash(host)
        cluster.rename_cluster("renamed")
        for host in (1, 2, 3):
            cluster.cman_start(host)
        cluster.is_in(1, State.WAITING)
        cluster.stays("the old cluster alone is there", lambda: cluster.clusters(1) == ("o2",))
