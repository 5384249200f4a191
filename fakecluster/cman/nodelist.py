"""One daemon's list of nodes: who is a member in its own eyes, since when, and why one left."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass

from fakecluster.cman.answers import NodeEntry
from fakecluster.cman.constants import QDISK_LISTED_ID, CmanState, LeaveReason
from fakecluster.cman.topology import NodeConfig


@dataclass(slots=True, eq=False)
class Peer:
    """One node in one observer's eyes. Changed only by its `PeerList`."""

    node_id: int
    name: str
    votes: int
    configured: bool
    state: CmanState = CmanState.DEAD
    leave_reason: LeaveReason = LeaveReason.DOWN
    incarnation: int = 0
    jointime_us: int = 0
    expected_votes: int = 0
    addresses: tuple[str, ...] = ()
    said_goodbye: bool = False
    """It told us itself that it leaves."""
    entry: NodeEntry | None = None
    """Its entry, until something of it changes; what does not change is not built again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What a joiner tells of itself."""

    node_id: int
    votes: int
    expected_votes: int
    addresses: tuple[str, ...]
    config_version: int
    """Of the configuration that it runs with."""


@dataclass(slots=True, eq=False)
class Disk:
    """The quorum disk as one daemon knows it."""

    name: str
    votes: int
    available: bool = False
    polled: bool = False
    """Its state is the result of a poll."""
    kept: bool = False
    """Its daemon polls on and on, whatever the last result was."""
    foreign: bool = False
    """Another manager's: clients see it, and change nothing of it."""
    polls: int = 0
    """How many results there were."""
    jointime_us: int = 0
    """When it was last found, in microseconds since 1970."""


@functools.lru_cache(maxsize=1024)
def _never_seen(node_id: int, name: str, votes: int, stale: str) -> NodeEntry:
    """Return a node that never joined, which every observer sees alike."""
    return NodeEntry(node_id=node_id, name=name, state=CmanState.DEAD, votes=votes, address=stale)


