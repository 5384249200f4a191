"""Membership and rules -> the desired node table, and a reason for everybody left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter

from o2cbd.core.frozen import frozen
from o2cbd.core.memo import for_each
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
    Remark,
)
from o2cbd.core.names import address_problem, is_ipv4, node_name_problem, nodes_section
from o2cbd.core.reports import spell
from o2cbd.core.rules import NodeOverride, Scope, TableRules

NUMBER_MAX_CHARS = 5
"""No port and no num has more digits."""

NAMED_AT_MOST = 8
"""So many of the manager's names are told where settings are nobody's."""

_QUORUM_DISK = "node id 0 is a quorum disk, not a node"
_NO_OVERRIDE = NodeOverride()
_Claim = tuple[str, int | str]
_num_of, _id_and_name = attrgetter("num"), attrgetter("id", "name")


@frozen
class Desired:
    """What the table should be."""

    nodes: tuple[Node, ...]
    """Sorted by num; no two share a num, an address or a name."""
    left_out: tuple[LeftOut, ...]
    """Sorted by id."""
    remarks: tuple[Remark, ...] = ()

    @property
    def has_local(self) -> bool:
        """True when this host's own node is to be in the table."""
        return any(node.local for node in self.nodes)


@frozen
class _Candidate:
    id: int
    node: Node
    incumbent: bool
    """A live member whose right entry is there already, or stays whatever the list says."""


@frozen
class Draft:
    """What membership and rules alone say of the table."""

    membership: Membership
    rules: TableRules
    listed: tuple[Member | Absentee, ...]
    """Whoever is in scope."""
    nodes: tuple[Node | None, ...]
    """What each of them is to be; None: excluded."""
    desired: Desired
    """The table, as far as no two claim one thing."""
    clashing: bool
    """Some do, or entries stay whatever the list says: the entries that are there decide."""


class Drafter:
    """Makes drafts; with a memory for the nodes that are as they were a reading ago."""

    def __init__(self, rules: TableRules) -> None:
        """Go by these rules: scope, ports, overrides."""
        self._rules = rules
        self._local_id: int | None = None
        self._nodes_of = for_each(self._node_of)
        self._claims_of = for_each(_claims_of)
        self._unusual_in = for_each(_is_unusual)

    def _node_of(self, listed: Member | Absentee) -> Node | None:
        return wanted_node(listed, self._rules, local=listed.id == self._local_id)

    def draft(self, membership: Membership) -> Draft:
        """Say what this membership comes to."""
        rules = self._rules
        if membership.local_id != self._local_id:
            self._local_id = membership.local_id
            self._nodes_of = for_each(self._node_of)
        listed = _in_scope(membership, rules.scope)
        nodes = self._nodes_of(listed)
        kept = tuple(filter(None, nodes))
        left_out: list[LeftOut] = []
        if len(kept) < len(listed):
            proposals = _propose(membership, rules)
            without = (one for one, node in zip(listed, nodes, strict=True) if node is None)
            left_out = [_left_out(one, rules, proposals) for one in without]
        unusual = bool(rules.nodes) or any(self._unusual_in(membership.everybody))
        claims = zip(*self._claims_of(kept), strict=True)
        return Draft(
            membership=membership,
            rules=rules,
            listed=listed,
            nodes=nodes,
            desired=Desired(
                nodes=tuple(sorted(kept, key=_num_of)),
                left_out=tuple(sorted(left_out, key=_id_and_name)),
                remarks=(*_settings_of_nobody(membership, rules), *_nameless(listed, nodes))
                if unusual
                else (),
            ),
            clashing=any(len(set(column)) < len(kept) for column in claims)
            or (
                unusual
                and bool(_edited(membership, rules.scope) or _shared_nums(membership, rules))
            ),
        )


def _is_unusual(listed: Member | Absentee) -> bool:
    """True where the whole list must be looked at: a num of its own, no name, or another id."""
    if listed.advice.num is not None or not listed.name:
        return True
    if isinstance(listed, Member):
        return not listed.listed
    return listed.runs_as is not None or listed.ran_as is not None


