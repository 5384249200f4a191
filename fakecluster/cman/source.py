"""An engine's node as a membership source, in process: what the simulator gives the agent.

It stands where `o2cbd.membership.cman` stands in production and follows the same rules, but below
it there is no library and no byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter

from fakecluster.cman.answers import Delivery, NodeEntry
from fakecluster.cman.answers import Notice as CmanNotice
from fakecluster.cman.client import Client, SocketKind
from fakecluster.cman.constants import (
    QDISK_LISTED_ID,
    US,
    CmanState,
    ExtraFlag,
    Reason,
    ShutdownFlag,
)
from fakecluster.cman.engine import Engine
from fakecluster.cman.errors import ConnectionGoneError, RequestRefusedError
from o2cbd.core.events import ConfigChange, ManagerLost, Notice, ShutdownAsked, StateChange
from o2cbd.core.memo import gap
from o2cbd.core.model import Absentee, Member, Membership, Quorum
from o2cbd.membership.interface import Connect, ManagerGoneError, MembershipSource

_id_of = attrgetter("id")

NO_DESCRIPTOR = -1
"""What `fileno` returns: there is nothing to poll, `on_readable` says when to look."""

_Said = tuple[str, int, Quorum, bool]
"""Cluster, local id, quorum, two_node: all of a reading but the nodes."""


class EngineSource:
    """One connection, as a `MembershipSource`.

    While the node's daemon is stopped a request raises `ManagerStuckError`, which no real source
    does: whoever drives the agent must not let it move then (`Engine.is_stopped`).
    """

    def __init__(
        self,
        engine: Engine,
        node_id: int,
        on_readable: Callable[[], None] | None,
        *,
        every_address: bool,
    ) -> None:
        self._every_address = every_address
        self._on_readable = on_readable
        self._notices: list[Notice] = []
        self._lost = False
        self._identity: tuple[str, int] | None = None
        """The cluster's name and our id, read once, as the real source does."""
        self._entries: tuple[NodeEntry, ...] = ()
        self._away = False
        self._read: list[Member | Absentee] = []
        """What was made of each of the entries, in their order."""
        self._last: tuple[tuple[NodeEntry, ...], _Said, Membership] | None = None
        """The last reading: the same answers mean the same membership, and are no news. None where
        more was asked for than what stands there."""
        self._client: Client = engine.connect(
            node_id, SocketKind.CLIENT, deliver=self._take, closed=self._wake
        )
        with self._request():
            self._client.start_notification()

    def fileno(self) -> int:
        """Return `NO_DESCRIPTOR`."""
        return NO_DESCRIPTOR

    def dispatch(self) -> tuple[Notice, ...]:
        """See `MembershipSource`. What came before the death is given before it."""
        notices, self._notices = self._notices, []
        if not self._client.open and not self._lost:
            self._lost = True
            notices.append(ManagerLost(errno=self._client.death_errno()))
        return tuple(notices)

    def snapshot(self) -> Membership:
        """See `MembershipSource`. The nodes are read first, so quorum is never older than they."""
        client = self._client
        with self._request():
            if self._identity is None:
                self._identity = (client.get_cluster().name, client.get_node(US).node_id)
            cluster, local_id = self._identity
            entries = client.get_all_members()
            quorate = client.is_quorate()
            two_node = bool(client.get_extra_flags() & ExtraFlag.TWO_NODE.value)
            quorum = Quorum.QUORATE if quorate else Quorum.INQUORATE
            said = (cluster, local_id, quorum, two_node)
            last = self._last
            if last is not None and last[0] is entries and last[1] == said:
                return last[2]
            fencing_counts = two_node or not _majority(entries)
            asked_more = fencing_counts or self._every_address
            self._take_in(entries, fencing_counts=fencing_counts, asked_more=asked_more)
        membership = Membership(
            cluster=cluster,
            local_id=local_id,
            quorum=quorum,
            two_node=two_node,
            # The manager lists the quorum disk last, with id 0.
            members=tuple(sorted([one for one in self._read if type(one) is Member], key=_id_of)),
            absentees=tuple(
                sorted([one for one in self._read if type(one) is Absentee], key=_id_of)
            ),
        )
        self._last = None if asked_more else (entries, said, membership)
        return membership

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - the answer itself
        """See `MembershipSource`; like libcman it never says whether the answer arrived."""
        self._client.reply_shutdown(yes)

    def close(self) -> None:
        """See `MembershipSource`. A question that is open then counts as answered with yes."""
        self._lost = True
        self._client.disconnect()

    def _take_in(
        self, entries: tuple[NodeEntry, ...], *, fencing_counts: bool, asked_more: bool
    ) -> None:
        """Make members and absentees of the entries that are other ones than the last time."""
        if asked_more:  # what does not stand in the entries: who was fenced, other interfaces
            self._entries, self._read = (), []
        away = any(one.state is not CmanState.MEMBER for one in entries)
        if away is not self._away:  # votes are given while a node is away
            self._away = away
            self._entries, self._read = (), []
        start, before_end, now_end = gap(self._entries, entries)
        before = {one.id: one for one in self._read[start:before_end] if type(one) is Absentee}
        self._read[start:before_end] = [
            self._member(each)
            if each.state is CmanState.MEMBER
            else self._absentee(each, before.get(each.node_id), fencing_counts=fencing_counts)
            for each in entries[start:now_end]
        ]
        self._entries = entries

    def _member(self, entry: NodeEntry) -> Member:
        return Member(
            id=entry.node_id,
            name=entry.name,
            incarnation=entry.incarnation,
            addresses=self._addresses(entry),
            votes=entry.votes if self._away and entry.node_id != QDISK_LISTED_ID else None,
        )

    def _addresses(self, entry: NodeEntry) -> tuple[str, ...]:
        """The listed address is the first interface's; others are asked for if it is not IPv4."""
        if entry.node_id == QDISK_LISTED_ID:
            return ()
        if self._every_address:
            return tuple(self._client.get_node_addrs(entry.node_id)) or (entry.address or "",)
        if entry.address and ":" not in entry.address:
            return (entry.address,)
        return tuple(dict.fromkeys(self._client.get_node_addrs(entry.node_id)))

    def _absentee(
        self, entry: NodeEntry, before: Absentee | None, *, fencing_counts: bool
    ) -> Absentee:
        if fencing_counts and entry.node_id != QDISK_LISTED_ID:
            fenced = self._client.get_fence_info(entry.node_id).fenced
            return Absentee(id=entry.node_id, name=entry.name, votes=entry.votes, fenced=fenced)
        # Its entry may be another one for nothing but a stale address.
        votes = None if entry.node_id == QDISK_LISTED_ID else entry.votes
        known = (entry.name, votes, False)
        if before is not None and (before.name, before.votes, before.fenced) == known:
            return before
        return Absentee(id=entry.node_id, name=entry.name, votes=votes)

    def _take(self, delivery: Delivery) -> None:
        if isinstance(delivery, CmanNotice):
            notice = _notice(delivery)
            if notice is not None:
                self._notices.append(notice)
                self._wake()

    def _wake(self) -> None:
        if self._on_readable is not None:
            self._on_readable()

    @contextmanager
    def _request(self) -> Iterator[None]:
        try:
            yield
        except ConnectionGoneError as error:
            self._lost = True
            raise ManagerGoneError(error.code, error.strerror) from error
        except RequestRefusedError as error:
            raise OSError(error.code, error.strerror) from error