class PeerList:
    """Ordered by id; the quorum disk last."""

    def __init__(self, local_id: int, nodes: tuple[NodeConfig, ...]) -> None:
        self._local_id = local_id
        self._peers: dict[int, Peer] = {}
        self._order: list[Peer] | None = None
        self._expected: Counter[int] = Counter()
        self._entries: tuple[NodeEntry, ...] | None = None
        self.disk: Disk | None = None
        """Call `touch` after changing it."""
        self.member_count = 0
        self.member_votes = 0
        self.configure(nodes)

    def configure(self, nodes: tuple[NodeConfig, ...]) -> None:
        """Take a configuration: new ones are never-seen, dropped ones vanish if they are dead.

        One that is a member stays, and when it is dead, too, until the next configuration.
        """
        configured = {node.id for node in nodes}
        for node in nodes:
            peer = self._peers.get(node.id)
            if peer is None:
                self._peers[node.id] = Peer(node.id, node.name, node.votes, configured=True)
            else:
                peer.name = node.name
                peer.configured = True
                self.set_votes(node.id, node.votes)
                peer.entry = None
        for peer in list(self._peers.values()):
            if peer.node_id not in configured:
                peer.configured = False
                if peer.state is CmanState.DEAD:
                    del self._peers[peer.node_id]
        self._order = None
        self.touch()

    def touch(self) -> None:
        """Build the entries anew when they are next asked for."""
        self._entries = None

    def find(self, node_id: int) -> Peer | None:
        """Return a node, None when it is not listed."""
        return self._peers.get(node_id)

    def find_name(self, name: str) -> Peer | None:
        """Return the node with that name and the lowest id, None when there is none."""
        return next((peer for peer in self.peers() if peer.name == name), None)

    def peers(self) -> list[Peer]:
        """Return all nodes, sorted by id."""
        if self._order is None:
            self._order = [self._peers[node_id] for node_id in sorted(self._peers)]
        return self._order

    def member_ids(self) -> tuple[int, ...]:
        """Return who is a member, sorted by id."""
        return tuple(peer.node_id for peer in self.peers() if peer.state is CmanState.MEMBER)

    @property
    def in_ring(self) -> int:
        """How many members there are, with those who are leaving and whom the ring still has."""
        return self.member_count + sum(peer.state is CmanState.LEAVING for peer in self.peers())

    @property
    def highest_expected(self) -> int:
        """The most votes that any member expects."""
        return max(self._expected, default=0)

    # -- changes

    def join(
        self, announced: Announcement, *, incarnation: int, jointime_us: int, forget_reason: bool
    ) -> None:
        """Make a node a member."""
        peer = self._peers.get(announced.node_id)
        if peer is None:
            name = f"Node{announced.node_id}"
            peer = Peer(announced.node_id, name, announced.votes, configured=False)
            self._peers[announced.node_id] = peer
            self._order = None
        self._uncount(peer)
        peer.state = CmanState.MEMBER
        peer.said_goodbye = False
        peer.incarnation = incarnation
        peer.jointime_us = jointime_us
        peer.votes = announced.votes
        peer.expected_votes = announced.expected_votes
        peer.addresses = announced.addresses
        if forget_reason:
            peer.leave_reason = LeaveReason.DOWN
        self._count(peer)
        peer.entry = None
        self.touch()

    def leaving(self, node_id: int, reason: LeaveReason, *, goodbye: bool) -> None:
        """Count a member no longer: it said so itself (`goodbye`), or we had it killed."""
        peer = self._peers.get(node_id)
        if peer is not None and peer.state is CmanState.MEMBER:
            self._uncount(peer)
            peer.state = CmanState.LEAVING
            peer.leave_reason = reason
            peer.said_goodbye = goodbye
            peer.entry = None
            self.touch()

    def dead(self, node_id: int) -> Peer | None:
        """Mark a member or a leaver as dead; None when it was neither."""
        peer = self._peers.get(node_id)
        if peer is None or peer.state is CmanState.DEAD:
            return None
        self._uncount(peer)
        peer.state = CmanState.DEAD
        peer.entry = None
        self.touch()
        return peer

    def set_votes(self, node_id: int, votes: int) -> None:
        """Set a node's votes."""
        peer = self._peers[node_id]
        if peer.state is CmanState.MEMBER:
            self.member_votes += votes - peer.votes
        peer.votes = votes
        peer.entry = None
        self.touch()

    def expect(self, votes: int, *, at_most: bool = False) -> None:
        """Set the votes that every member expects; `at_most`: only of those who expect more."""
        for peer in self.peers():
            if peer.state is CmanState.MEMBER and not (at_most and peer.expected_votes <= votes):
                self._uncount(peer)
                peer.expected_votes = votes
                self._count(peer)

    def readdress(self, node_id: int, addresses: tuple[str, ...]) -> None:
        """Change a member's addresses."""
        peer = self._peers.get(node_id)
        if peer is not None and peer.state is CmanState.MEMBER:
            peer.addresses = addresses
            peer.entry = None
            self.touch()

    def _count(self, peer: Peer) -> None:
        self.member_count += 1
        self.member_votes += peer.votes
        self._expected[peer.expected_votes] += 1

    def _uncount(self, peer: Peer) -> None:
        if peer.state is not CmanState.MEMBER:
            return
        self.member_count -= 1
        self.member_votes -= peer.votes
        self._expected[peer.expected_votes] -= 1
        if not self._expected[peer.expected_votes]:
            del self._expected[peer.expected_votes]

    # -- entries

    def entries(self) -> tuple[NodeEntry, ...]:
        """Return every node by id, the quorum disk last.

        The address of one that is no member is whatever lay in the daemon's buffer: the address of
        the entry before it.
        """
        if self._entries is None:
            entries: list[NodeEntry] = []
            stale = ""
            for peer in self.peers():
                entry = peer.entry
                if entry is None or (entry.address != stale and peer.state is not CmanState.MEMBER):
                    entry = self.entry(peer, stale=stale)
                stale = entry.address
                entries.append(entry)
            if self.disk is not None:
                entries.append(self.disk_entry(self.disk, stale=stale))
            self._entries = tuple(entries)
        return self._entries

    def entry(self, peer: Peer, *, stale: str = "") -> NodeEntry:
        """Return one node; `stale` is the address that it shows while it is no member."""
        shown = stale
        if peer.state is CmanState.MEMBER:
            shown = peer.addresses[0] if peer.addresses else ""
        if peer.entry is None or peer.entry.address != shown:
            peer.entry = self._build(peer, shown)
        return peer.entry

    def _build(self, peer: Peer, address: str) -> NodeEntry:
        if not peer.incarnation and peer.state is CmanState.DEAD and not peer.leave_reason:
            return _never_seen(peer.node_id, peer.name, peer.votes, address)
        return NodeEntry(
            node_id=peer.node_id,
            name=peer.name,
            us=peer.node_id == self._local_id,
            state=peer.state,
            leave_reason=peer.leave_reason,
            incarnation=peer.incarnation,
            jointime_us=peer.jointime_us,
            votes=peer.votes,
            address=address,
        )

    @staticmethod
    def disk_entry(disk: Disk, *, stale: str = "") -> NodeEntry:
        """Return the quorum disk as it stands in the list."""
        return NodeEntry(
            node_id=QDISK_LISTED_ID,
            name=disk.name,
            state=CmanState.MEMBER if disk.available else CmanState.DEAD,
            jointime_us=disk.jointime_us,
            votes=disk.votes,
            address=stale,
        )
