"""Which entries must go, and whether they may: the gates in front of every rmdir of a node."""

from __future__ import annotations

import errno
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import field

from o2cbd.core.frozen import frozen
from o2cbd.core.model import (
    UNSET_ADDRESS,
    Absentee,
    Entry,
    Member,
    Membership,
    Node,
    Quorum,
    Tables,
    Why,
)
from o2cbd.core.policy import called, is_device, num_of
from o2cbd.core.reports import spell
from o2cbd.core.rules import (
    SECOND_US,
    MajorityRule,
    QuorumRule,
    RemovalRules,
    TableRules,
    TwoNodeRule,
)


@frozen
class Removal:
    """An entry that must go: its node is not wanted, or wanted otherwise."""

    entry: Entry
    replacement: Node | None
    """What comes in its place; None: the node is not wanted any more."""
    local: bool
    """It is this host's own entry, or the kernel takes it for that."""
    zero_written: bool = False
    """The kernel refused an address with EBUSY although none reads back."""

    @property
    def name(self) -> str:
        """The name of the entry."""
        return self.entry.name


@frozen
class Gate:
    """Why a removal waits."""

    why: Why
    reason: str
    errno: int | None = None


@frozen
class Permits:
    """What decides over removals, beside the entry itself."""

    rules: RemovalRules
    membership: Membership
    tables: Tables
    forgotten: AbstractSet[str]
    """Names of nodes of which the operator said that they are down."""
    table: TableRules = field(default_factory=TableRules)
    """How entries are told from each other's nodes."""
    settled: bool = True
    """Members and quorum have been the same for long enough."""


def gate(removal: Removal, permits: Permits) -> Gate | None:
    """Say what the removal waits for; None: it may be done now.

    An entry without a num was never a node to the kernel: nobody can have counted on it, so
    quorum has no say in it. The pin comes last: while quorum forbids the removal there is no
    sense in looking for the pin's end.
    """
    entry = removal.entry
    if _may_hold_zero(removal):
        return Gate(
            why=Why.UNSAFE,
            reason=f"{UNSET_ADDRESS} was written into it, and its removal can crash this kernel:"
            " restart this host to remove it",
        )
    if removal.local and permits.tables.regions:
        return Gate(
            why=Why.REGION,
            reason=f"heartbeat region {permits.tables.regions[0].name} needs the local node:"
            " unmount OCFS2 on this node",
        )
    if entry.half_made:
        return None
    return (
        _quorum_gate(permits)
        or _loss_gate(removal, permits)
        or _settle_gate(permits)
        or _pin_gate(entry, permits.tables.live_nums)
    )


def _may_hold_zero(removal: Removal) -> bool:
    """True when 0.0.0.0 is known to have been written."""
    return removal.zero_written or holds_zero(removal.entry)


def holds_zero(entry: Entry) -> bool:
    """True when 0.0.0.0 must have been written into an entry, which makes its rmdir dangerous.

    It reads like an address that never was; but the kernel takes a num only after an address.
    """
    return entry.address == UNSET_ADDRESS and entry.num_written


def _quorum_gate(permits: Permits) -> Gate | None:
    if permits.membership.quorum is Quorum.INQUORATE:
        return Gate(
            why=Why.INQUORATE,
            reason="this partition has no quorum, and the other half may use the same disk;"
            " waiting for quorum",
        )
    if (
        permits.membership.quorum is Quorum.UNKNOWN
        and permits.rules.quorum is not QuorumRule.IGNORE
    ):
        return Gate(
            why=Why.QUORUM_UNKNOWN,
            reason="the manager has no quorum provider, so nothing proves that the others are"
            ' down: configure one, or set [removals] quorum = "ignore"',
        )
    return None


def _loss_gate(removal: Removal, permits: Permits) -> Gate | None:
    """Return why a lost node's entry waits; that of a node which is here is only replaced.

    The manager's quorum does not prove that a lost node is down where two nodes count as one, where
    somebody lowered the expected votes, or where a disk or a device votes for both halves.
    """
    membership, entry = permits.membership, removal.entry
    if removal.local or entry.name in permits.forgotten or membership.quorum is Quorum.NONE:
        return None
    about = [one for one in membership.everybody if _is_about(entry, one, permits)]
    if about and not any(map(_is_lost, about)):
        return None
    if not membership.two_node:
        return _minority_gate(entry, permits)
    if permits.rules.two_node is TwoNodeRule.ALLOW:
        return None
    return Gate(
        why=Why.TWO_NODE,
        reason="in a two-node cluster quorum does not prove that it is down: waiting until it"
        " returns or is fenced; if it is certainly down: o2cbd forget"
        f" {spell(entry.name)}",
    )


