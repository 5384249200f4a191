"""What truly keeps a host's kernel from being as it should be, whatever the daemon says."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from fakecluster.configfs.kernel import ClusterState, NodeState
from fakecluster.oracles.expected import ExpectedNode, ManagerView
from fakecluster.oracles.quorum_blockers import quorum_blockers
from fakecluster.sim.host import SimHost
from o2cbd.core.model import Why


def removal_blockers(
    host: SimHost,
    node: NodeState,
    row: ExpectedNode | None,
    view: ManagerView,
    forgotten: AbstractSet[str],
) -> frozenset[Why]:
    """Return why a node that must go may still be there; empty: nothing excuses it.

    Args:
        host: whose kernel it is.
        node: the kernel's.
        row: what should be under its name; None: nothing.
        view: the manager's.
        forgotten: of whom the operator vouched that they are down.
    """
    kernel = host.model.kernel
    cluster = kernel.cluster
    found: set[Why] = set()
    if node.address == "0.0.0.0":
        found.add(Why.UNSAFE)
    own = view.owns(node, row)
    if own and cluster is not None and cluster.regions:
        found.add(Why.REGION)
    if kernel.pinned(node) or _num_read(node) in kernel.live_nums:
        found.add(Why.PINNED)
    if row is not None and cluster is not None and add_blockers(row, cluster):
        found.add(Why.REPLACEMENT_BLOCKED)
        if node.address in {None, "0.0.0.0"}:  # which read alike: it may be completed in place
            found.add(Why.WAITS_FOR_REMOVAL)
    if row is None and cluster is not None and _replacement_is_blocked(host, node, cluster):
        found.add(Why.REPLACEMENT_BLOCKED)
    if _num_read(node) is not None:
        vouched = own or node.name in forgotten
        found |= quorum_blockers(node, view, host.daemon.rules, vouched=vouched)
    return frozenset(found)


def _num_read(node: NodeState) -> int | None:
    """Return the num that a node may have by its reading; None: it certainly has none.

    One without a num reads as num 0 once it has the rest, and nobody can tell it from one that has.
    """
    return 0 if node.num is None and node.port and node.address else node.num


def _replacement_is_blocked(host: SimHost, node: NodeState, cluster: ClusterState) -> bool:
    """True when a node that is not there yet has this one's num, and another is in its way too."""
    for row in host.truth.rows.values():
        if row.num == _num_read(node) and row.name not in cluster.nodes:
            others = [one for one in cluster.nodes.values() if one is not node]
            return any(_num_read(one) == row.num or one.address == row.address for one in others)
    return False


def add_blockers(row: ExpectedNode, cluster: ClusterState) -> frozenset[Why]:
    """Return why a node may still be missing: another one has its num or address."""
    in_the_way = any(
        one.name != row.name and (_num_read(one) == row.num or one.address == row.address)
        for one in cluster.nodes.values()
    )
    return frozenset({Why.WAITS_FOR_REMOVAL}) if in_the_way else frozenset()


def local_blockers(host: SimHost, row: ExpectedNode) -> frozenset[Why]:
    """Return why our own node may still not be local."""
    cluster = host.model.kernel.cluster
    if cluster is not None and any(one.local for one in cluster.nodes.values()):
        return frozenset({Why.WAITS_FOR_REMOVAL})
    machine = host.model.host
    if not machine.can_listen(row.address, row.port):
        return frozenset({Why.FAILED})
    return frozenset()
