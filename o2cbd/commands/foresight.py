"""What the tables will be: each step done in thought."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType

from o2cbd.core.model import (
    AddNode,
    CreateCluster,
    Entry,
    Node,
    RemoveNode,
    SetAttribute,
    Step,
    Tables,
)


def after(tables: Tables, steps: Iterable[Step], attributes: Iterable[str]) -> Tables:
    """Return what the tables are to be when all steps succeed.

    Args:
        tables: before.
        steps: in order.
        attributes: those of the cluster that are of interest; a new one has its own values.
    """
    entries = {entry.name: entry for entry in tables.entries}
    values = dict(tables.attributes)
    clusters = tables.clusters
    for step in steps:
        match step:
            case CreateCluster(cluster=cluster):
                clusters = (cluster,)
                values = dict.fromkeys(attributes, "")
            case AddNode(node=node):
                entries[node.name] = _entry_of(node)
            case RemoveNode(node=name):
                entries.pop(name, None)
            case SetAttribute(node=None, attribute=attribute, value=value):
                values[attribute] = value
            case SetAttribute(node=str(name), attribute=attribute, value=value):
                entries[name] = _with(entries[name], attribute, value)
    return replace(
        tables,
        clusters=clusters,
        entries=tuple(entries[name] for name in sorted(entries)),
        attributes=MappingProxyType(values),
    )


def _entry_of(node: Node) -> Entry:
    return Entry(
        name=node.name,
        inode=0,
        num=node.num,
        address=node.address,
        port=node.port,
        local=False,
        num_proved=True,
    )


def _with(entry: Entry, attribute: str, value: str) -> Entry:
    match attribute:
        case "ipv4_port":
            return replace(entry, port=int(value))
        case "ipv4_address":
            return replace(entry, address=value)
        case "num":
            return replace(entry, num=int(value), num_proved=True)
        case _:
            return replace(entry, local=True)
