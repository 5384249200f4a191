"""Membership and rules -> the desired node table, and a reason for everybody left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from o2cbd.core.gap import gap
from o2cbd.core.model import (
    MAX_NUM,
    MAX_PORT,
    Absentee,
    Advice,
    Entry,
    LeftOut,
    Member,
    Membership,
    Node,
)
from o2cbd.core.names import address_problem, is_ipv4, node_name_problem
from o2cbd.core.rules import NodeOverride, Scope, TableRules

PORT_MAX_CHARS = 5

_NO_OVERRIDE = NodeOverride()
_Claim = tuple[str, int | str]
_CLAIMS = 3
"""So many things a node has that no other may have."""
_num_of = attrgetter("num")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What the table should be."""

    nodes: tuple[Node, ...]
    """Sorted by num; no two share a num, an address or a name."""
    left_out: tuple[LeftOut, ...]
    """Sorted by id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    id: int
    node: Node
    incumbent: bool
    """A live member whose right entry is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What became of one that the manager lists: a node, or left out."""

    id: int
    member: bool
    node: Node | None = None
    left_out: LeftOut | None = None


class Table:
    """Makes the desired table from one reading of the manager after the other.

    It remembers what became of whom: members are many, and nearly all are as they were a reading
    ago, the very same values.
    """

    def __init__(self, rules: TableRules) -> None:
        """Go by these rules: scope, ports, overrides."""
        self._rules = rules
        self._local_id: int | None = None
        self._listed: tuple[Member | Absentee, ...] = ()
        self._made: list[_Made] = []
        """What became of each, in the same order."""
        self._claims: Counter[_Claim] = Counter()
        """How many nodes claim a thing; only what is claimed is in it."""
        self._last: tuple[Membership, Desired] | None = None

    def desired(self, membership: Membership, actual: Sequence[Entry] = ()) -> Desired:
        """See `desired_table`."""
        last = self._last
        if last is not None and last[0] is membership:
            return last[1]
        self._last = None
        self._take(membership)
        left_out = [made.left_out for made in self._made if made.left_out is not None]
        kept = [made.node for made in self._made if made.node is not None]
        plain = len(self._claims) == _CLAIMS * len(kept)
        if not plain:
            kept, clashing = _without_duplicates(_candidates(self._made, actual))
            left_out.extend(clashing)
        desired = Desired(
            nodes=tuple(sorted(kept, key=_num_of)),
            left_out=tuple(sorted(left_out, key=lambda left: (left.id, left.name))),
        )
        if plain:  # no two claim one thing, so what is there has no say in it
            self._last = (membership, desired)
        return desired

    def _take(self, membership: Membership) -> None:
        """Find out what becomes of everybody in scope who is not as in the reading before."""
        if membership.local_id != self._local_id:
            self._local_id = membership.local_id
            self._listed, self._made = (), []
            self._claims.clear()
        listed = _in_scope(membership, self._rules.scope)
        start, before_end, now_end = gap(self._listed, listed)
        made = [self._make(each) for each in listed[start:now_end]]
        self._claims.subtract(_all_claims(self._made[start:before_end]))
        self._claims.update(_all_claims(made))
        for claim in _all_claims(self._made[start:before_end]):
            if not self._claims[claim]:
                del self._claims[claim]
        self._made[start:before_end] = made
        self._listed = listed

    def _make(self, listed: Member | Absentee) -> _Made:
        override = self._rules.nodes.get(listed.name, _NO_OVERRIDE)
        local = listed.id == self._local_id
        problem, node = _node_of(listed, self._rules, override, local=local)
        return _Made(
            id=listed.id,
            member=isinstance(listed, Member),
            node=node,
            left_out=LeftOut(id=listed.id, name=listed.name, reason=problem) if problem else None,
        )


def desired_table(
    membership: Membership, rules: TableRules, actual: Sequence[Entry] = ()
) -> Desired:
    """Say who is to be in the table, as what, and why the others are not.

    Args:
        membership: one reading of the manager.
        rules: scope, ports, overrides.
        actual: the entries that are there. They matter in one case: among nodes that claim one
            num, address or name, a live member with a right entry keeps it; else the lowest id.
    """
    return Table(rules).desired(membership, actual)


def _claims_of(node: Node) -> tuple[_Claim, ...]:
    """Return what no two nodes may share."""
    return ("num", node.num), ("address", node.address), ("name", node.name)


def _all_claims(made: Iterable[_Made]) -> Iterable[_Claim]:
    return (claim for one in made if one.node is not None for claim in _claims_of(one.node))


def is_right(entry: Entry | None, node: Node) -> bool:
    """True when the entry is complete and says of the node what it should; `local` aside."""
    # Each apart: every pass asks it of every entry.
    return (
        entry is not None
        and entry.num == node.num
        and entry.address == node.address
        and entry.port == node.port
        and entry.name == node.name
        and entry.complete
    )


def _in_scope(membership: Membership, scope: Scope) -> tuple[Member | Absentee, ...]:
    if scope is Scope.CONFIGURED:
        return (*membership.members, *membership.absentees)
    return membership.members


def _node_of(
    listed: Member | Absentee, rules: TableRules, override: NodeOverride, *, local: bool
) -> tuple[str, Node | None]:
    """Return ("", the node), or (the reason why there is none, None)."""
    problem = _id_problem(listed.id) or node_name_problem(listed.name)
    if problem is not None:
        return problem, None
    address = override.address or listed.advice.address or _chosen(listed.addresses, rules)
    if address is None:
        return _no_address(listed, rules), None
    problem = address_problem(address)
    if problem is not None:
        return problem, None
    port = override.port or _advised_port(listed.advice) or rules.port
    if not 0 < port <= MAX_PORT:
        advised = listed.advice.port
        return f"its o2cb_port {advised!r} is no port: it takes 1..{MAX_PORT}", None
    return "", Node(name=listed.name, num=listed.id, address=address, port=port, local=local)


def _id_problem(node_id: int) -> str | None:
    if node_id == 0:
        return "node id 0 is a quorum disk, not a node"
    if not 0 < node_id <= MAX_NUM:
        return f"its node id {node_id} is no o2cb number: give it one of 1..{MAX_NUM}"
    return None


def _advised_port(advice: Advice) -> int:
    """Return the port, 0 where none is given, -1 where what is given is none."""
    if advice.port is None:
        return 0
    plain = advice.port.isascii() and advice.port.isdecimal() and len(advice.port) <= PORT_MAX_CHARS
    return (int(advice.port) or -1) if plain else -1


def _chosen(addresses: Sequence[str], rules: TableRules) -> str | None:
    """Return the address by which the others are to reach a node."""
    if rules.ring is not None:
        addresses = addresses[rules.ring : rules.ring + 1]
    return next(
        (
            address
            for address in addresses
            if is_ipv4(address) and (rules.subnet is None or address in rules.subnet)
        ),
        None,
    )


def _no_address(listed: Member | Absentee, rules: TableRules) -> str:
    remedy = f'set [nodes."{listed.name}"] address'
    known = ", ".join(filter(None, listed.addresses))
    if rules.ring is not None:
        own = "".join(listed.addresses[rules.ring : rules.ring + 1])
        found = f"only {own} there" if own else f"its addresses are {known or 'not known'}"
        return f"no IPv4 address on ring {rules.ring} ({found}): {remedy}"
    if known and rules.subnet is not None:
        return f"no address in subnet {rules.subnet}, only {known}: {remedy}"
    if known:
        return f"no IPv4 address, only {known}, and o2cb knows no IPv6: {remedy}"
    if isinstance(listed, Absentee):
        return f"not a member, and the cluster manager has no address of it: {remedy}"
    return f"the cluster manager gives no address of it: {remedy}"


def _candidates(everybody: Iterable[_Made], actual: Iterable[Entry]) -> list[_Candidate]:
    there = {entry.name: entry for entry in actual}
    return [
        _Candidate(
            id=made.id,
            node=made.node,
            incumbent=made.member and is_right(there.get(made.node.name), made.node),
        )
        for made in everybody
        if made.node is not None
    ]


def _without_duplicates(
    candidates: Iterable[_Candidate],
) -> tuple[list[Node], list[LeftOut]]:
    """Let each num, address and name go to one candidate, the same on every node."""
    owner: dict[_Claim, _Candidate] = {}
    kept: list[Node] = []
    clashing: list[LeftOut] = []
    for candidate in sorted(candidates, key=lambda one: (not one.incumbent, one.id, one.node.name)):
        node = candidate.node
        claims = _claims_of(node)
        taken = next((claim for claim in claims if claim in owner), None)
        if taken is None:
            owner.update(dict.fromkeys(claims, candidate))
            kept.append(node)
            continue
        what, value = taken
        other = owner[taken]
        clashing.append(
            LeftOut(
                id=candidate.id,
                name=node.name,
                reason=f"{what} {value} belongs to node {other.node.name} (id {other.id}) already",
            )
        )
    return kept, clashing
