"""The operator's settings as they are drawn: mostly the usual ones."""

from __future__ import annotations

from types import MappingProxyType

from fakecluster.cman.topology import Topology
from fakecluster.explore.draw import Draw
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

_ATTRIBUTES = (
    {"heartbeat/dead_threshold": "7"},
    {"idle_timeout_ms": "60000"},
    {"idle_timeout_ms": "10000", "keepalive_delay_ms": "1000", "reconnect_delay_ms": "500"},
    {"fence_method": "panic"},
)


def draw_rules(draw: Draw, topology: Topology) -> Rules:
    """Return settings for a daemon."""
    scope = draw.weighted(((3, Scope.MEMBERS), (1, Scope.CONFIGURED)))
    overridden = draw.chance(2 if scope is Scope.CONFIGURED else 6)
    return Rules(
        cluster=topology.cluster if draw.chance(4) else None,
        table=TableRules(
            scope=scope,
            port=draw.weighted(((5, DEFAULT_PORT), (1, 7000))),
            nodes=_overrides(draw, topology) if overridden else MappingProxyType({}),
        ),
        removals=RemovalRules(
            quorum=draw.weighted(((4, QuorumRule.REQUIRE), (1, QuorumRule.IGNORE))),
            two_node=draw.weighted(((3, TwoNodeRule.WAIT), (1, TwoNodeRule.ALLOW))),
        ),
        attributes=MappingProxyType(draw.pick(_ATTRIBUTES) if draw.chance(4) else {}),
    )


def _overrides(draw: Draw, topology: Topology) -> MappingProxyType[str, NodeOverride]:
    found: dict[str, NodeOverride] = {}
    for node in draw.some(topology.nodes):
        address = node.addresses[-1] if node.addresses else "10.2.0.1"
        found[node.name] = draw.weighted(
            (
                (4, NodeOverride(address=address if ":" not in address else "10.2.0.2")),
                (1, NodeOverride(port=7100)),
                (1, NodeOverride(address=f"10.3.0.{draw.between(1, 4)}", port=7200)),
            )
        )
    return MappingProxyType(found)