def settle(draft: Draft, actual: Sequence[Entry]) -> Desired:
    """Return the table of a draft, given the entries that are there.

    They matter in one case: among nodes that claim one num, address or name, a live member with a
    right entry keeps it; else the lowest id.
    """
    if not draft.clashing:
        return draft.desired
    membership, rules, desired = draft.membership, draft.rules, draft.desired
    edited = _edited(membership, rules.scope)
    candidates = [*_staying(edited, rules, actual), *_candidates(draft, actual)]
    taken = {num_of(one, rules) for one in membership.everybody}
    taken |= {candidate.node.num for candidate in candidates}
    taken.update(_propose(membership, rules).nums.values())
    shared = _shared_nums(membership, rules)
    kept, clashing = _without_duplicates(candidates, shared, rules, taken)
    return replace(
        desired,
        nodes=tuple(sorted(kept, key=_num_of)),
        left_out=tuple(sorted([*desired.left_out, *clashing], key=_id_and_name)),
    )


def desired_table(
    membership: Membership, rules: TableRules, actual: Sequence[Entry] = ()
) -> Desired:
    """Say who is to be in the table, as what, and why the others are not.

    Args:
        membership: one reading of the manager.
        rules: scope, ports, overrides.
        actual: the entries that are there, see `settle`.
    """
    return settle(Drafter(rules).draft(membership), actual)


def wanted_node(listed: Member | Absentee, rules: TableRules, *, local: bool) -> Node | None:
    """Return what the table is to have of one that the manager lists; None where it cannot."""
    name, num = called(listed), num_of(listed, rules)
    if num is None or _another_id(listed) is not None or node_name_problem(name) is not None:
        return None
    address, port = _address_and_port(listed, rules)
    if address is None or address_problem(address) is not None or not 0 < port <= MAX_PORT:
        return None
    return Node(name=name, num=num, address=address, port=port, local=local)


def _address_and_port(listed: Member | Absentee, rules: TableRules) -> tuple[str | None, int]:
    """Return what the settings, the manager's configuration or its membership say, unchecked."""
    override = rules.nodes.get(called(listed), _NO_OVERRIDE)
    address = override.address or listed.advice.address or _chosen(listed.addresses, rules)
    return address, override.port or _advised_port(listed.advice) or rules.port


def _left_out(listed: Member | Absentee, rules: TableRules, proposals: _Proposals) -> LeftOut:
    name = listed.name if isinstance(listed, Member) and not listed.listed else called(listed)
    problem = _problem_of(listed, rules, proposals)
    return LeftOut(id=listed.id, name=name, reason=problem, device=problem == _QUORUM_DISK)


def _problem_of(listed: Member | Absentee, rules: TableRules, proposals: _Proposals) -> str:
    """Return why `wanted_node` gives none: all of it at once, a restart for each were too many."""
    name, num = called(listed), num_of(listed, rules)
    moved = _another_id(listed)
    if moved is not None:
        return moved
    if num is None and is_device(listed):
        return _QUORUM_DISK
    wrong = node_name_problem(name)
    if wrong is not None:
        return f"{wrong}: change it in the cluster manager's configuration"
    address, port = _address_and_port(listed, rules)
    problems = [] if num is not None else [_no_num(listed, rules, proposals)]
    wrong = None if address is None else address_problem(address)
    if address is None:
        problems.append(_no_address(listed, rules))
    elif wrong is not None:
        problems.append(f"{wrong}: {_proposed_address(listed, rules)}")
    if not 0 < port <= MAX_PORT:
        problems.append(
            f"invalid o2cb_port {listed.advice.port!r} (must be 1-{MAX_PORT}): write"
            f" {nodes_section(name)} port = {rules.port} in {rules.settings_file} on all nodes"
        )
    return "; ".join(problems)


