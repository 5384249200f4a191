"""Membership from cman: what libcman says, turned into what can be believed.

What cman and its library do to their users is measured knowledge; each measure against it here says
which. All calls belong to one thread, whose signals are blocked (the library loses its place in the
stream when a signal interrupts it), in a process that ignores SIGPIPE, as Python does.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Final, TypeVar, TypeVarTuple

from o2cbd.calls import CallBoard
from o2cbd.core.events import ConfigChange, ManagerLost, Notice, ShutdownAsked, StateChange
from o2cbd.core.frozen import frozen
from o2cbd.core.memo import same_if_equal
from o2cbd.core.model import Absentee, Member, Membership, Quorum
from o2cbd.membership import libcman_table as cman
from o2cbd.membership.interface import ManagerGoneError, MembershipSource
from o2cbd.membership.libcman_table import LibcmanHandle, LibcmanTable, NodeRecord
from o2cbd.membership.sockaddr import address_text

GONE_ERRNOS: Final = frozenset({errno.EHOSTDOWN, errno.ECONNRESET, errno.EPIPE})
"""What libcman says of a dead connection. ECONNRESET comes once, where a request was unread."""

QUORUM_DISK_ID: Final = 0
"""How a node list shows the quorum disk; as an argument, 0 means the local node."""

NODE_HEADROOM: Final = 16
"""How many nodes may appear between the count and the list before a reading is repeated."""

READ_ATTEMPTS: Final = 5
"""Each with twice the head-room of the one before."""

_Args = TypeVarTuple("_Args")
_R = TypeVar("_R")

_id_of = attrgetter("nodeid")

_NO_CONNECTION: Final = {
    errno.ENOENT: "cman is not running: its socket cman_client does not exist",
    errno.ECONNREFUSED: "cman is not running: its socket exists, and nothing listens",
    errno.EACCES: "only root may open cman's socket",
}


@frozen
class _Event:
    """All that the C callback leaves behind."""

    reason: int
    argument: int


@frozen
class _Identity:
    """What cannot change while one cman lives."""

    cluster: str
    local_id: int


class CmanSource:
    """One connection to cman, as a `MembershipSource`."""

    def __init__(
        self, handle: LibcmanHandle, calls: CallBoard, *, every_address: bool = False
    ) -> None:
        """Take over a connection that is told nothing yet.

        Args:
            handle: the connection; the source closes it.
            calls: where calls are declared.
            every_address: ask for all interfaces of each member, not only until one has IPv4.
        """
        self._handle = handle
        self._calls = calls
        self._every_address = every_address
        self._events: list[_Event] = []
        self._identity: _Identity | None = None
        self._listed: tuple[NodeRecord, ...] | None = None
        """The last list, and what was made of it."""
        self._nodes: tuple[NodeRecord, ...] = ()
        self._nodes_away: tuple[NodeRecord, ...] = ()
        self._members: dict[NodeRecord, Member] = {}
        self._believed: tuple[tuple[NodeRecord, ...], tuple[Member, ...]] | None = None
        """Records and members, where nothing but the records makes them."""
        self._same = same_if_equal(Membership)
        self._lost = False
        self._closed = False

    def subscribe(self) -> None:
        """Ask for events; once, before anything else.

        Raises:
            OSError: with the library's errno.
        """
        self._ask("cman_start_notification", self._handle.start_notification, self._take_event)

    def fileno(self) -> int:
        """Return the descriptor of this moment: the library swaps it while it holds events back."""
        return self._ask("cman_get_fd", self._handle.get_fd)

    def dispatch(self) -> tuple[Notice, ...]:
        """Deliver all that is there. See `MembershipSource`.

        The result of the C call is no measure: it is 0 after events as after none.
        """
        if self._lost:
            return ()
        death: list[Notice] = []
        try:
            with self._calls.declare("cman_dispatch"):
                self._handle.dispatch(cman.DISPATCH_ALL)
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.EINTR}:
                # Whatever else it says, the stream cannot be trusted any more.
                self._lost = True
                death.append(ManagerLost(errno=error.errno or errno.EHOSTDOWN))
        events, self._events = self._events, []
        return tuple([notice for event in events for notice in _notices(event)] + death)

    def snapshot(self) -> Membership:
        """Read everything anew. See `MembershipSource`.

        The nodes are read before quorum and flags: what is said of quorum is then never older than
        a departure, and a node that is seen gone is not removed under the quorum of before.
        """
        identity = self._identify()
        nodes = self._read_nodes()
        quorate = self._ask("cman_is_quorate", self._handle.is_quorate)
        flags = self._ask("cman_get_extra_info", self._handle.get_extra_flags)
        two_node = bool(flags & cman.EXTRA_FLAG_2NODE)
        votes = self._votes(nodes) if self._nodes_away else {}
        fencing_counts = two_node or not _majority(nodes, votes)
        membership = Membership(
            cluster=identity.cluster,
            local_id=identity.local_id,
            quorum=Quorum.QUORATE if quorate else Quorum.INQUORATE,
            two_node=two_node,
            members=self._believe_members(nodes),
            member_votes=_member_votes(nodes, votes),
            absentees=tuple(
                Absentee(
                    id=node.nodeid,
                    name=_text(node.name),
                    votes=votes.get(node.nodeid),
                    fenced=fencing_counts and self._fenced(node.nodeid),
                )
                for node in self._nodes_away
            ),
        )
        return self._same(membership)

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - the answer itself
        """Send the one answer; the library never says whether it arrived."""
        self._ask("cman_replyto_shutdown", self._handle.replyto_shutdown, int(yes))

    def close(self) -> None:
        """See `MembershipSource`. A question that is open then counts as answered with yes."""
        if self._closed:
            return
        self._closed = True
        self._lost = True
        with suppress(OSError):
            self._ask("cman_finish", self._handle.finish)

    def _take_event(self, reason: int, argument: int) -> None:
        """Run inside C, inside `dispatch`: so it does next to nothing."""
        self._events.append(_Event(reason=reason, argument=argument))

    def _ask(self, name: str, call: Callable[[*_Args], _R], *args: *_Args) -> _R:
        """Make a declared call, and tell a dead connection from a failed request."""
        try:
            with self._calls.declare(name):
                return call(*args)
        except OSError as error:
            if error.errno not in GONE_ERRNOS:
                raise
            self._lost = True
            raise ManagerGoneError(error.errno, error.strerror) from error

    def _identify(self) -> _Identity:
        if self._identity is None:
            cluster = self._ask("cman_get_cluster", self._handle.get_cluster)
            local = self._ask("cman_get_node", self._handle.get_node, cman.NODEID_US)
            self._identity = _Identity(cluster=_text(cluster.name), local_id=local.nodeid)
        return self._identity

    def _read_nodes(self) -> tuple[NodeRecord, ...]:
        """Read the whole list, sorted by id: the very same where it reads as before.

        libcman may call a list that is longer than the buffer a success and fill the buffer from
        an earlier answer. So the count is asked for first, there is head-room, and a buffer that
        comes back full, or a list far from the count, is not believed.
        """
        headroom = NODE_HEADROOM
        for _attempt in range(READ_ATTEMPTS):
            expected = self._ask("cman_get_node_count", self._handle.get_node_count)
            room = expected + headroom
            headroom *= 2
            try:
                count, nodes = self._ask("cman_get_nodes", self._handle.get_nodes, room)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                continue
            if 0 <= count < room:
                if nodes != self._listed:
                    self._listed = nodes
                    self._nodes = tuple(sorted(nodes, key=_id_of))
                    self._nodes_away = tuple(node for node in self._nodes if not node.member)
                return self._nodes
        raise cman.CmanError(errno.EINVAL, "cman_get_nodes")

    def _votes(self, nodes: Sequence[NodeRecord]) -> dict[int, int]:
        """Ask for everybody's votes while a node is away: they decide whether its entry may go."""
        real = [node for node in nodes if node.nodeid != QUORUM_DISK_ID]
        votes: dict[int, int] = {}
        if all(node.member for node in real):
            return votes
        for node in real:
            try:
                votes[node.nodeid] = self._ask(
                    "cman_get_node_extra", self._handle.get_node_votes, node.nodeid
                )
            except OSError as error:
                # cman forgot the node since the list was read; its state change is on the way.
                if error.errno != errno.EINVAL:
                    raise
        return votes

    def _believe_members(self, nodes: tuple[NodeRecord, ...]) -> tuple[Member, ...]:
        """Turn records into members, those that read as they did before into the same ones."""
        if self._believed is not None and self._believed[0] is nodes:
            return self._believed[1]
        before, self._members = self._members, {}
        members = []
        for node in nodes:
            if not node.member:
                continue
            member = before.get(node)
            if member is None:
                member = Member(
                    id=node.nodeid,
                    name=_text(node.name),
                    incarnation=node.incarnation,
                    addresses=self._addresses(node),
                )
            # Interfaces that the record does not show are asked for each time.
            if _has_ipv4(member.addresses[:1]) and not self._every_address:
                self._members[node] = member
            members.append(member)
        whole = len(self._members) == len(members)
        self._believed = (nodes, tuple(members)) if whole else None
        return tuple(members)

    def _addresses(self, node: NodeRecord) -> tuple[str, ...]:
        """The address in the list is the first interface's; the others must be asked for.

        That is done only for a member without IPv4 there. The quorum disk has no address: what
        stands in its field is left over from the node before it.
        """
        if node.nodeid == QUORUM_DISK_ID:
            return ()
        first = address_text(node.address, node.address_length)
        found = [] if first is None else [first]
        if self._every_address:
            return self._rings(node.nodeid, first)
        if _has_ipv4(found):
            return tuple(found)
        for length, sockaddr in self._interfaces(node.nodeid):
            text = address_text(sockaddr, length)
            if text is not None and text not in found:
                found.append(text)
        return tuple(found)

    def _rings(self, nodeid: int, first: str | None) -> tuple[str, ...]:
        """Return each ring's address at its place; where none is told, the one of the list."""
        told = [address_text(sockaddr, length) for length, sockaddr in self._interfaces(nodeid)]
        return tuple(text or "" for text in told or [first])

    def _interfaces(self, nodeid: int) -> tuple[tuple[int, bytes], ...]:
        try:
            return self._ask("cman_get_node_addrs", self._handle.get_node_addrs, nodeid)
        except OSError as error:
            # cman forgot the node since the list was read; its state change is on the way.
            if error.errno == errno.EINVAL:
                return ()
            raise

    def _fenced(self, nodeid: int) -> bool:
        """A refusal means that cman vouches for nothing, as 0 does."""
        if nodeid == QUORUM_DISK_ID:
            return False
        try:
            return bool(self._ask("cman_get_fenceinfo", self._handle.get_fenceinfo, nodeid).fenced)
        except ManagerGoneError:
            raise
        except OSError:
            return False


