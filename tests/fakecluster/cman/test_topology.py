"""Topologies: built, merged, refused as a whole."""

from __future__ import annotations

import pytest

from fakecluster.cman.configuration import Configuration
from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology, TopologyError


def _node(node_id: int, name: str = "", votes: int = 1, *addresses: str) -> NodeConfig:
    return NodeConfig(
        id=node_id,
        name=name or f"n{node_id}",
        votes=votes,
        addresses=addresses or ("10.0.0.1",),
    )


def test_of_names_and_addresses() -> None:
    topology = Topology.of(2, cluster="web")
    assert topology == Topology(
        cluster="web",
        nodes=(
            NodeConfig(id=1, name="node1", addresses=("10.0.0.1",)),
            NodeConfig(id=2, name="node2", addresses=("10.0.0.2",)),
        ),
    )
    assert topology.ids == (1, 2)
    assert Topology.of(2, ipv6=True).nodes[1].addresses == ("fd00::2",)


def test_the_greatest_cluster_has_255_addresses() -> None:
    topology = Topology.of(255)
    assert len({node.addresses for node in topology.nodes}) == 255
    assert topology.nodes[-1].addresses == ("10.0.1.1",)


def test_one_id_is_one_entry_and_the_later_counts() -> None:
    nodes = (_node(5, "b"), _node(2), _node(5, "c"))
    assert [n.name for n in Topology(cluster="o2", nodes=nodes).checked().nodes] == ["n2", "c"]


def test_what_real_clusters_get_wrong_is_taken() -> None:
    """Equal names and addresses, ids over 254, a node without an address."""
    nodes = (
        _node(1, "a"),
        _node(2, "a"),
        _node(2**32 - 1),
        NodeConfig(id=3, name="x" * 254, addresses=()),
    )
    assert Topology(cluster="o2", nodes=nodes).checked().ids == (1, 2, 3, 2**32 - 1)


def test_all_that_is_wrong_is_told_at_once() -> None:
    broken = Topology(
        cluster="x" * 17,
        nodes=(
            _node(0, "a", 256),
            _node(2**32, "y" * 255, 1, "host.example"),
            NodeConfig(id=3, name="nul\0", addresses=tuple(f"10.0.0.{i}" for i in range(11))),
        ),
        number=65536,
        qdisk=QuorumDisk(name="", votes=300),
        two_node=True,
        expected_votes=0,
        config_version=0,
    )
    with pytest.raises(TopologyError) as caught:
        broken.checked()
    paths = [problem.split(":")[0] for problem in caught.value.problems]
    assert paths == [
        "cluster",
        "number",
        "nodes[0].id",
        "nodes[0].votes",
        "nodes[1].id",
        "nodes[1].name",
        "nodes[1].addresses[0]",
        "nodes[2].name",
        "nodes[2].addresses",
        "qdisk.name",
        "qdisk.votes",
        "two_node",
        "expected_votes",
        "config_version",
    ]
    assert all(problem in str(caught.value) for problem in caught.value.problems)


@pytest.mark.parametrize("count", [0, 256])
def test_there_are_1_to_255_nodes(count: int) -> None:
    with pytest.raises(TopologyError, match=f"nodes: {count} is not"):
        Topology.of(count)


def test_expected_votes_are_the_sum_unless_configured() -> None:
    nodes = (_node(1, votes=2), _node(2, votes=0))
    qdisk = QuorumDisk(votes=3)
    plain = Topology(cluster="o2", nodes=nodes)
    with_disk = Topology(cluster="o2", nodes=nodes, qdisk=qdisk)
    fixed = Topology(cluster="o2", nodes=nodes, qdisk=qdisk, expected_votes=9)
    found = [Configuration.first(each).expected_votes for each in (plain, with_disk, fixed)]
    assert found == [2, 5, 9]
    assert [Configuration.first(plain).votes_of(i) for i in (1, 2, 3)] == [2, 0, 1]
