"""One client of one node's daemon: every request of cman's protocol as a method."""

from __future__ import annotations

import dataclasses
import enum
import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from fakecluster.cman.answers import (
    ClusterInfo,
    Delivery,
    ExtraInfo,
    FenceInfo,
    NodeEntry,
    NodeExtra,
    PortData,
    Version,
)
from fakecluster.cman.constants import (
    CMAN_VERSION,
    QDISK_QUERY_ID,
    ExtraFlag,
    LeaveFlag,
    NodeState,
)
from fakecluster.cman.errors import CmanError, ConnectionGoneError, ManagerStuckError
from fakecluster.cman.nodelist import Disk, Peer
from fakecluster.cman.timings import Profile

if TYPE_CHECKING:
    from fakecluster.cman.daemon import Daemon

Deliver = Callable[[Delivery], None]
"""Called with each notice, configuration change and message, in order."""
Closed = Callable[[], None]
"""Called once when the daemon drops the client; not when the client disconnects itself."""
Status = Callable[[int], None]
"""Called with the status of a reply that comes later: 0 or -errno."""


class Kind(enum.Enum):
    """Which socket a client came through."""

    CLIENT = "client"
    ADMIN = "admin"


class Client:
    """A connection; made by `Engine.connect`.

    Every request raises `CmanError` with the daemon's refusal (EPERM: admin only, asked on a client
    socket; EINVAL: not on an admin socket), `ConnectionGoneError` when the daemon is gone, and
    `ManagerStuckError` while it is stopped (a wire server reads nothing then).
    """

    def __init__(
        self, daemon: Daemon, kind: Kind, deliver: Deliver | None, closed: Closed | None
    ) -> None:
        self.kind = kind
        self.open = True
        """Neither disconnected nor dropped by the daemon."""
        self.notified = False
        """It asked for notices; changed by the requests alone, as are the next three."""
        self.told_confchg = False
        self.answered = False
        """It answered the shutdown question that is out."""
        self.answered_no = False
        self._daemon = daemon
        self._deliver = deliver
        self._closed = closed
        self._unread = False

    # -- the connection itself

    def disconnect(self) -> None:
        """The client closed its end or died (or was thrown out); may be called twice."""
        if not self.open:
            return
        self.open = False
        self._daemon.run(self._forget)

    def deliver(self, delivery: Delivery) -> None:
        """Hand over what the daemon sends; for the daemon alone."""
        if self.open and self._deliver is not None:
            self._deliver(delivery)

    def dropped(self) -> None:
        """The daemon ended; for the daemon alone."""
        if self.open:
            self.open = False
            if self._closed is not None:
                self._closed()

    def death_errno(self) -> int:
        """Return what the next look at the dead connection says.

        EHOSTDOWN, and ECONNRESET the first time where a request lay unread in the socket.
        """
        code = errno.ECONNRESET if self._unread else errno.EHOSTDOWN
        self._unread = False
        return code

    def _forget(self) -> None:
        daemon = self._daemon
        daemon.clients.pop(self, None)
        daemon.desk.client_gone(self)
        for port in [port for port, owner in daemon.ports.items() if owner is self]:
            del daemon.ports[port]
            self._tell_port(opened=False)

    def _ask(self) -> Daemon:
        daemon = self._daemon
        if not self.open or not daemon.alive:
            raise ConnectionGoneError(self.death_errno())
        self._unread = daemon.frozen
        if daemon.frozen:
            raise ManagerStuckError(f"the cman of node {daemon.node_id} is stopped")
        return daemon

    def _as_member(self) -> Daemon:
        daemon = self._ask()
        if not daemon.is_member:
            raise CmanError(errno.ENOENT)
        return daemon

    def _as_admin(self) -> Daemon:
        daemon = self._ask()
        if self.kind is not Kind.ADMIN:
            raise CmanError(errno.EPERM)
        return daemon

    def _as_client(self) -> Daemon:
        daemon = self._ask()
        if self.kind is not Kind.CLIENT:
            raise CmanError(errno.EINVAL)
        return daemon

    # -- notices

    def start_notification(self) -> None:
        """NOTIFY. While a shutdown is asked the question is delivered before this returns."""
        daemon = self._as_client()
        if not self.notified:
            self.notified = True
            daemon.desk.listener_added(self)

    def stop_notification(self) -> None:
        """REMOVENOTIFY. An answer that is due stays due."""
        self._ask()
        self.notified = False

    def start_confchg(self) -> None:
        """START_CONFCHG."""
        self._ask()
        self.told_confchg = True

    def stop_confchg(self) -> None:
        """STOP_CONFCHG."""
        self._ask()
        self.told_confchg = False

    # -- reading

    def get_all_members(self) -> tuple[NodeEntry, ...]:
        """GETALLMEMBERS: every node by id, the quorum disk last. ENOENT: not a member yet."""
        daemon = self._as_member()
        if daemon.read_errnos:
            raise CmanError(daemon.read_errnos.popleft())
        return daemon.nodes.entries()

    def get_node(self, node_id: int, name: str = "") -> NodeEntry:
        """GETNODE by name, else by id (0 us, -1 the quorum disk). ENOENT: unknown."""
        daemon = self._as_member()
        nodes = daemon.nodes
        if not name and node_id == QDISK_QUERY_ID:
            if nodes.disk is None:
                raise CmanError(errno.ENOENT)
            return nodes.disk_entry(nodes.disk)
        peer = nodes.find_name(name) if name else nodes.find(node_id or daemon.node_id)
        if peer is None:
            raise CmanError(errno.ENOENT)
        return nodes.entry(peer)

    def get_node_extra(self, node_id: int) -> NodeExtra:
        """GETNODE_EXTRA (0 is us). EINVAL: unknown."""
        daemon = self._as_member()
        peer = self._peer(daemon, node_id, errno.EINVAL)
        return NodeExtra(
            node_id=node_id,
            state=peer.state,
            votes=peer.votes,
            expected_votes=peer.expected_votes,
            leave_reason=peer.leave_reason,
        )

    def get_node_addrs(self, node_id: int) -> tuple[str, ...]:
        """GET_NODEADDRS (0 is us): all addresses of a member, none of another. EINVAL: unknown."""
        peer = self._peer(self._ask(), node_id, errno.EINVAL)
        return peer.addresses if peer.state is NodeState.MEMBER else ()

    def get_node_count(self) -> int:
        """GETNODECOUNT."""
        return len(self._ask().nodes.entries())

    def get_cluster(self) -> ClusterInfo:
        """GETCLUSTER; works before the first transition."""
        daemon = self._ask()
        return ClusterInfo(
            name=daemon.world.cluster,
            number=daemon.world.number,
            generation=daemon.generation & 0xFFFFFFFF,
        )

    def get_version(self) -> Version:
        """GET_VERSION."""
        return Version(config=self._ask().config.version)

    def get_extra_info(self) -> ExtraInfo:
        """GETEXTRAINFO."""
        daemon = self._ask()
        us = daemon.nodes.find(daemon.node_id)
        return ExtraInfo(
            node_state=us.state if us is not None and daemon.is_member else NodeState.JOINING,
            flags=_extra_flags(daemon),
            node_votes=daemon.config.votes_of(daemon.node_id) if us is None else us.votes,
            total_votes=daemon.total_votes,
            expected_votes=daemon.nodes.highest_expected,
            quorum=daemon.quorum,
            members=daemon.nodes.member_count,
            ports=tuple(sorted(daemon.ports)),
            multicasts=tuple(_multicast(each, daemon.world.number) for each in daemon.addresses),
            interfaces=daemon.addresses,
        )

    def get_join_count(self) -> int:
        """GET_JOINCOUNT: open connections of both kinds."""
        return len(self._ask().clients)

    def is_quorate(self) -> bool:
        """ISQUORATE; works before the first transition."""
        return self._ask().quorate

    def is_active(self) -> bool:
        """ISACTIVE: this node is a member."""
        return self._ask().is_member

    def is_listening(self, port: int, node_id: int) -> bool:
        """ISLISTENING. ENOENT: unknown node; ENOTCONN: not a member."""
        daemon = self._ask()
        peer = self._peer(daemon, node_id, errno.ENOENT)
        other = daemon.world.daemon_of(peer.node_id)
        if peer.state is not NodeState.MEMBER or other is None:
            raise CmanError(errno.ENOTCONN)
        return port in other.ports

    def get_fence_info(self, node_id: int) -> FenceInfo:
        """GET_FENCE_INFO. EINVAL: unknown node."""
        daemon = self._ask()
        peer = self._peer(daemon, node_id, errno.EINVAL)
        return daemon.fences.get(peer.node_id, FenceInfo(node_id=peer.node_id))

    @staticmethod
    def _peer(daemon: Daemon, node_id: int, unknown: int) -> Peer:
        peer = daemon.nodes.find(node_id or daemon.node_id)
        if peer is None:
            raise CmanError(unknown)
        return peer

    # -- ports

    def bind(self, port: int) -> None:
        """BIND. EADDRINUSE: somebody here has it, or this client has one."""
        daemon = self._as_client()
        if port in daemon.ports or self in daemon.ports.values():
            raise CmanError(errno.EADDRINUSE)
        daemon.ports[port] = self
        self._tell_port(opened=True)

    def _tell_port(self, *, opened: bool) -> None:
        daemon = self._daemon
        daemon.world.send(
            daemon,
            lambda other: other.port_changed(daemon.node_id, opened=opened),
            after_us=daemon.timings.hop_us,
            itself=False,
        )

    def send_data(self, node_id: int, port: int, payload: bytes) -> None:
        """DATA to a node, or to all with 0; a reply only on error. ENOTCONN: not a member."""
        daemon = self._as_client()
        data = PortData(from_node_id=daemon.node_id, port=port, payload=payload)
        hop_us = daemon.timings.hop_us
        if not node_id:
            daemon.world.send(
                daemon, lambda other: other.receive(data), after_us=hop_us, itself=False
            )
            return
        if self._peer(daemon, node_id, errno.ENOTCONN).state is not NodeState.MEMBER:
            raise CmanError(errno.ENOTCONN)
        daemon.world.send_to(daemon, node_id, lambda other: other.receive(data), after_us=hop_us)

    # -- shutdown and leaving

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - the answer itself
        """SHUTDOWN_REPLY: never answered, never fails; each one counts, a second one too.

        While the daemon is stopped it waits in the socket.
        """
        if self.open:
            self._daemon.run(lambda: self._daemon.desk.answer(self, yes=yes))

    def try_shutdown(self, flags: int, reply: Status) -> None:
        """TRY_SHUTDOWN (admin). The status comes through `reply`, later.

        0 twice where nobody listens (at once and at the daemon's end), else 0 or -EBUSY once.
        EALREADY is raised: one is pending, or the node leaves already.
        """
        self._as_admin().desk.ask(flags, self, reply)

    def leave_cluster(self, flags: int) -> None:
        """LEAVE_CLUSTER (admin): leaves at once, nobody is asked."""
        removed = flags & ~LeaveFlag.FORCE == LeaveFlag.REMOVED
        self._as_admin().leave(removed=removed)

    def kill_node(self, node_id: int) -> None:
        """KILLNODE (admin). EINVAL: unknown or not a member."""
        daemon = self._as_admin()
        peer = daemon.nodes.find(node_id)
        if peer is None or peer.state is not NodeState.MEMBER:
            raise CmanError(errno.EINVAL)
        daemon.kill(node_id)

    # -- administration

    def set_version(self, version: Version) -> None:
        """SET_VERSION (admin): every node re-reads its configuration. EINVAL: not 6.2.0."""
        daemon = self._as_admin()
        if (version.major, version.minor, version.patch) != CMAN_VERSION:
            raise CmanError(errno.EINVAL)
        daemon.world.announce_version(daemon, version.config)

    def set_votes(self, node_id: int, votes: int) -> None:
        """SET_VOTES (admin; 0 is us). ENOENT: unknown node; EINVAL: not 0..255."""
        daemon = self._as_admin()
        peer = self._peer(daemon, node_id, errno.ENOENT)
        if not 0 <= votes <= 255:
            raise CmanError(errno.EINVAL)
        target = peer.node_id
        self._everywhere(lambda each: each.set_votes(target, votes))

    def set_expected_votes(self, votes: int) -> None:
        """SETEXPECTED_VOTES (admin): quorum may go down. EINVAL: less than 1."""
        self._as_admin()
        if votes < 1:
            raise CmanError(errno.EINVAL)
        self._everywhere(lambda each: each.set_expected_votes(votes))

    def update_fence_info(self, info: FenceInfo) -> None:
        """UPDATE_FENCE_INFO (admin): told to every node. EINVAL: unknown node."""
        peer = self._peer(self._as_admin(), info.node_id, errno.EINVAL)
        known = dataclasses.replace(info, node_id=peer.node_id, fenced=True)
        self._everywhere(lambda each: each.learn_fencing(known))

    def _everywhere(self, act: Callable[[Daemon], None]) -> None:
        daemon = self._daemon
        daemon.world.send(daemon, act, after_us=daemon.timings.hop_us, itself=True)

    def register_quorum_device(self, name: str, votes: int) -> None:
        """REG_QUORUMDEV (admin). EBUSY: there is one."""
        daemon = self._as_admin()
        if daemon.nodes.disk is not None:
            raise CmanError(errno.EBUSY)
        daemon.register_disk(name, votes)

    def unregister_quorum_device(self) -> None:
        """UNREG_QUORUMDEV (admin). EINVAL: there is none."""
        daemon = self._as_admin()
        self._disk(daemon)
        daemon.poll_disk(available=False)
        daemon.nodes.disk = None
        daemon.nodes.touch()

    def poll_quorum_device(self, available: bool) -> None:  # noqa: FBT001 - the poll's result
        """POLL_QUORUMDEV (admin). EINVAL: there is none."""
        daemon = self._as_admin()
        self._disk(daemon)
        daemon.poll_disk(available=available)

    def update_quorum_device(self, name: str, votes: int) -> None:
        """UPDATE_QUORUMDEV (admin, profile B). EINVAL: there is none, or profile A."""
        daemon = self._as_admin()
        disk = self._disk(daemon)
        if daemon.world.profile is Profile.A:
            raise CmanError(errno.EINVAL)
        disk.name, disk.votes = name, votes
        daemon.nodes.touch()
        daemon.recalculate()

    @staticmethod
    def _disk(daemon: Daemon) -> Disk:
        if daemon.nodes.disk is None:
            raise CmanError(errno.EINVAL)
        return daemon.nodes.disk

    def set_dirty(self) -> None:
        """SET_DIRTY (admin)."""
        self._as_admin().dirty = True

    def set_debuglog(self, level: int) -> None:
        """SET_DEBUGLOG (admin): the level is noted in the trace, there is no other log."""
        self._as_admin().trace("debug level", str(level))


def _extra_flags(daemon: Daemon) -> int:
    flags = ExtraFlag(0)
    if daemon.config.two_node:
        flags |= ExtraFlag.TWO_NODE
    if daemon.desk.pending:
        flags |= ExtraFlag.SHUTDOWN
    if daemon.dirty:
        flags |= ExtraFlag.DIRTY
    return int(flags)


def _multicast(interface: str, number: int) -> str:
    """The group address that cman makes of a cluster's number when none is configured."""
    if ":" in interface:
        return f"ff15::{number:x}"
    return f"239.192.{number >> 8}.{number & 0xFF}"
