"""The settings of a scenario's daemons: as much of them as changes what they do."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from fakecluster.cman.topology import address_problems
from fakecluster.toml_table import TomlTable
from o2cbd.core.model import DEFAULT_PORT, MAX_NUM
from o2cbd.core.rules import (
    SECOND_US,
    MajorityRule,
    NodeOverride,
    QuorumRule,
    RemovalRules,
    Rules,
    Scope,
    TableRules,
    TwoNodeRule,
)

RULES_KEYS = (
    *("cluster", "o2cb_name", "scope", "port", "num_offset"),
    *("quorum", "two_node", "majority", "settle_us", "attributes", "nodes"),
)
_OVERRIDE_KEYS = ("name", "address", "port", "num")
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
        o2cb_name=table.text("o2cb_name", "") or None,
        table=TableRules(
            scope=Scope(table.word("scope", "members", [one.value for one in Scope])),
            port=_port(table) or DEFAULT_PORT,
            num_offset=table.number("num_offset", 0) or 0,
            nodes=MappingProxyType(dict(overrides)),
        ),
        removals=RemovalRules(
            quorum=QuorumRule(table.word("quorum", "require", [one.value for one in QuorumRule])),
            two_node=TwoNodeRule(
                table.word("two_node", "wait", [one.value for one in TwoNodeRule])
            ),
            majority=MajorityRule(
                table.word("majority", "require", [one.value for one in MajorityRule])
            ),
            settle_us=table.count("settle_us", SECOND_US),
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
    num = table.number("num", None)
    if num is not None and not 0 <= num <= MAX_NUM:
        table.complain("num", f"{num} is not 0..{MAX_NUM}")
    return name, NodeOverride(address=address, port=_port(table), num=num)


def _port(table: TomlTable) -> int | None:
    port = table.number("port", None)
    if port is not None and not 1 <= port <= _MAX_PORT:
        table.complain("port", f"{port} is not 1..{_MAX_PORT}")
        return None
    return port


def rules_fields(rules: Rules) -> dict[str, Any]:
    """Return what is not as usual, in the file's words."""
    usual = _plain_fields(Rules())
    fields = {name: value for name, value in _plain_fields(rules).items() if value != usual[name]}
    if rules.table.nodes:
        fields["nodes"] = [
            {"name": name, **_override_fields(override)}
            for name, override in sorted(rules.table.nodes.items())
        ]
    return fields


def _plain_fields(rules: Rules) -> dict[str, Any]:
    return {
        "cluster": rules.cluster,
        "o2cb_name": rules.o2cb_name,
        "scope": rules.table.scope.value,
        "port": rules.table.port,
        "num_offset": rules.table.num_offset,
        "quorum": rules.removals.quorum.value,
        "two_node": rules.removals.two_node.value,
        "majority": rules.removals.majority.value,
        "settle_us": rules.removals.settle_us,
        "attributes": dict(sorted(rules.attributes.items())),
    }


def _override_fields(override: NodeOverride) -> dict[str, Any]:
    every = {"address": override.address, "port": override.port, "num": override.num}
    return {name: value for name, value in every.items() if value is not None}
