"""A topology file: read whole, refused whole."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology, TopologyError
from fakecluster.topology_file import read_topology, topology_from, topology_text

FULL = """
cluster = "web"
number = 7
two_node = true
expected_votes = 3
config_version = 9

[qdisk]
name = "/dev/sdq"
votes = 2
polled = false

[[nodes]]
id = 300
name = "beta"
addresses = ["10.0.0.2", "fd00::2"]
votes = 0

[[nodes]]
id = 1
"""


def test_a_full_file(tmp_path: Path) -> None:
    """Everything that it can say; nodes are sorted by id and named after it by default."""
    (tmp_path / "t.toml").write_text(FULL)
    assert read_topology(tmp_path / "t.toml") == Topology(
        cluster="web",
        number=7,
        two_node=True,
        expected_votes=3,
        config_version=9,
        qdisk=QuorumDisk(name="/dev/sdq", votes=2, polled=False),
        nodes=(
            NodeConfig(id=1, name="node1", addresses=()),
            NodeConfig(id=300, name="beta", addresses=("10.0.0.2", "fd00::2"), votes=0),
        ),
    )


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Each with its key path."""
    (tmp_path / "t.toml").write_text(
        """
        clutser = "x"
        cluster = 5
        two_node = 1
        qdisk = "no"
        [[nodes]]
        id = true
        name = 3
        addresses = "10.0.0.1"
        colour = "red"
        """
    )
    with pytest.raises(TopologyError) as caught:
        read_topology(tmp_path / "t.toml")
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "clutser",
        "nodes[0].colour",
        "nodes[0].id",
        "nodes[0].name",
        "nodes[0].addresses",
        "qdisk",
        "cluster",
        "two_node",
    ]


def test_cman_always_has_a_quorum_provider(tmp_path: Path) -> None:
    """Simulated hosts alone may go without."""
    text = 'quorum_provider = false\nnodes = [{ id = 1, addresses = ["10.0.0.1"] }]'
    (tmp_path / "t.toml").write_text(text)
    with pytest.raises(TopologyError, match="quorum_provider: cman always has one"):
        read_topology(tmp_path / "t.toml")


def test_two_nodes_that_count_as_one_need_a_quorum_provider() -> None:
    with pytest.raises(TopologyError, match="two_node: it is the quorum provider's"):
        replace(Topology.of(2, two_node=True), quorum_provider=False).checked()


def test_what_a_topology_cannot_be_is_refused(tmp_path: Path) -> None:
    """The values are checked too, and nodes must be there."""
    (tmp_path / "t.toml").write_text('cluster = "a name that is too long"\nnodes = []')
    with pytest.raises(TopologyError) as caught:
        read_topology(tmp_path / "t.toml")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["cluster", "nodes"]


@pytest.mark.parametrize("content", [b"cluster = ", b"\xff"])
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    """As one problem."""
    (tmp_path / "t.toml").write_bytes(content)
    with pytest.raises(TopologyError):
        read_topology(tmp_path / "t.toml")


def test_nodes_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    """[[nodes]] is an array of tables."""
    (tmp_path / "t.toml").write_text("nodes = [1]")
    with pytest.raises(TopologyError, match="array of tables"):
        read_topology(tmp_path / "t.toml")


@pytest.mark.parametrize(
    "topology",
    [
        Topology.of(3),
        Topology.of(2, cluster="x", two_node=True, qdisk=QuorumDisk(votes=3, polled=False)),
        Topology(
            cluster="odd",
            nodes=(
                NodeConfig(id=300, name='a "b" \u00e9', addresses=("::1", "10.0.0.1"), votes=0),
            ),
            number=7,
            expected_votes=9,
            config_version=4,
        ),
    ],
)
def test_what_is_written_reads_back(topology: Topology) -> None:
    assert topology_from(tomllib.loads(topology_text(topology))) == topology