def _member_votes(nodes: Sequence[NodeRecord], votes: Mapping[int, int]) -> int | None:
    """Return the members' votes together; None where one's are not known, or none were asked."""
    ours = [votes.get(one.nodeid) for one in nodes if one.member and one.nodeid != QUORUM_DISK_ID]
    known = [each for each in ours if each is not None]
    return sum(known) if votes and len(known) == len(ours) else None


def _majority(nodes: Sequence[NodeRecord], votes: Mapping[int, int]) -> bool:
    """True where members have more than half of the votes: then fencing need not be asked for."""
    if not votes:
        return True
    return 2 * sum(votes.get(node.nodeid, 0) for node in nodes if node.member) > sum(votes.values())


def connect_cman(
    table: LibcmanTable, calls: CallBoard, *, every_address: bool = False
) -> MembershipSource:
    """Open a connection and subscribe: a `Connect` once its arguments are bound.

    Args:
        table: the library.
        calls: where calls are declared.
        every_address: see `CmanSource`.

    Raises:
        OSError: with the library's errno: ENOENT (cman is not running), ECONNREFUSED (it crashed),
            EACCES (not root), EHOSTDOWN or ECONNRESET (it died while we connected).
    """
    source = CmanSource(open_cman(table, calls), calls, every_address=every_address)
    try:
        source.subscribe()
    except BaseException as error:
        source.close()
        if isinstance(error, ManagerGoneError):
            raise ManagerGoneError(error.errno, "cman ended during the connect") from error
        raise
    return source


