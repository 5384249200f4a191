"""The settings of a scenario's daemons: as much of them as changes what they do."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from fakecluster.cman.topology import address_problems
from fakecluster.toml_table import TomlTable
from o2cbd.core.model import DEFAULT_PORT
from o2cbd.core.rules import (
    NodeOverride,
    QuorumRule,
    RemovalRules,
    Rules,
    Scope,
    TableRules,
    TwoNodeRule,
)

RULES_KEYS = ("cluster", "scope", "port", "quorum", "two_node", "attributes", "nodes")
_OVERRIDE_KEYS = ("name", "address", "port")
_MAX_PORT = 65535


def read_rules(table: TomlTable | None) -> Rules:
    """Read settings; problems are noted in the table. None: the usual ones."""
    if table is None:
        return Rules()
    overrides = (_override(one) for one in table.tables("nodes", _OVERRIDE_KEYS))
    attributes = table.mapping("attributes")
    if not all(isinstance(value, str) for value in attributes.values()):
        table.complain("attributes", "not all values are texts")
        attributes = {}
    return Rules(
        cluster=table.text("cluster", "") or None,
        table=TableRules(
            scope=Scope(table.word("scope", "members", [one.value for one in Scope])),
            port=_port(table) or DEFAULT_PORT,
            nodes=MappingProxyType(dict(overrides)),
        ),
        removals=RemovalRules(
            quorum=QuorumRule(table.word("quorum", "require", [one.value for one in QuorumRule])),
            two_node=TwoNodeRule(
                table.word("two_node", "wait", [one.value for one in TwoNodeRule])
            ),
        ),
        attributes=MappingProxyType(attributes),
    )


def _override(table: TomlTable) -> tuple[str, NodeOverride]:
    name = table.text("name", "")
    if not name:
        table.complain("name", "is missing")
    address = table.text("address", "") or None
    if address is not None and address_problems((address,), ""):
        table.complain("address", f"{address!r} is no numeric address")
    return name, NodeOverride(address=address, port=_port(table))


def _port(table: TomlTable) -> int | None:
    port = table.number("port", None)
    if port is not None and not 1 <= port <= _MAX_PORT:
        table.complain("port", f"{port} is not 1..{_MAX_PORT}")
        return None
    return port


def rules_fields(rules: Rules) -> dict[str, Any]:
    """Return what is not as usual, in the file's words."""
    usual = Rules()
    found: dict[str, Any] = {
        "cluster": rules.cluster,
        "scope": rules.table.scope.value,
        "port": rules.table.port,
        "quorum": rules.removals.quorum.value,
        "two_node": rules.removals.two_node.value,
        "attributes": dict(sorted(rules.attributes.items())),
    }
    same: dict[str, Any] = {
        "cluster": usual.cluster,
        "scope": usual.table.scope.value,
        "port": usual.table.port,
        "quorum": usual.removals.quorum.value,
        "two_node": usual.removals.two_node.value,
        "attributes": {},
    }
    fields = {name: value for name, value in found.items() if value != same[name]}
    if rules.table.nodes:
        fields["nodes"] = [
            {"name": name, **_override_fields(override)}
            for name, override in sorted(rules.table.nodes.items())
        ]
    return fields


def _override_fields(override: NodeOverride) -> dict[str, Any]:
    both = {"address": override.address, "port": override.port}
    return {name: value for name, value in both.items() if value is not None}
