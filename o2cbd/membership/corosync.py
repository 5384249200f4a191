"""Membership from corosync 3: what its libraries say, turned into what can be believed.

Three connections, one a library, each with a descriptor of its own. Who is a member and whether
that is quorate come together in libquorum's events, so that no node is seen gone under the quorum
of before; libcmap says how nodes are called, libcfg under which addresses they are.
"""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, suppress
from typing import Final, TypeVar

from o2cbd.calls import CallBoard
from o2cbd.core.events import ManagerLost, Notice
from o2cbd.core.frozen import frozen
from o2cbd.core.memo import same_if_equal
from o2cbd.core.model import Absentee, Member, Membership, Quorum
from o2cbd.membership import libcorosync_table as cs
from o2cbd.membership.corosync_addresses import (
    RECORDS,
    addresses_by_ring,
    has_names,
    recorded_ids,
    recorded_links,
)
from o2cbd.membership.corosync_calls import Calls, Keys, Pause
from o2cbd.membership.corosync_inbox import RELOAD_KEY, VERSION_KEY, Inbox, View
from o2cbd.membership.corosync_nodes import Blocks, ListedNode, NodeList, read_nodes
from o2cbd.membership.interface import ManagerGoneError, MembershipSource
from o2cbd.membership.libcorosync_table import (
    CfgHandle,
    CmapHandle,
    CorosyncError,
    CorosyncHandle,
    CorosyncTable,
    QuorumHandle,
)
from o2cbd.membership.sockaddr import address_text

READ_ATTEMPTS: Final = 5
"""How often the node list is read when reloads come in between."""

_NO_CONNECTION: Final = {
    cs.CS_ERR_LIBRARY: (errno.ECONNREFUSED, "corosync is not running"),
    cs.CS_ERR_TRY_AGAIN: (errno.EAGAIN, "corosync is running and not ready yet"),
    cs.CS_ERR_ACCESS: (
        errno.EACCES,
        "corosync admits only root and users in a uidgid {} block of its configuration",
    ),
}

_OLD_LIBQUORUM: Final = (
    "this libquorum (before 3.1.0) reports members only with a quorum provider: configure one,"
    " quorum { provider: corosync_votequorum }"
)

_NOT_LISTED: Final = ListedNode()

_Handle = TypeVar("_Handle", bound=CorosyncHandle)


@frozen
class Connections:
    """One of each library's."""

    quorum: QuorumHandle
    cmap: CmapHandle
    cfg: CfgHandle

    def each(self) -> tuple[tuple[str, CorosyncHandle], ...]:
        """Return them with the prefixes of their functions."""
        return (("quorum", self.quorum), ("cmap", self.cmap), ("corosync_cfg", self.cfg))


