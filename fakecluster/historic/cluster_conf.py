"""cluster.conf of a historic cman, written from a topology."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from xml.sax.saxutils import quoteattr

from fakecluster.cman.topology import NodeConfig, Topology

TOKEN_MS: Final = 3000
CONSENSUS_MS: Final = 5000
SHUTDOWN_TIMEOUT_MS: Final = 5000
"""cman's own default, stated."""


def cluster_conf(topology: Topology, *, version: int, udpu: bool = False) -> str:
    """Return the file; without fencing, which nobody does here.

    Args:
        topology: its nodes have names that `hosts_file` knows.
        version: of the configuration, counted up by each change.
        udpu: say that nothing goes by multicast.
    """
    cman: dict[str, object] = {"shutdown_timeout": SHUTDOWN_TIMEOUT_MS, "port": 5405}
    if topology.two_node:
        cman |= {"two_node": 1, "expected_votes": 1}
    elif topology.expected_votes is not None:
        cman["expected_votes"] = topology.expected_votes
    if udpu:
        cman["transport"] = "udpu"
    cman["cluster_id"] = topology.number
    lines = [
        '<?xml version="1.0"?>',
        _tag("cluster", {"name": topology.cluster, "config_version": version}),
        f"  {_tag('cman', cman, empty=True)}",
        f"  {_tag('totem', {'token': TOKEN_MS, 'consensus': CONSENSUS_MS}, empty=True)}",
    ]
    if topology.qdisk is not None:
        disk = {"votes": topology.qdisk.votes, "label": topology.qdisk.name}
        lines.append(f"  {_tag('quorumd', disk, empty=True)}")
    lines.append("  <clusternodes>")
    lines += [f"    {line}" for node in topology.nodes for line in _node(node)]
    lines += ["  </clusternodes>", "</cluster>"]
    return "".join(f"{line}\n" for line in lines)


def _node(node: NodeConfig) -> Iterator[str]:
    values = {"name": node.name or f"node{node.id}", "nodeid": node.id, "votes": node.votes}
    alternatives = [address for address in node.addresses[1:] if _same_family(node, address)][:1]
    yield _tag("clusternode", values, empty=not alternatives)
    for address in alternatives:
        yield f"  {_tag('altname', {'name': address}, empty=True)}"
        yield "</clusternode>"


def _same_family(node: NodeConfig, address: str) -> bool:
    first, other = (ipaddress.ip_address(each) for each in (node.addresses[0], address))
    return first.version == other.version


def _tag(name: str, values: Mapping[str, object], *, empty: bool = False) -> str:
    attributes = "".join(f" {key}={quoteattr(str(value))}" for key, value in values.items())
    return f"<{name}{attributes}{'/' if empty else ''}>"


def hosts_file(nodes: Iterable[NodeConfig]) -> str:
    """Return /etc/hosts: cman finds a node's address by its name."""
    lines = [f"{node.addresses[0]} {node.name or f'node{node.id}'}" for node in nodes]
    return "".join(f"{line}\n" for line in ("127.0.0.1 localhost", "::1 localhost", *lines))
