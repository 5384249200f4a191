"""Reads a topology from TOML: what a cluster.conf would say, in its own words."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from fakecluster.cman.topology import (
    DEFAULT_NUMBER,
    NodeConfig,
    QuorumDisk,
    Topology,
    TopologyError,
)
from fakecluster.toml_table import TomlTable

_PLAIN = ("cluster", "number", "two_node", "expected_votes", "config_version")
_TOP = (*_PLAIN, "quorum_provider", "nodes", "qdisk")
_NODE = ("id", "name", "addresses", "votes")
_QDISK = ("name", "votes", "polled")


def read_topology(path: Path) -> Topology:
    """Read and check a topology file.

    Raises:
        TopologyError: as `topology_from`.
        OSError: it cannot be read.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TopologyError((f"invalid TOML: {error}",)) from error
    topology = topology_from(data)
    if not topology.quorum_provider:
        raise TopologyError(("quorum_provider: cman always has one; scenarios may go without",))
    return topology


def topology_from(data: dict[str, Any]) -> Topology:
    """Make a topology of parsed TOML.

    Raises:
        TopologyError: with everything that is wrong, each with its key path; what values cannot
            be together is only looked at once each is of its kind.
    """
    top = TomlTable(data, "", _TOP)
    nodes = tuple(_node(each) for each in top.tables("nodes", _NODE))
    qdisk_table = top.table("qdisk", _QDISK)
    expected = top.number("expected_votes", None)
    topology = Topology(
        cluster=top.text("cluster", "o2"),
        nodes=nodes,
        number=top.number("number", DEFAULT_NUMBER) or 0,
        qdisk=None if qdisk_table is None else _qdisk(qdisk_table),
        two_node=top.flag("two_node", default=False),
        expected_votes=expected,
        config_version=top.number("config_version", 1) or 0,
        quorum_provider=top.flag("quorum_provider", default=True),
    )
    if top.problems:
        raise TopologyError(tuple(top.problems))
    return topology.checked()


def topology_text(topology: Topology) -> str:
    """Write a topology as `read_topology` reads it."""
    lines = [f"{key} = {_toml(getattr(topology, key))}" for key in _PLAIN]
    lines = [line for line in lines if not line.endswith(" = null")]
    if topology.qdisk is not None:
        lines += ["[qdisk]", *(f"{key} = {_toml(getattr(topology.qdisk, key))}" for key in _QDISK)]
    for node in topology.nodes:
        lines += ["[[nodes]]", *(f"{key} = {_toml(getattr(node, key))}" for key in _NODE)]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """Write a text, number, truth value or list of texts: all that TOML and JSON spell alike."""
    return json.dumps(value)


def _node(table: TomlTable) -> NodeConfig:
    node_id = table.number("id", 0)
    return NodeConfig(
        id=node_id or 0,
        name=table.text("name", f"node{node_id}"),
        addresses=table.texts("addresses"),
        votes=_given(table.number("votes", 1)),
    )


def _qdisk(table: TomlTable) -> QuorumDisk:
    return QuorumDisk(
        name=table.text("name", "/dev/qdisk0"),
        votes=_given(table.number("votes", 1)),
        polled=table.flag("polled", default=True),
    )


def _given(number: int | None) -> int:
    return -1 if number is None else number