def _no_num(listed: Member | Absentee, rules: TableRules, proposals: _Proposals) -> str:
    """Return why a node has no num, and the line that would give it one."""
    if not listed.id:
        return (
            "it has no node id: write nodeid: into its node {} block, with the id that it runs as"
        )
    advised, offset = listed.advice.num, rules.num_offset
    if advised is not None:
        found = f"invalid o2cb_num {advised!r} (must be 0-{MAX_NUM})"
    elif offset:
        found = f"its node id {listed.id} with num_offset {offset} is not an o2cb number"
        found += f" (0-{MAX_NUM})"
    else:
        found = f"its node id {listed.id} is not an o2cb number (0-{MAX_NUM})"
    if proposals.offset is not None:
        line = f"[table] num_offset = {proposals.offset}"
    else:
        line = f"{nodes_section(called(listed))} num = {proposals.nums[listed.id]}"
    return f"{found}: write {line} in {rules.settings_file} on all nodes"


def _claims_of(node: Node) -> tuple[_Claim, ...]:
    """Return what no two nodes may share."""
    return ("num", node.num), ("address", node.address), ("name", node.name)


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


def _may_be_right(entry: Entry | None, node: Node) -> bool:
    """True when nothing shows that an entry is not right.

    That a peer's num 0 was written is known to those who wrote it, until their next start.
    """
    return is_right(entry, node) or (
        entry is not None and not node.local and is_right(replace(entry, num_proved=True), node)
    )


def is_device(listed: Member | Absentee) -> bool:
    """True for cman's quorum disk; what is in a node list has votes."""
    return listed.id == 0 and listed.votes is None


def called(listed: Member | Absentee) -> str:
    """Return the name of a node in the table: the manager's, or one made of its id."""
    return listed.name or f"node{listed.id}"


def num_of(listed: Member | Absentee, rules: TableRules) -> int | None:
    """Return the o2cb number of a node; None where it has none.

    The settings' own comes first, then the manager's configuration, then the id.
    """
    num = rules.nodes.get(called(listed), _NO_OVERRIDE).num
    if num is None and listed.advice.num is not None:
        num = _number(listed.advice.num)
    elif num is None:
        num = listed.id + rules.num_offset if listed.id else -1
    return num if 0 <= num <= MAX_NUM else None


@frozen
class _Proposals:
    """What would give nodes without a num one; the same on all nodes that have one list."""

    offset: int | None
    """Where one `num_offset` would do for all."""
    nums: Mapping[int, int]
    """By node id: with that, or where none would do, or would renumber nodes that have a num."""


def _propose(membership: Membership, rules: TableRules) -> _Proposals:
    listed = membership.everybody
    nums = {one.id: num_of(one, rules) for one in listed}
    lacking = sorted(node_id for node_id, num in nums.items() if num is None and node_id)
    if not lacking:
        return _Proposals(offset=None, nums={})
    by_rule = [one for one in listed if one.id and one.advice.num is None]
    by_rule = [one for one in by_rule if rules.nodes.get(called(one), _NO_OVERRIDE).num is None]
    ids = [one.id for one in by_rule]
    if ids and sorted(ids) == lacking and max(ids) - min(ids) < MAX_NUM:
        used = {num for num in nums.values() if num is not None}
        offset = 1 - min(ids)
        if used.isdisjoint(node_id + offset for node_id in ids):
            return _Proposals(offset=offset, nums={one: one + offset for one in ids})
    taken = {num for num in nums.values() if num is not None}
    free = (num for num in (*range(1, MAX_NUM + 1), 0) if num not in taken)
    return _Proposals(offset=None, nums={node_id: next(free, 0) for node_id in lacking})


def _another_id(listed: Member | Absentee) -> str | None:
    """Return why what the list says of a node cannot be followed: it runs under another id."""
    if isinstance(listed, Absentee):
        runs, how = listed.runs_as, "it runs"
        if runs is None:
            runs, how = listed.ran_as, "it was a member last"
        if runs is None:
            return None
        return (
            f"the node list gives it id {listed.id}, and {how} as id {runs}: write nodeid: {runs}"
            " in its node {} block and reload, or restart its cluster manager so that it runs as"
            f" {listed.id}"
        )
    if listed.listed:
        return None
    return (
        f"it runs as id {listed.id}, which the node list does not have: write nodeid:"
        f" {listed.id} in its node {{}} block and reload, or restart its cluster manager so that"
        " it runs as the list says"
    )