class CorosyncSource:
    """The connections to one corosync, as a `MembershipSource`."""

    def __init__(self, to: Connections, inbox: Inbox, calls: Calls) -> None:
        """Take over connections that are told nothing yet.

        Args:
            to: the connections; the source closes them.
            inbox: what their callbacks fill.
            calls: how they are called.
        """
        self._to = to
        self._inbox = inbox
        self._calls = calls
        self._keys = Keys(calls, to.cmap)
        self._first_ring = 0
        self._members: dict[int, Member] = {}
        self._same = same_if_equal(Membership)
        self._lost = False
        self._closed = False
        # One descriptor for all: readable while one of them is, or while something is in the inbox.
        self._any = select.epoll()
        self._queued = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._any.register(self._queued, select.EPOLLIN)

    def listen(self, *, subscribe: bool, vote: bool) -> None:
        """Have the present state told; once, before anything else.

        Args:
            subscribe: have every ring told, too.
            vote: be asked before a shutdown.

        Raises:
            OSError: with what the libraries said.
        """
        for prefix, handle in self._to.each():
            fd = self._calls.ask(f"{prefix}_fd_get", handle.fd_get)
            self._any.register(fd, select.EPOLLIN)
        # The version's value comes with a reload's events: dispatch makes no requests.
        self._track(VERSION_KEY)
        self._track(RELOAD_KEY)
        self._inbox.version = self._keys.number(VERSION_KEY)
        wanted = cs.TRACK_CHANGES if subscribe else cs.TRACK_CURRENT
        self._calls.ask("quorum_trackstart", lambda: self._to.quorum.trackstart(wanted))
        self._calls.drain("quorum_dispatch", self._to.quorum)
        self._inbox.take()  # whoever connects reads all anyway
        self._first_ring = 0 if self._inbox.view is None else self._inbox.view.ring
        if vote:
            self._calls.ask("corosync_cfg_trackstart", self._to.cfg.trackstart)

    def _track(self, key: str) -> None:
        flags = cs.CMAP_TRACK_ADD | cs.CMAP_TRACK_MODIFY
        self._calls.ask(
            "cmap_track_add", lambda: self._to.cmap.track_add(key, flags, self._inbox.on_key)
        )

    def fileno(self) -> int:
        """Return the one descriptor; it is the same for the connection's life."""
        if self._closed:
            raise OSError(errno.EBADF, "the connection to corosync is closed")
        return self._any.fileno()

    def dispatch(self) -> tuple[Notice, ...]:
        """Deliver all that is there. See `MembershipSource`."""
        if self._lost:
            return ()
        death: tuple[Notice, ...] = ()
        try:
            for prefix, handle in self._to.each():
                self._calls.drain(f"{prefix}_dispatch", handle)
        except ManagerGoneError as error:
            self._lost = True
            death = (ManagerLost(errno=error.errno or errno.EHOSTDOWN),)
        with suppress(BlockingIOError):
            os.eventfd_read(self._queued)
        return (*self._inbox.take(), *death)

    def snapshot(self) -> Membership:
        """Read everything anew. See `MembershipSource`.

        libquorum's events are taken for that, as far as they are there; what they give notice of
        stays to be told by `dispatch`.
        """
        try:
            return self._read()
        except ManagerGoneError:
            self._lost = True
            raise
        finally:
            if not self._inbox.empty:
                os.eventfd_write(self._queued, 1)

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - the answer itself
        """Send the one answer; the library never says whether it was heeded."""
        try:
            self._calls.ask(
                "corosync_cfg_replyto_shutdown", lambda: self._to.cfg.replyto_shutdown(int(yes))
            )
        except ManagerGoneError:
            self._lost = True
            raise

    def close(self) -> None:
        """See `MembershipSource`. A question that is open then counts as answered with yes."""
        if self._closed:
            return
        self._closed = True
        self._lost = True
        self._any.close()
        os.close(self._queued)
        for prefix, handle in self._to.each():
            _finalize(self._calls, prefix, handle)

    # --- reading

    def _read(self) -> Membership:
        view = self._read_view()
        local_id = self._calls.ask("corosync_cfg_local_get", self._to.cfg.local_get)
        blocks = self._read_blocks(local_id, view.members)
        before, self._members = self._members, {}
        for node_id in sorted(view.members):
            place = blocks.found.get(node_id)
            if place is None:
                known, there = _NOT_LISTED, self._joined_with(node_id)
            else:
                known, there = blocks.listing.nodes[place], blocks.addresses[place]
            now = Member(
                id=node_id,
                name=known.name,
                incarnation=self._incarnation(node_id, local_id),
                addresses=there,
                advice=known.advice,
                votes=None if place is None else known.votes,
                listed=place is not None and known.id in {0, node_id},
            )
            was = before.get(node_id)
            # Nearly all are as they were: then they are the very same values.
            self._members[node_id] = was if was is not None and was == now else now
        provided = self._inbox.has_provider
        judged = Quorum.QUORATE if view.quorate else Quorum.INQUORATE
        membership = Membership(
            cluster=self._keys.text("totem.cluster_name"),
            local_id=local_id,
            quorum=judged if provided else Quorum.UNKNOWN,
            two_node=bool(self._keys.number("runtime.votequorum.two_node")),
            members=tuple(self._members.values()),
            absentees=_absentees(blocks, self._members),
        )
        return self._same(membership)

    def _read_blocks(self, local_id: int, members: Sequence[int]) -> Blocks:
        listing = self._read_list()
        blocks = Blocks(listing=listing, addresses=self._addresses(listing.nodes, local_id))
        if listing.local is not None:
            blocks.found[local_id] = listing.local
        blocks.find(members, self._joined_with)
        if blocks.left():
            blocks.find(recorded_ids(self._keys.names(RECORDS)), self._joined_with)
        return blocks

    def _read_view(self) -> View:
        self._calls.drain("quorum_dispatch", self._to.quorum)
        if self._inbox.view is None:
            raise CorosyncError(cs.CS_ERR_TRY_AGAIN, "quorum_dispatch")
        return self._inbox.view

    def _read_list(self) -> NodeList:
        """Read the node list in one piece: a reload that came meanwhile has been announced."""
        for _attempt in range(READ_ATTEMPTS):
            before = self._inbox.reload_events
            nodes = read_nodes(self._keys)
            self._calls.drain("cmap_dispatch", self._to.cmap)
            if self._inbox.reload_events == before and not self._inbox.reloading:
                return nodes
        raise CorosyncError(cs.CS_ERR_TRY_AGAIN, "cmap_iter_next")

    def _incarnation(self, node_id: int, local_id: int) -> int:
        if node_id == local_id:
            # We are always joined once in our own eyes. The ring in which this connection began
            # tells what must be told: that a restarted corosync counts all the others anew.
            return self._first_ring
        return self._keys.number(f"{RECORDS}{node_id}.join_count")

    def _addresses(self, nodes: Sequence[ListedNode], local_id: int) -> list[tuple[str, ...]]:
        """Return the addresses of each listed node by ring, members and others alike."""
        named = [node for node in nodes if node.id and has_names(node)]
        answers = {node.id: self._answer(node.id) for node in named}
        several = any(len(node.rings) > 1 for node in named)
        recorded = self._recorded(local_id) if several else {}
        return addresses_by_ring(nodes, answers, local_id, recorded)

    def _answer(self, node_id: int) -> tuple[str, ...]:
        """Ask what a listed node's links are to corosync; it need not be a member."""
        try:
            raw = self._calls.ask(
                "corosync_cfg_get_node_addrs", lambda: self._to.cfg.get_node_addrs(node_id)
            )
        except CorosyncError as error:
            if error.code != cs.CS_ERR_NOT_EXIST:
                raise
            return ()
        return tuple(address_text(sockaddr, length) or "" for length, sockaddr in raw)

    def _recorded(self, node_id: int) -> dict[int, str]:
        """Return the addresses with which a node joined first, by ring."""
        return recorded_links(self._keys.text(f"{RECORDS}{node_id}.ip"))

    def _joined_with(self, node_id: int) -> tuple[str, ...]:
        return tuple(self._recorded(node_id).values())