def _minority_gate(entry: Entry, permits: Permits) -> Gate | None:
    here, everybody = _votes(permits.membership)
    if permits.rules.majority is MajorityRule.TRUST_MANAGER or 2 * here > everybody:
        return None
    return Gate(
        why=Why.MINORITY,
        reason=f"the members have {here} of the {everybody} votes of all listed nodes, and no"
        " majority proves that it is down, whatever the manager's quorum says (lowered"
        " expected votes, last_man_standing, a disk or device): waiting until more return"
        f" or it is fenced; if it is certainly down: o2cbd forget {spell(entry.name)}; or"
        f' write [removals] majority = "trust-manager" in {permits.table.settings_file}'
        " on all nodes",
    )


def _is_about(entry: Entry, listed: Member | Absentee, permits: Permits) -> bool:
    """True when the entry is this node's, by its name or by its num."""
    return entry.name == called(listed) or entry.num == num_of(listed, permits.table)


def _is_lost(listed: Member | Absentee) -> bool:
    """True where nothing says that a node is here, under whatever id, or was fenced."""
    return isinstance(listed, Absentee) and listed.runs_as is None and not listed.fenced


def _votes(membership: Membership) -> tuple[int, int]:
    """Return the votes of the members and those of all listed nodes, devices aside.

    Where the manager does not give everybody's votes, or nobody has one, nodes are counted.
    """
    here = [one.votes for one in membership.members if one.listed and not is_device(one)]
    here += [one.votes for one in membership.absentees if one.runs_as is not None]
    gone = (one for one in membership.absentees if one.runs_as is None and not is_device(one))
    away = [one.votes for one in gone]
    together = [membership.member_votes] if membership.member_votes is not None else here
    known = [votes for votes in (*together, *away) if votes is not None]
    if len(known) == len(together) + len(away) and sum(known) > 0:
        return sum(known[: len(together)]), sum(known)
    return len(here), len(here) + len(away)


def _settle_gate(permits: Permits) -> Gate | None:
    if permits.settled:
        return None
    seconds = permits.rules.settle_us / SECOND_US
    return Gate(
        why=Why.UNSETTLED,
        reason=(
            f"members or quorum changed less than {seconds:g} s ago; waiting until they are stable"
        ),
    )


def _pin_gate(entry: Entry, live_nums: AbstractSet[int] | None) -> Gate | None:
    if live_nums is None or entry.num not in live_nums:
        return None
    return Gate(
        why=Why.PINNED,
        reason="the disk heartbeat still sees it alive; waiting until it is declared dead",
        errno=errno.EBUSY,
    )


def in_order(
    removals: Collection[Removal], needs: Mapping[str, AbstractSet[str]]
) -> tuple[Removal, ...]:
    """Order removals so that one that fails leaves alone what could not follow it.

    Whose replacement needs what another entry has comes after that one; else by name, ours last.
    A ring (two nodes that swap addresses) has no such order, and is taken by name.
    """
    peers = {one.name: one for one in removals if not one.local}
    ordered = []
    while peers:
        ordered.append(peers.pop(_first_of(min(peers), peers, needs)))
    ours = (one for one in removals if one.local)
    return (*ordered, *sorted(ours, key=lambda one: one.name))


def _first_of(name: str, left: Mapping[str, object], needs: Mapping[str, AbstractSet[str]]) -> str:
    """Follow what is needed from one entry to the next, to an end or once around the ring."""
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        name = min(needs[name] & left.keys(), default=name)
    return name


def followable(
    removals: Collection[Removal], needs: Mapping[str, AbstractSet[str]]
) -> tuple[dict[str, Removal], dict[str, str]]:
    """Sort out the replacements that could not follow.

    Args:
        removals: those that no gate keeps.
        needs: by entry name, the other entries that must be gone before its replacement can come.

    Returns:
        The removals that may be done, by name; and for each other one the name of an entry that
        stays and is in its replacement's way.
    """
    open_ = {removal.name: removal for removal in removals}
    stuck: dict[str, str] = {}
    while True:  # each turn takes at least one away
        found = {name: min(needs[name] - open_.keys(), default=None) for name in open_}
        blocked = {name: owner for name, owner in found.items() if owner is not None}
        if not blocked:
            return open_, stuck
        stuck.update(blocked)
        for name in blocked:
            del open_[name]
