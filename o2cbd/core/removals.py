"""Which entries must go, and whether they may: the gates in front of every rmdir of a node."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from o2cbd.core.model import Entry, Membership, Node, Quorum, Tables, Why
from o2cbd.core.rules import QuorumRule, RemovalRules, TwoNodeRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """An entry that must go: its node is not wanted, or wanted otherwise."""

    entry: Entry
    replacement: Node | None
    """What comes in its place; None: the node is not wanted any more."""
    local: bool
    """It is this host's own entry, or the kernel takes it for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Why a removal waits."""

    why: Why
    reason: str
    errno: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Permits:
    """What decides over removals, beside the entry itself."""

    rules: RemovalRules
    membership: Membership
    tables: Tables
    forgotten: AbstractSet[str]
    """Names of nodes of which the operator said that they are down."""


def gate(removal: Removal, permits: Permits) -> Gate | None:
    """Say what the removal waits for; None: it may be done now.

    An entry without a num was never a node to the kernel: nobody can have counted on it, so
    quorum has no say in it.
    """
    entry = removal.entry
    if removal.local and permits.tables.regions:
        return Gate(
            why=Why.REGION,
            reason=f"heartbeat region {permits.tables.regions[0].name} is there, and under it the"
            " local node must stay: unmount OCFS2 on this node",
        )
    if entry.half_made:
        return None
    if permits.tables.live_nums is not None and entry.num in permits.tables.live_nums:
        return Gate(
            why=Why.PINNED,
            reason="the disk heartbeat still sees it alive; done when it is declared dead",
            errno=errno.EBUSY,
        )
    return _quorum_gate(entry, permits) or _two_node_gate(entry, permits)


def _quorum_gate(entry: Entry, permits: Permits) -> Gate | None:
    if permits.rules.quorum is QuorumRule.IGNORE:
        return None
    if permits.membership.quorum is Quorum.INQUORATE:
        return Gate(
            why=Why.INQUORATE,
            reason="this partition has no quorum: the other half may count on the same disk;"
            " done when quorum is back",
        )
    if permits.membership.quorum is Quorum.UNKNOWN and entry.name not in permits.forgotten:
        return Gate(
            why=Why.QUORUM_UNKNOWN,
            reason='the manager has no quorum provider: set [removals] quorum = "ignore", or run'
            f" o2cbd forget {entry.name} once it is surely down",
        )
    return None


def _two_node_gate(entry: Entry, permits: Permits) -> Gate | None:
    membership = permits.membership
    if not membership.two_node or permits.rules.two_node is TwoNodeRule.ALLOW:
        return None
    if entry.name in permits.forgotten or any(one.id == entry.num for one in membership.members):
        return None
    if any(one.fenced for one in membership.absentees if one.id == entry.num):
        return None
    return Gate(
        why=Why.TWO_NODE,
        reason="in a cluster of two nodes quorum does not prove that it is down: done when it"
        f" returns or is fenced, or by o2cbd forget {entry.name} once it is surely down",
    )


def conflicts(node: Node, entries: Mapping[str, Entry]) -> list[Entry]:
    """Return the entries, sorted by name, that own the node's num or address under another name."""
    return [
        entry
        for name, entry in sorted(entries.items())
        if name != node.name
        and (
            (entry.address == node.address)
            or (entry.num == node.num and not entry.half_made and not entry.doubtful)
        )
    ]
