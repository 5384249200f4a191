"""What a kernel will not let go of, and what has to wait for that."""

from __future__ import annotations

import errno

from fakecluster.arms.suite import MakeCluster, needs
from fakecluster.arms.values import Span
from fakecluster.capabilities import Capability
from fakecluster.cman.topology import NodeConfig, Topology
from o2cbd.core.model import Why


@needs(Capability.PINS_BY_HAND)
def test_pinned_then_unpinned(make: MakeCluster) -> None:
    """pinned: EBUSY makes the removal pending, all else goes on, and the unpin ends it."""
    cluster = make(5, down=(5,))
    cluster.up()
    cluster.pin(1, "node3")
    cluster.kill(3)
    waiting = cluster.waits(1, "node3", Why.PINNED)
    assert (waiting.step, waiting.errno) == ("remove-node", "EBUSY")

    cluster.start(5)
    cluster.eventually("node5 is added meanwhile", lambda: "node5" in cluster.table(1))
    cluster.in_sync(2, 4, 5, nodes=(1, 2, 4, 5))
    assert "node3" in cluster.table(1)

    cluster.unpin(1, "node3")
    cluster.in_sync(1, nodes=(1, 2, 4, 5))


def test_dead_node_is_pinned_while_the_disk_heartbeat_believes_in_it(make: MakeCluster) -> None:
    """pinned: the manager sees a death long before o2hb does; the removal waits for that."""
    cluster = make(3)
    cluster.up()
    for host in (1, 2, 3):
        cluster.mount(host)

    cluster.kill(3)

    for host in (1, 2):
        cluster.waits(host, "node3", Why.PINNED)
    cluster.in_sync(1, 2, nodes=(1, 2), within=Span.LATER)


@needs(Capability.STALLED_DISK)
def test_host_whose_disk_stalls_fences_itself(make: MakeCluster) -> None:
    """pinned: its heartbeat is not written, it resets itself, and only then is it removed."""
    cluster = make(3)
    cluster.up()
    for host in (1, 2, 3):
        cluster.mount(host)

    cluster.stall_disk(3)

    cluster.eventually(
        "host 3 has reset itself", lambda: cluster.state(3) is None, within=Span.LATER
    )
    cluster.in_sync(1, 2, nodes=(1, 2), within=Span.LATER)
    cluster.start(3)
    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


def test_clean_umount_pins_nobody(make: MakeCluster) -> None:
    """pinned: who unmounts and leaves is removed at once, although the others are mounted."""
    cluster = make(3)
    cluster.up()
    for host in (1, 2, 3):
        cluster.mount(host)

    cluster.umount(3)
    cluster.leave(3)

    cluster.in_sync(1, 2, nodes=(1, 2))


@needs(Capability.PINS_BY_HAND)
def test_back_again_while_the_removal_is_pinned(make: MakeCluster) -> None:
    """back-again: the node returns, the removal is dropped, and its old entry is right again."""
    cluster = make(3)
    cluster.up()

    with cluster.untouched(1, "node1", "node2", "node3"):
        cluster.pin(1, "node3")
        cluster.kill(3)
        cluster.waits(1, "node3", Why.PINNED)
        cluster.start(3)
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))
        cluster.unpin(1, "node3")
        cluster.stays(
            "node3 is not removed",
            lambda: cluster.has(1, "node1", "node2", "node3"),
            during=Span.A_MOMENT,
        )


@needs(Capability.PINS_BY_HAND)
def test_add_waits_for_a_pending_removal(make: MakeCluster) -> None:
    """add-waits: a newcomer has the address of a dead node whose entry is pinned."""
    nodes = [NodeConfig(id=i, name=f"node{i}", addresses=(f"10.0.0.{i}",)) for i in (1, 2, 3)]
    nodes.append(NodeConfig(id=4, name="spare", addresses=("10.0.0.3",), votes=0))
    cluster = make(Topology(cluster="o2", nodes=tuple(nodes)), down=(4,))
    cluster.up()
    cluster.pin(1, "node3")
    cluster.kill(3)
    cluster.waits(1, "node3", Why.PINNED)

    cluster.start(4)
    waiting = cluster.waits(1, "spare", Why.WAITS_FOR_REMOVAL)
    assert "node3" in waiting.reason
    cluster.in_sync(2, 4, nodes=(1, 2, 4))

    cluster.unpin(1, "node3")
    cluster.in_sync(1, nodes=(1, 2, 4))


@needs(Capability.FREE_ADDRESSES, Capability.PINS_BY_HAND)
def test_pinned_entry_is_not_replaced_halfway(make: MakeCluster) -> None:
    """replace, pinned: a new address waits with the old entry whole, until the kernel lets go."""
    cluster = make(3)
    cluster.up()
    cluster.pin(1, "node3")

    with cluster.untouched(1, "node1", "node2", "node3"):
        cluster.address(3, "10.0.0.33")
        cluster.waits(1, "node3", Why.PINNED)
        cluster.stays("node3 is there", lambda: cluster.has(1, "node1", "node2", "node3"))

    cluster.unpin(1, "node3")
    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3), within=Span.LATER)
    assert cluster.table(1)["node3"].address == "10.0.0.33"


@needs(Capability.FREE_ADDRESSES)
def test_our_own_node_is_never_removed_under_a_region(make: MakeCluster) -> None:
    """never, replace: our address changes while we are mounted; the entry stays until umount."""
    cluster = make(3)
    cluster.up()
    cluster.mount(1)

    with cluster.untouched(1, "node1", "node2", "node3"):
        cluster.address(1, "10.0.0.11")
        cluster.waits(1, "node1", Why.REGION)
        cluster.stays("node1 is local", lambda: cluster.table(1)["node1"].local)

    cluster.umount(1)
    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3), within=Span.LATER)
    assert cluster.table(1)["node1"].address == "10.0.0.11"


@needs(Capability.CALL_FAULTS)
def test_add_that_fails_is_tried_again(make: MakeCluster) -> None:
    """add-fails, errno: the kernel has no memory for a while; errno and reason are shown."""
    cluster = make(3, down=(3,))
    cluster.up()
    cluster.fault(1, "mkdir", errno.ENOMEM, count=10_000)

    cluster.start(3)
    cluster.waits(1, "node3", Why.FAILED, errno="ENOMEM")
    cluster.in_sync(2, 3, nodes=(1, 2, 3))

    cluster.mend_calls(1)
    cluster.in_sync(1, nodes=(1, 2, 3))


@needs(Capability.CALL_FAULTS)
def test_value_that_is_refused_leaves_no_half_made_node(make: MakeCluster) -> None:
    """add-fails: the third call of an add fails; the directory is taken away and made anew."""
    cluster = make(3, down=(3,))
    cluster.up()
    cluster.fault(1, "write:num", errno.EIO, count=2)

    cluster.start(3)

    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))
    failed = [call.errno for call in cluster.calls(1) if call.errno]
    assert failed == ["EIO", "EIO"]