def _absentees(blocks: Blocks, members: Collection[int]) -> tuple[Absentee, ...]:
    """Return the blocks that are about no member under the id which they have."""
    known = {place: node_id for node_id, place in blocks.found.items()}
    absentees = []
    for place, node in enumerate(blocks.listing.nodes):
        node_id = known.get(place, node.id)
        another = node.id not in {0, node_id}
        if place in known and node_id in members and not another:
            continue
        absentees.append(
            Absentee(
                id=node.id or node_id,
                name=node.name,
                addresses=blocks.addresses[place],
                advice=node.advice,
                votes=node.votes,
                runs_as=node_id if another and node_id in members else None,
                ran_as=node_id if another and node_id not in members else None,
            )
        )
    return tuple(sorted(absentees, key=lambda one: one.id))


def connect_corosync(table: CorosyncTable, board: CallBoard, pause: Pause) -> MembershipSource:
    """Connect, subscribe and become a voter: a `Connect` once its arguments are bound.

    Args:
        table: the libraries; where they know no shutdown question, there is no vote.
        board: where calls are declared.
        pause: lets the thread wait before a busy corosync is asked again.

    Raises:
        OSError: ECONNREFUSED (corosync is not running), EAGAIN (not ready yet), EACCES (not root),
            ENOTSUP (the library is too old for a cluster without a quorum provider).
    """
    return _connect(table, Calls(board, pause), subscribe=True, vote=table.can_vote)


def open_corosync(table: CorosyncTable, board: CallBoard, pause: Pause) -> MembershipSource:
    """Connect to read once: told of no ring, and asked nothing.

    Raises:
        OSError: as `connect_corosync`.
    """
    return _connect(table, Calls(board, pause), subscribe=False, vote=False)


def _connect(table: CorosyncTable, calls: Calls, *, subscribe: bool, vote: bool) -> CorosyncSource:
    inbox = Inbox()
    with ExitStack() as opened:

        def keep(prefix: str, name: str, initialize: Callable[[], _Handle]) -> _Handle:
            handle = _initialize(calls, name, initialize)
            opened.callback(_finalize, calls, prefix, handle)
            return handle

        quorum = keep(
            "quorum",
            "quorum_initialize",
            lambda: table.quorum_initialize(inbox.on_quorum, inbox.on_nodelist),
        )
        inbox.has_provider = quorum.quorum_type == cs.QUORUM_SET
        if quorum.model == 0 and not inbox.has_provider:
            raise OSError(errno.ENOTSUP, _OLD_LIBQUORUM)
        cmap = keep("cmap", "cmap_initialize", table.cmap_initialize)
        cfg = keep(
            "corosync_cfg",
            "corosync_cfg_initialize",
            lambda: table.cfg_initialize(inbox.on_shutdown),
        )
        source = CorosyncSource(Connections(quorum=quorum, cmap=cmap, cfg=cfg), inbox, calls)
        opened.pop_all()
    try:
        source.listen(subscribe=subscribe, vote=vote)
    except BaseException as error:
        source.close()
        if isinstance(error, ManagerGoneError):
            detail = "corosync ended during the connect"
            raise ManagerGoneError(error.errno, detail) from error
        raise
    return source


def _initialize(calls: Calls, name: str, initialize: Callable[[], _Handle]) -> _Handle:
    try:
        return calls.try_to(name, initialize)
    except CorosyncError as error:
        meaning = _NO_CONNECTION.get(error.code)
        if meaning is None:
            raise
        raise OSError(*meaning) from error


def _finalize(calls: Calls, prefix: str, handle: CorosyncHandle) -> None:
    with suppress(OSError):
        calls.ask(f"{prefix}_finalize", handle.finalize)
