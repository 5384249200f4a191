"""The operator's settings as they are drawn: mostly the usual ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from fakecluster.cman.topology import Topology
from fakecluster.explore.draw import Draw
from fakecluster.oracles.expected import usable_cluster_name
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
from o2cbd.core.subnet import parse_subnet

_ATTRIBUTES = (
    {"heartbeat/dead_threshold": "7"},
    {"idle_timeout_ms": "60000"},
    {"idle_timeout_ms": "10000", "keepalive_delay_ms": "1000", "reconnect_delay_ms": "500"},
    {"fence_method": "panic"},
    {"idle_timeout_ms": "60000", "keepalive_delay_ms": "40000"},
    {"idle_timeout_ms": "1500", "keepalive_delay_ms": "1000"},
)
_SUBNETS = ("10.0.0.0/16", "10.1.0.0/24", "10.1.0.0/30", "10.0.0.0/8")
_SETTLE_US = ((6, SECOND_US), (1, 0), (1, SECOND_US // 5), (1, 5 * SECOND_US))


def draw_rules(draw: Draw, topology: Topology) -> Rules:
    """Return settings for every daemon of a cluster."""
    plain = usable_cluster_name(topology.cluster)
    offset, nums = _draw_numbers(draw, topology)
    named = draw.chance(20) if plain else draw.chance(4, times=3)
    base = Rules(
        o2cb_name=draw.pick(("o2", "web")) if named else None,
        table=TableRules(
            num_offset=offset,
            nodes=MappingProxyType({name: NodeOverride(num=num) for name, num in nums.items()}),
        ),
    )
    return redraw_rules(draw, topology, base)


def draw_address_rule(draw: Draw, rules: Rules) -> Rules:
    """Return settings that say which of a node's addresses counts."""
    ring = draw.pick((None, 0, 1))
    subnet = parse_subnet(draw.pick(_SUBNETS)) if ring is None else None
    return replace(rules, table=replace(rules.table, ring=ring, subnet=subnet))


def draw_quorum_rule(draw: Draw, rules: Rules) -> Rules:
    """Return settings for a manager that has no quorum provider."""
    quorum = draw.weighted(((2, QuorumRule.IGNORE), (1, QuorumRule.REQUIRE)))
    return replace(rules, removals=replace(rules.removals, quorum=quorum))


def redraw_rules(draw: Draw, topology: Topology, base: Rules) -> Rules:
    """Return other settings, with the names and numbers of these: they are equal on all nodes."""
    scope = draw.weighted(((3, Scope.MEMBERS), (1, Scope.CONFIGURED)))
    overridden = draw.chance(2 if scope is Scope.CONFIGURED else 6)
    nodes = _overrides(draw, topology) if overridden else {}
    numbered = {name: one.num for name, one in base.table.nodes.items() if one.num is not None}
    for name, num in numbered.items():
        nodes[name] = replace(nodes.get(name, NodeOverride()), num=num)
    return Rules(
        cluster=topology.cluster if draw.chance(4) else None,
        o2cb_name=base.o2cb_name,
        table=TableRules(
            scope=scope,
            port=draw.weighted(((5, DEFAULT_PORT), (1, 7000))),
            num_offset=base.table.num_offset,
            nodes=MappingProxyType(nodes),
            ring=base.table.ring,
            subnet=base.table.subnet,
        ),
        removals=RemovalRules(
            quorum=draw.weighted(((4, QuorumRule.REQUIRE), (1, QuorumRule.IGNORE))),
            two_node=draw.weighted(((3, TwoNodeRule.WAIT), (1, TwoNodeRule.ALLOW))),
            majority=draw.weighted(((5, MajorityRule.REQUIRE), (1, MajorityRule.TRUST_MANAGER))),
            settle_us=draw.weighted(_SETTLE_US),
        ),
        attributes=MappingProxyType(draw.pick(_ATTRIBUTES) if draw.chance(4) else {}),
    )


def _draw_numbers(draw: Draw, topology: Topology) -> tuple[int, Mapping[str, int]]:
    """Return what is added to ids, and the numbers of single nodes."""
    least, names = min(topology.ids), topology.called
    usable = [node_id for node_id in topology.ids if node_id <= MAX_NUM]
    in_order = {name: place for place, name in enumerate(names, start=draw.below(2))}
    if least > MAX_NUM:
        return draw.pick(((1 - least, {}), (-least, {}), (0, in_order), (0, {})))
    return draw.weighted(
        (
            (24, (0, {})),
            (2, (-1, {})),
            (1, (0, {names[0]: 0})),
            (1, (0, {names[0]: usable[-1]})),
            (1, (0, {draw.pick(names): draw.between(200, MAX_NUM)})),
            (1, (0, dict(zip(reversed(names), usable, strict=False)))),
        )
    )


def _overrides(draw: Draw, topology: Topology) -> dict[str, NodeOverride]:
    found: dict[str, NodeOverride] = {}
    for node, name in draw.some(tuple(zip(topology.nodes, topology.called, strict=True))):
        address = node.addresses[-1] if node.addresses else "10.2.0.1"
        found[name] = draw.weighted(
            (
                (4, NodeOverride(address=address if ":" not in address else "10.2.0.2")),
                (1, NodeOverride(port=7100)),
                (1, NodeOverride(address=f"10.3.0.{draw.between(1, 4)}", port=7200)),
            )
        )
    if draw.chance(6):
        found["nobody.example"] = NodeOverride(address="10.3.0.9")
    return found