def _edited(membership: Membership, scope: Scope) -> dict[int, Member | Absentee]:
    """Return what is known of the nodes whose id the list does not have, by the id they run with.

    A node that is away counts where nodes are in the table that are away.
    """
    edited: dict[int, Member | Absentee] = {
        one.id: one for one in membership.members if not one.listed
    }
    for block in membership.absentees:
        runs = block.runs_as
        if runs is None and scope is Scope.CONFIGURED:
            runs = block.ran_as
        if runs is not None:
            edited[runs] = replace(block, id=runs)
    return edited


def _staying(
    edited: Mapping[int, Member | Absentee], rules: TableRules, actual: Iterable[Entry]
) -> list[_Candidate]:
    """Return the entries of nodes whose id the list does not have: they stay as they are.

    A running node's id cannot be changed by a file, so nothing that a file says is about it.
    """
    by_num = {entry.num: entry for entry in actual if entry.complete}
    staying = []
    for node_id, known in edited.items():
        entry = by_num.get(-1 if (num := num_of(known, rules)) is None else num)
        if entry is not None:
            node = Node(
                name=entry.name,
                num=entry.num,
                address=entry.address,
                port=entry.port,
                local=entry.local,
            )
            staying.append(_Candidate(id=node_id, node=node, incumbent=True))
    return staying


def _nameless(
    listed: Iterable[Member | Absentee], nodes: Iterable[Node | None]
) -> Iterator[Remark]:
    """Remark on nodes that have a name of ours, sorted by text."""
    found = (
        f"node id {one.id} has no name in the manager's configuration; using {node.name}"
        for one, node in zip(listed, nodes, strict=True)
        if node is not None and not one.name
    )
    return (Remark(text=text, warning=False) for text in sorted(found))


def _settings_of_nobody(membership: Membership, rules: TableRules) -> Iterator[Remark]:
    """Warn of `[nodes.X]` where the manager has no X."""
    if not rules.nodes:
        return
    names = [called(one) for one in membership.everybody]
    for name in sorted(rules.nodes.keys() - set(names)):
        alike = [one for one in names if one.split(".")[0].lower() == name.split(".")[0].lower()]
        there = sorted(alike or names)
        more = f" and {len(there) - NAMED_AT_MOST} more" if len(there) > NAMED_AT_MOST else ""
        spelled = ", ".join(map(spell, there[:NAMED_AT_MOST])) + more
        text = f"{nodes_section(name)}: no such node; the manager has {spelled or 'no nodes'}"
        yield Remark(text=text, warning=True)


def _in_scope(membership: Membership, scope: Scope) -> tuple[Member | Absentee, ...]:
    if scope is Scope.CONFIGURED:
        return membership.everybody
    return membership.members


def _advised_port(advice: Advice) -> int:
    """Return the port, 0 where none is given, -1 where what is given is none."""
    return 0 if advice.port is None else _number(advice.port) or -1


def _number(text: str) -> int:
    """Return a decimal number that is not too long, -1 for any other text."""
    plain = text.isascii() and text.isdecimal() and len(text) <= NUMBER_MAX_CHARS
    return int(text) if plain else -1


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
    remedy = _proposed_address(listed, rules)
    known = ", ".join(filter(None, listed.addresses))
    if rules.ring is not None:
        own = "".join(listed.addresses[rules.ring : rules.ring + 1])
        found = f"only {own} there" if own else f"its addresses are {known or 'not known'}"
        return f"no IPv4 address on ring {rules.ring} ({found}): {remedy}"
    if known and rules.subnet is not None:
        return f"no address in subnet {rules.subnet}, only {known}: {remedy}"
    if known:
        return f"no IPv4 address, only {known} (o2cb does not support IPv6): {remedy}"
    if isinstance(listed, Absentee):
        return f"not a member, and the cluster manager has no address for it: {remedy}"
    return f"the cluster manager has no address for it: {remedy}"


