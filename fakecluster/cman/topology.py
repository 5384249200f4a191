"""What a fake cluster consists of: the part of a cluster.conf that matters, checked as a whole."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace

from fakecluster.cman.constants import (
    CLUSTER_NAME_MAX_BYTES,
    MAX_ADDRESSES,
    MAX_NODES,
    MAX_VOTES,
    NODE_NAME_MAX_BYTES,
    QUORUM_DISK_NAME_MAX_BYTES,
)

_MAX_ID = 2**32 - 1
DEFAULT_NUMBER = 6865
"""A cluster number as cman makes them out of a name."""


class TopologyError(ValueError):
    """A topology that cannot be; `problems` has all of it, each with its key path."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """One clusternode."""

    id: int
    """Any positive 32-bit number, over 254 too."""
    name: str
    """Empty where the configuration gives none."""
    addresses: tuple[str, ...]
    """Numeric, IPv4 or IPv6, the first interface first; empty: a host whose address cman does not
    know."""
    votes: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumDisk:
    """A quorum disk, registered on every node that runs."""

    name: str = "/dev/qdisk0"
    votes: int = 1
    polled: bool = True
    """Its daemon runs: it counts soon after a node starts. False: until `Engine.qdisk` says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """A cluster. Build it with `of`, `checked` or from a file; those have refused nonsense."""

    cluster: str
    nodes: tuple[NodeConfig, ...]
    """Sorted by id; configured twice, an id is one entry and the later configuration counts."""
    number: int = DEFAULT_NUMBER
    qdisk: QuorumDisk | None = None
    two_node: bool = False
    """One vote is enough while there are at most two members."""
    expected_votes: int | None = None
    """None: the sum of all votes."""
    config_version: int = 1
    quorum_provider: bool = True
    """False: the daemons hear of no quorum, as of a corosync without a provider. cman always has
    one, so this is for simulated hosts alone."""

    @staticmethod
    def of(
        count: int,
        *,
        cluster: str = "o2",
        qdisk: QuorumDisk | None = None,
        two_node: bool = False,
        ipv6: bool = False,
    ) -> Topology:
        """Return `count` nodes with ids from 1, names node1 .. and one address each.

        Raises:
            TopologyError: it cannot be (1..255 nodes).
        """
        nodes = tuple(
            NodeConfig(id=i, name=f"node{i}", addresses=(_address(i, ipv6=ipv6),))
            for i in range(1, count + 1)
        )
        topology = Topology(cluster=cluster, nodes=nodes, qdisk=qdisk, two_node=two_node)
        return topology.checked()

    def checked(self) -> Topology:
        """Return this topology with its nodes merged and sorted.

        Raises:
            TopologyError: with all that is wrong.
        """
        problems = _problems(self)
        if problems:
            raise TopologyError(problems)
        return replace(self, nodes=merged(self.nodes))

    @property
    def called(self) -> tuple[str, ...]:
        """What the nodes are called in a table: a node without a name by its id."""
        return tuple(node.name or f"node{node.id}" for node in self.nodes)

    @property
    def ids(self) -> tuple[int, ...]:
        """All node ids, sorted."""
        return tuple(node.id for node in self.nodes)


def merged(nodes: tuple[NodeConfig, ...]) -> tuple[NodeConfig, ...]:
    """Return one entry an id, sorted by id; of an id that stands twice the later one."""
    by_id = {node.id: node for node in nodes}
    return tuple(by_id[node_id] for node_id in sorted(by_id))


def _node_problems(node: NodeConfig, where: str) -> list[str]:
    problems = []
    if not 1 <= node.id <= _MAX_ID:
        problems.append(f"{where}.id: {node.id} is not 1..{_MAX_ID}")
    if _length(node.name) > NODE_NAME_MAX_BYTES or "\0" in node.name:
        problems.append(f"{where}.name: not 0..{NODE_NAME_MAX_BYTES} bytes without NUL")
    if not 0 <= node.votes <= MAX_VOTES:
        problems.append(f"{where}.votes: {node.votes} is not 0..{MAX_VOTES}")
    problems += address_problems(node.addresses, where)
    return problems


def address_problems(addresses: tuple[str, ...], where: str) -> list[str]:
    """Return what is wrong with a node's addresses, each with its key path."""
    problems = []
    if len(addresses) > MAX_ADDRESSES:
        problems.append(f"{where}.addresses: {len(addresses)} are more than {MAX_ADDRESSES}")
    for index, address in enumerate(addresses):
        try:
            ipaddress.ip_address(address)
        except ValueError:
            problems.append(f"{where}.addresses[{index}]: {address!r} is no numeric address")
    return problems


def _problems(topology: Topology) -> tuple[str, ...]:
    problems = []
    if not 1 <= _length(topology.cluster) <= CLUSTER_NAME_MAX_BYTES or "\0" in topology.cluster:
        problems.append(f"cluster: not 1..{CLUSTER_NAME_MAX_BYTES} bytes without NUL")
    if not 0 <= topology.number <= 0xFFFF:
        problems.append(f"number: {topology.number} is not 0..65535")
    problems += nodes_problems(topology.nodes)
    if topology.qdisk is not None:
        problems += _disk_problems(topology.qdisk)
    if topology.two_node and len({node.id for node in topology.nodes}) > 2:
        problems.append("two_node: there are more than two nodes")
    if topology.two_node and not topology.quorum_provider:
        problems.append("two_node: it is the quorum provider's, and there is none")
    if topology.expected_votes is not None and topology.expected_votes < 1:
        problems.append(f"expected_votes: {topology.expected_votes} is less than 1")
    if topology.config_version < 1:
        problems.append(f"config_version: {topology.config_version} is less than 1")
    return tuple(problems)


def nodes_problems(nodes: tuple[NodeConfig, ...]) -> list[str]:
    """Return what is wrong with a list of nodes, each with its key path."""
    problems = []
    if not 1 <= len(nodes) <= MAX_NODES:
        problems.append(f"nodes: {len(nodes)} is not 1..{MAX_NODES}")
    for index, node in enumerate(nodes):
        problems += _node_problems(node, f"nodes[{index}]")
    return problems


def _disk_problems(qdisk: QuorumDisk) -> list[str]:
    problems = []
    if not 1 <= _length(qdisk.name) <= QUORUM_DISK_NAME_MAX_BYTES or "\0" in qdisk.name:
        problems.append(f"qdisk.name: not 1..{QUORUM_DISK_NAME_MAX_BYTES} bytes without NUL")
    if not 0 <= qdisk.votes <= MAX_VOTES:
        problems.append(f"qdisk.votes: {qdisk.votes} is not 0..{MAX_VOTES}")
    return problems


def _address(node_id: int, *, ipv6: bool) -> str:
    if ipv6:
        return f"fd00::{node_id:x}"
    net, host = divmod(node_id - 1, 254)
    return f"10.0.{net}.{host + 1}"


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))
