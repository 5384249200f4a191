"""Clusters as they are drawn: mostly small and plain, now and then as odd as they can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology
from fakecluster.explore.draw import Draw

_SIZES = ((2, 1), (6, 2), (8, 3), (5, 4), (4, 5), (2, 6), (1, 7), (1, 8))
_LARGE_ONE_IN = 150
_LARGE = (12, 16, 24)
_ODD_ONE_IN = 3
"""So often a cluster has odd nodes at all."""

_ODD_CLUSTER_ONE_IN = 16
_FROM_1000_ONE_IN = 16
_NAMELESS_ONE_IN = 30

ODD_CLUSTERS = ("my-cluster", "web_1", "a b", "späth")
"""Names that OCFS2 does not take."""
ODD_NAMES = ("x" * 64, "x" * 65, "..", "a b", "tab\there", "späth", "sl/ash", "-n")


def draw_topology(seed: int) -> Topology:
    """Return a cluster."""
    draw = Draw(seed, "topology")
    large = draw.chance(_LARGE_ONE_IN)
    count = draw.pick(_LARGE) if large else draw.weighted(_SIZES)
    nodes = list(Topology.of(count).nodes)
    if not large and draw.chance(_ODD_ONE_IN):
        for _ in range(draw.between(1, 2)):
            index = draw.below(count)
            nodes[index] = draw.pick(ODDITIES)(draw, nodes, index)
    if draw.chance(_FROM_1000_ONE_IN):
        nodes = [replace(node, id=999 + node.id) for node in nodes]
    if draw.chance(_NAMELESS_ONE_IN):
        nodes = [replace(node, name="") for node in nodes]
    two_node = len({node.id for node in nodes}) == 2 and draw.chance(2)
    disk = None
    if not two_node and draw.chance(6):
        disk = QuorumDisk(
            name=draw.pick(("/dev/qdisk0", "label")),
            votes=draw.between(1, 2),
            polled=draw.chance(2),
        )
    topology = Topology(
        cluster=draw.pick(ODD_CLUSTERS) if draw.chance(_ODD_CLUSTER_ONE_IN) else "o2",
        nodes=tuple(nodes),
        two_node=two_node,
        qdisk=disk,
        expected_votes=1 if two_node else None,
    )
    return topology.checked()


def on_two_rings(topology: Topology) -> Topology:
    """Return the cluster with a second address for each node that has one."""
    nodes = tuple(
        replace(node, addresses=(*node.addresses, f"10.1.0.{place}"))
        if len(node.addresses) == 1
        else node
        for place, node in enumerate(topology.nodes, start=1)
    )
    return replace(topology, nodes=nodes)


def draw_timings(seed: int) -> Timings:
    """Return the manager's clocks: quick, as shipped, or slow."""
    draw = Draw(seed, "timings")
    token_ms = draw.weighted(((6, 1000), (2, 3000), (1, 10_000)))
    return Timings(token_ms=token_ms, consensus_ms=token_ms * 12 // 10)


def draw_dead_threshold(seed: int) -> int:
    """Return the disk heartbeat's, in intervals."""
    return Draw(seed, "heartbeat").weighted(((6, 5), (2, 11), (1, 31)))


# --- what may be odd about a node ---------------------------------------------------------------

Oddity = Callable[[Draw, list[NodeConfig], int], NodeConfig]


def _large_id(draw: Draw, nodes: list[NodeConfig], index: int) -> NodeConfig:
    taken = {node.id for node in nodes}
    free = [one for one in (254, 255, 300, 70_000, 2**31 + 1) if one not in taken]
    return replace(nodes[index], id=draw.pick(free))


def _ipv6_only(_draw: Draw, nodes: list[NodeConfig], index: int) -> NodeConfig:
    return replace(nodes[index], addresses=(f"fd00::{index + 1:x}",))


def _ipv6_first(_draw: Draw, nodes: list[NodeConfig], index: int) -> NodeConfig:
    first = f"fd00::{index + 1:x}"
    return replace(nodes[index], addresses=(first, *nodes[index].addresses))


def _two_addresses(_draw: Draw, nodes: list[NodeConfig], index: int) -> NodeConfig:
    return replace(nodes[index], addresses=(*nodes[index].addresses, f"10.1.0.{index + 1}"))


def _no_address(_draw: Draw, nodes: list[NodeConfig], index: int) -> NodeConfig:
    return replace(nodes[index], addresses=())


def _zero_address(_draw: Draw, nodes: list[NodeConfig], index: int) -> NodeConfig:
    return replace(nodes[index], addresses=("0.0.0.0",))


def _address_of_another(draw: Draw, nodes: list[NodeConfig], index: int) -> NodeConfig:
    return replace(nodes[index], addresses=draw.pick(nodes).addresses)


def _odd_name(draw: Draw, nodes: list[NodeConfig], index: int) -> NodeConfig:
    return replace(nodes[index], name=draw.pick(ODD_NAMES))


def _nameless(_draw: Draw, nodes: list[NodeConfig], index: int) -> NodeConfig:
    return replace(nodes[index], name="")


def _name_of_another(draw: Draw, nodes: list[NodeConfig], index: int) -> NodeConfig:
    return replace(nodes[index], name=draw.pick(nodes).name)


def _votes(draw: Draw, nodes: list[NodeConfig], index: int) -> NodeConfig:
    return replace(nodes[index], votes=draw.pick((0, 2, 5)))


ODDITIES: tuple[Oddity, ...] = (
    _large_id,
    _ipv6_only,
    _ipv6_first,
    _two_addresses,
    _no_address,
    _zero_address,
    _address_of_another,
    _odd_name,
    _nameless,
    _name_of_another,
    _votes,
)
