"""cluster.conf as it is written for a historic cman."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology
from fakecluster.historic.cluster_conf import cluster_conf, hosts_file


def parsed(topology: Topology, *, version: int = 1, udpu: bool = False) -> ET.Element:
    return ET.fromstring(cluster_conf(topology, version=version, udpu=udpu))  # noqa: S314 - our own


def values(root: ET.Element, path: str) -> dict[str, str]:
    found = root.find(path)
    assert found is not None
    return found.attrib


def test_nodes_have_names_ids_and_votes() -> None:
    nodes = (
        NodeConfig(id=1, name="alpha", addresses=("10.0.0.1",), votes=3),
        NodeConfig(id=300, name="", addresses=("10.0.0.2", "10.1.0.2", "10.2.0.2")),
    )
    root = parsed(Topology(cluster="web", nodes=nodes), version=7)
    assert root.attrib == {"name": "web", "config_version": "7"}
    assert [node.attrib for node in root.iter("clusternode")] == [
        {"name": "alpha", "nodeid": "1", "votes": "3"},
        {"name": "node300", "nodeid": "300", "votes": "1"},
    ]
    assert [node.attrib for node in root.iter("altname")] == [{"name": "10.1.0.2"}]


def test_a_second_address_of_the_other_family_is_no_ring() -> None:
    node = NodeConfig(id=1, name="a", addresses=("10.0.0.1", "fd00::1"))
    assert list(parsed(Topology(cluster="o2", nodes=(node,))).iter("altname")) == []


def test_times_are_those_of_the_observed_clusters() -> None:
    assert values(parsed(Topology.of(3)), "totem") == {"token": "3000", "consensus": "5000"}


def test_two_nodes_expect_one_vote() -> None:
    cman = values(parsed(Topology.of(2, two_node=True)), "cman")
    assert (cman["two_node"], cman["expected_votes"]) == ("1", "1")


def test_expected_votes_disk_and_transport_stand_where_they_are_chosen() -> None:
    topology = replace(Topology.of(3, qdisk=QuorumDisk(name="disk", votes=2)), expected_votes=5)
    root = parsed(topology, udpu=True)
    cman = values(root, "cman")
    assert (cman["expected_votes"], cman["transport"]) == ("5", "udpu")
    assert values(root, "quorumd") == {"votes": "2", "label": "disk"}
    plain = parsed(Topology.of(3))
    assert plain.find("quorumd") is None
    assert not {"transport", "two_node", "expected_votes"} & values(plain, "cman").keys()


def test_a_name_is_written_so_that_xml_reads_it() -> None:
    node = NodeConfig(id=1, name='a<&"b', addresses=("10.0.0.1",))
    root = parsed(Topology(cluster="o2", nodes=(node,)))
    assert [each.get("name") for each in root.iter("clusternode")] == ['a<&"b']


def test_hosts_have_every_node_by_its_name() -> None:
    lines = hosts_file(Topology.of(2).nodes).splitlines()
    assert lines == ["127.0.0.1 localhost", "::1 localhost", "10.0.0.1 node1", "10.0.0.2 node2"]