def _proposed_address(listed: Member | Absentee, rules: TableRules) -> str:
    """Return what to write where no address of a node can be used; one that it has, if any."""
    there = next((one for one in listed.addresses if not address_problem(one)), None)
    value = there or "its IPv4 address"
    line = f'{nodes_section(called(listed))} address = "{value}"'
    return f"write {line} in {rules.settings_file} on all nodes"


def _candidates(draft: Draft, actual: Iterable[Entry]) -> list[_Candidate]:
    there = {entry.name: entry for entry in actual}
    return [
        _Candidate(
            id=listed.id,
            node=node,
            incumbent=isinstance(listed, Member) and _may_be_right(there.get(node.name), node),
        )
        for listed, node in zip(draft.listed, draft.nodes, strict=True)
        if node is not None
    ]


def _shared_nums(
    membership: Membership, rules: TableRules
) -> Mapping[int, Sequence[Member | Absentee]]:
    """Return the nums that several listed nodes claim, members or not, each with these nodes.

    By their ids alone no two do, whatever is added to them.
    """
    everybody = membership.everybody
    if not any(one.num is not None for one in rules.nodes.values()) and not any(
        one.advice.num is not None for one in everybody
    ):
        return {}
    owners: dict[int, dict[int, Member | Absentee]] = {}
    for one in everybody:
        num = num_of(one, rules)
        if num is not None and _another_id(one) is None:
            owners.setdefault(num, {}).setdefault(one.id, one)
    return {num: tuple(ones.values()) for num, ones in owners.items() if len(ones) > 1}


def _without_duplicates(
    candidates: Sequence[_Candidate],
    shared: Mapping[int, Sequence[Member | Absentee]],
    rules: TableRules,
    taken_nums: Collection[int | None],
) -> tuple[list[Node], list[LeftOut]]:
    """Let each address and name go to one candidate, the same on every node.

    A num that several nodes claim goes to nobody who has it not yet: each of them would take it for
    its own slot on the disk. Each of them is proposed a num of its own, so that all the lines can
    be written together.
    """
    owner: dict[_Claim, _Candidate] = {}
    kept: list[Node] = []
    clashing: list[LeftOut] = []
    free = (num for num in range(1, MAX_NUM + 1) if num not in taken_nums)
    claimants = [one for num in sorted(shared) for one in shared[num]]
    proposed = {(one.id, called(one)): next(free, 0) for one in claimants}
    for candidate in sorted(candidates, key=lambda one: (not one.incumbent, one.id, one.node.name)):
        node = candidate.node
        claims = _claims_of(node)
        taken = next((claim for claim in claims if claim in owner), None)
        rivals = () if candidate.incumbent else shared.get(node.num, ())
        if taken is None and rivals:
            rival = next(one for one in rivals if one.id != candidate.id)
            what = "name" if called(rival) == node.name else "num"  # the settings go by names
            reason = f"num {node.num} is also that of node {spell(called(rival))} (id {rival.id})"
            reason += f": {_remedy(what, node, rules, proposed[candidate.id, node.name])}"
            clashing.append(LeftOut(id=candidate.id, name=node.name, reason=reason))
            continue
        if taken is None:
            owner.update(dict.fromkeys(claims, candidate))
            kept.append(node)
            continue
        what, value = taken
        other = owner[taken]
        num = proposed.get((candidate.id, node.name))
        if num is None:
            num = next(free, 0)
        clashing.append(
            LeftOut(
                id=candidate.id,
                name=node.name,
                reason=f"{what} {value} already belongs to node {spell(other.node.name)} (id"
                f" {other.id}): {_remedy(what, node, rules, num)}",
            )
        )
    return kept, clashing


def _remedy(what: str, node: Node, rules: TableRules, free_num: int) -> str:
    """Return what to write where two nodes claim one thing."""
    if what == "name":
        return "give it a unique name in the cluster manager's configuration"
    value = '"its IPv4 address"' if what == "address" else str(free_num)
    line = f"{nodes_section(node.name)} {what} = {value}"
    return f"write {line} in {rules.settings_file} on all nodes"