def open_cman(table: LibcmanTable, calls: CallBoard) -> LibcmanHandle:
    """Open a connection that is told nothing.

    Raises:
        OSError: with the library's errno, and what it means for the operator.
    """
    try:
        with calls.declare("cman_init"):
            return table.init()
    except OSError as error:
        meaning = _NO_CONNECTION.get(error.errno or 0)
        if meaning is None:
            raise
        raise OSError(error.errno, meaning) from error


def _notices(event: _Event) -> tuple[Notice, ...]:
    """Translate; ports and reasons that nobody knows are no concern of ours."""
    match event.reason:
        case cman.REASON_STATECHANGE:
            return (StateChange(quorate=bool(event.argument)),)
        case cman.REASON_TRY_SHUTDOWN:
            return (
                ShutdownAsked(
                    forced=bool(event.argument & cman.SHUTDOWN_ANYWAY),
                    removed=bool(event.argument & cman.SHUTDOWN_REMOVED),
                ),
            )
        case cman.REASON_CONFIG_UPDATE:
            return (ConfigChange(version=event.argument),)
        case _:
            return ()


def _has_ipv4(addresses: Sequence[str]) -> bool:
    return any(":" not in address for address in addresses)


def _text(field: bytes) -> str:
    """Decode a name field, which may lack its NUL and may hold any bytes."""
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")
