"""What should be in a host's kernel: worked out for the judges, apart from the daemon's own mind.

Nothing of `o2cbd.core`'s policy or planner is used here. The manager is looked at from inside, so
that looking uses up no fault and works while it is stopped.
"""

from __future__ import annotations

import functools
import ipaddress
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fakecluster.cman.answers import NodeEntry
from fakecluster.cman.constants import CmanState
from fakecluster.cman.engine import Engine
from fakecluster.cman.process import CmanProcess
from fakecluster.configfs.kernel import NodeState
from o2cbd.core.memo import gap
from o2cbd.core.model import Quorum
from o2cbd.core.rules import Rules, Scope, TableRules

_MAX_NUM = 254
_NAME_MAX_BYTES = 64
_CLUSTER_NAME_MAX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedNode:
    """A node as it should stand in a kernel."""

    name: str
    num: int
    address: str
    port: int
    local: bool = False

    def fits(self, node: NodeState) -> bool:
        """True when the kernel's node is this one, `local` aside."""
        return (node.name, node.num, node.address, node.port) == (
            self.name,
            self.num,
            self.address,
            self.port,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedNode:
    """A node of the manager's, as one host's manager sees it."""

    id: int
    name: str
    member: bool
    addresses: tuple[str, ...]
    fenced: bool = False
    votes: int = 1

    @property
    def called(self) -> str:
        """Its name in the table."""
        return self.name or f"node{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerView:
    """What one host's manager holds for true at this moment."""

    cluster: str
    """As the manager calls it."""
    local_id: int
    quorum: Quorum
    two_node: bool
    listed: tuple[ListedNode, ...]
    """By id, the quorum disk last."""

    own_name: str | None = field(init=False)
    """Our own name; None where we are no member."""

    def __post_init__(self) -> None:
        """Look ourselves up, once."""
        names = (each.called for each in self.listed if each.member and each.id == self.local_id)
        object.__setattr__(self, "own_name", next(names, None))

    @property
    def quorate(self) -> bool:
        """True when the manager says that this partition has quorum."""
        return self.quorum is Quorum.QUORATE

    def owns(self, node: NodeState, row: ExpectedNode | None) -> bool:
        """Return whether an entry is this host's own, given what should be under its name.

        Two nodes may have one name: then the row tells whose it is.
        """
        return node.local or (node.name == self.own_name if row is None else row.local)

    @property
    def member_names(self) -> frozenset[str]:
        """The names of all members."""
        return frozenset(each.called for each in self.listed if each.member)

    @property
    def majority(self) -> bool:
        """True when members have more than half of all listed nodes' votes.

        A disk counts for nobody. Where nobody has a vote nodes are counted.
        """
        nodes = [each for each in self.listed if each.id]
        votes = [each.votes for each in nodes if each.member]
        if not any(each.votes for each in nodes):
            return 2 * len(votes) > len(nodes)
        return 2 * sum(votes) > sum(each.votes for each in nodes)


class ManagerInspector:
    """Looks into one host's manager; what has not changed since is not worked out again."""

    def __init__(self, engine: Engine, node_id: int) -> None:
        self.cluster = engine.cluster
        """The cluster's name as the daemon's connection found it; it cannot change under one."""
        self._engine = engine
        self._node_id = node_id
        self._entries: tuple[NodeEntry, ...] | None = None
        self._view: ManagerView | None = None
        self._looked: tuple[NodeEntry, ...] = ()
        self._listed: list[ListedNode] = []
        """What was seen of each that was looked at, in the same order."""

    def view(self) -> ManagerView | None:
        """Return the manager's view; None while there is none, or it never was in a cluster."""
        daemon = self._engine.daemon_of(self._node_id)
        if daemon is None or not daemon.is_member:
            return None
        entries = daemon.nodes.entries()
        quorum = Quorum.UNKNOWN
        if self._engine.quorum_provider:
            quorum = Quorum.QUORATE if daemon.quorate else Quorum.INQUORATE
        view = self._view
        if (
            view is None
            or entries is not self._entries
            or view.quorum is not quorum
            or view.two_node is not daemon.config.two_node
            or view.cluster != self.cluster
            or daemon.fences
        ):
            self._entries = entries
            view = self._view = ManagerView(
                cluster=self.cluster,
                local_id=self._node_id,
                quorum=quorum,
                two_node=daemon.config.two_node,
                listed=self._look_at(entries, daemon),
            )
        return view

    def _look_at(
        self, entries: tuple[NodeEntry, ...], daemon: CmanProcess
    ) -> tuple[ListedNode, ...]:
        if daemon.fences:  # which do not stand in the entries
            self._looked, self._listed = (), []
        start, before_end, now_end = gap(self._looked, entries)
        before = {one.id: one for one in self._listed[start:before_end]}
        self._listed[start:before_end] = [
            _look(entry, daemon, before.get(entry.node_id)) for entry in entries[start:now_end]
        ]
        self._looked = entries
        return tuple(self._listed)


def _look(entry: NodeEntry, daemon: CmanProcess, last: ListedNode | None) -> ListedNode:
    """Look at one node; what says the same as the last time stays the same value."""
    member = entry.state is CmanState.MEMBER
    if (
        not (member or daemon.fences)
        and last is not None
        and not (last.member or last.fenced)
        and (last.name, last.votes) == (entry.name, entry.votes)
    ):
        return last  # most often: a node that is away, and whose entry shows another stale address
    peer = daemon.nodes.find(entry.node_id) if member else None
    fence = None if member else daemon.fences.get(entry.node_id)
    addresses = () if peer is None else peer.addresses
    fenced = fence is not None and fence.fenced
    if (
        last is not None
        and last.member is member
        and (last.name, last.votes) == (entry.name, entry.votes)
        and last.addresses == addresses
        and last.fenced is fenced
    ):
        return last
    return ListedNode(
        id=entry.node_id,
        name=entry.name,
        member=member,
        addresses=addresses,
        fenced=fenced,
        votes=entry.votes,
    )


class ExpectedTable:
    """What one host's kernel should hold, from the manager's view and the daemon's rules."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._view: ManagerView | None = None
        self._listed: tuple[ListedNode, ...] = ()
        self._made: list[_Claim | None] = []
        """What each of the listed has a claim to, in the same order."""
        self._claims: list[_Claim] = []
        self._shared: frozenset[int] = frozenset()
        """Numbers that several listed nodes would have."""
        self._plain: Mapping[str, ExpectedNode] | None = None

    def rows(self, view: ManagerView, actual: Iterable[NodeState]) -> Mapping[str, ExpectedNode]:
        """Return the rows that should be there, by name.

        Args:
            view: the manager's.
            actual: what is there. It matters only where several claim one thing: a live member
                whose right entry is there keeps it, else the lowest id has it, and a number nobody.
        """
        if view is not self._view:
            self._view = view
            self._claims = self._fitting(view)
            rows = [claim.row for claim in self._claims]
            self._shared = _shared_nums(view, self.rules.table)
            apart = _all_apart(rows) and not self._shared
            self._plain = {row.name: row for row in rows} if apart else None
        if self._plain is not None:
            return self._plain
        return self._settled(actual)

    def _fitting(self, view: ManagerView) -> list[_Claim]:
        start, before_end, now_end = gap(self._listed, view.listed)
        self._made[start:before_end] = [
            self._claim(each, local=each.id == view.local_id) for each in view.listed[start:now_end]
        ]
        self._listed = view.listed
        return [claim for claim in self._made if claim is not None]

    def _claim(self, each: ListedNode, *, local: bool) -> _Claim | None:
        if not (each.member or self.rules.table.scope is Scope.CONFIGURED):
            return None
        override = self.rules.table.nodes.get(each.called)
        chosen = None if override is None else override.address
        address = chosen or _first_ipv4(_among(each.addresses, self.rules.table))
        port = (None if override is None else override.port) or self.rules.table.port
        num = num_of(each, self.rules.table)
        if num is None or not usable_name(each.called):
            return None
        if address is None or not _usable_address(address):
            return None
        row = ExpectedNode(name=each.called, num=num, address=address, port=port, local=local)
        return _Claim(id=each.id, member=each.member, row=row)

    def _settled(self, actual: Iterable[NodeState]) -> Mapping[str, ExpectedNode]:
        there = {node.name: node for node in actual}

        def sits(claim: _Claim) -> bool:
            node = there.get(claim.row.name)
            return claim.member and node is not None and claim.row.fits(node)

        given: dict[str, ExpectedNode] = {}
        for claim in sorted(self._claims, key=lambda one: (not sits(one), one.id)):
            row = claim.row
            if row.num in self._shared and not sits(claim):
                continue
            if all(
                row.num != one.num and row.address != one.address and row.name != one.name
                for one in given.values()
            ):
                given[row.name] = row
        return given


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    id: int
    member: bool
    row: ExpectedNode


def num_of(each: ListedNode, rules: TableRules) -> int | None:
    """Return the number that a node should have in o2cb; None: it can have none.

    Id 0 is the quorum disk's, which has a number only where somebody gives it one.
    """
    override = rules.nodes.get(each.called)
    num = None if override is None else override.num
    if num is None and each.id:
        num = each.id + rules.num_offset
    return num if num is not None and 0 <= num <= _MAX_NUM else None


def _shared_nums(view: ManagerView, rules: TableRules) -> frozenset[int]:
    """Return the numbers that would be more than one node's, members or not."""
    nums = [(num, each.id) for each in view.listed if (num := num_of(each, rules)) is not None]
    counts = Counter(num for num, _ in set(nums))
    return frozenset(num for num, count in counts.items() if count > 1)


def _all_apart(rows: list[ExpectedNode]) -> bool:
    return all(
        len(set(values)) == len(rows)
        for values in (
            [row.num for row in rows],
            [row.address for row in rows],
            [row.name for row in rows],
        )
    )


def _among(addresses: Sequence[str], rules: TableRules) -> tuple[str, ...]:
    """Return the addresses that may count, by the standard library's word."""
    left = list(addresses)
    if rules.ring is not None:
        left = left[rules.ring : rules.ring + 1]
    if rules.subnet is not None:
        subnet = ipaddress.ip_network(str(rules.subnet))
        left = [each for each in left if ipaddress.ip_address(each) in subnet]
    return tuple(left)


@functools.lru_cache(maxsize=1024)
def _first_ipv4(addresses: tuple[str, ...]) -> str | None:
    for address in addresses:
        if ipaddress.ip_address(address).version == 4:
            return address
    return None


@functools.lru_cache(maxsize=1024)
def _usable_address(address: str) -> bool:
    try:
        return int(ipaddress.IPv4Address(address)) != 0
    except ValueError:
        return False


@functools.lru_cache(maxsize=1024)
def usable_name(name: str) -> bool:
    """True when a kernel's directory can have this name."""
    if not 1 <= len(name.encode("utf-8", "surrogateescape")) <= _NAME_MAX_BYTES:
        return False
    if name in {".", ".."} or "/" in name:
        return False
    return all(unicodedata.category(char) != "Cc" for char in name)


@functools.lru_cache(maxsize=256)
def usable_cluster_name(name: str) -> bool:
    """True when OCFS2's tools can use this cluster name."""
    return 1 <= len(name) <= _CLUSTER_NAME_MAX and name.isascii() and name.isalnum()