def _majority(entries: tuple[NodeEntry, ...]) -> bool:
    nodes = [one for one in entries if one.node_id != QDISK_LISTED_ID]
    here = [one.votes for one in nodes if one.state is CmanState.MEMBER]
    return len(here) == len(nodes) or 2 * sum(here) > sum(one.votes for one in nodes)


def engine_connect(
    engine: Engine,
    node_id: int,
    *,
    on_readable: Callable[[], None] | None = None,
    every_address: bool = False,
) -> Connect:
    """Return what opens a source on one node of an engine.

    Args:
        engine: the cluster.
        node_id: whose daemon.
        on_readable: called, possibly many times, when `dispatch` has something to give.
        every_address: see `o2cbd.membership.cman.CmanSource`.
    """

    def connect() -> MembershipSource:
        return EngineSource(engine, node_id, on_readable, every_address=every_address)

    return connect


def _notice(notice: CmanNotice) -> Notice | None:
    match notice.reason:
        case Reason.STATE_CHANGE:
            return StateChange(quorate=bool(notice.arg))
        case Reason.TRY_SHUTDOWN:
            return ShutdownAsked(
                forced=bool(notice.arg & ShutdownFlag.ANYWAY),
                removed=bool(notice.arg & ShutdownFlag.REMOVED),
            )
        case Reason.CONFIG_UPDATE:
            return ConfigChange(version=notice.arg)
        case _:
            # Ports are the business of those who bind them.
            return None
