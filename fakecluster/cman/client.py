"""One client of one node's daemon: every request of cman's protocol as a method."""

from __future__ import annotations

import dataclasses
import errno
from typing import NamedTuple

from fakecluster.cman.answers import (
    ClusterInfo,
    ExtraInfo,
    FenceInfo,
    NodeEntry,
    NodeExtra,
    OnStatus,
    PortData,
    Version,
)
from fakecluster.cman.client_end import ClientEnd, Closed, Deliver, SocketKind
from fakecluster.cman.constants import (
    CMAN_VERSION,
    MAX_PORT,
    MAX_VOTES,
    QDISK_QUERY_ID,
    CmanState,
    ExtraFlag,
    LeaveFlag,
)
from fakecluster.cman.context import Effect
from fakecluster.cman.errors import ConnectionGoneError, ManagerStuckError, RequestRefusedError
from fakecluster.cman.nodelist import Disk, Peer
from fakecluster.cman.process import CmanProcess
from fakecluster.cman.timings import Profile

__all__ = ["Client", "Closed", "Deliver", "SocketKind", "Standing"]


def _ignore_status(_status: int) -> None:
    pass


class Standing(NamedTuple):
    """What a daemon's answers about nodes, quorum and fencing are made of."""

    nodes: tuple[NodeEntry, ...]
    """Built anew when anything of any node has changed."""
    quorate: bool
    flags: int
    fences: tuple[FenceInfo, ...]

    def same_as(self, other: Standing) -> bool:
        """Return whether all those answers are the same, without a look at each node."""
        return self.nodes is other.nodes and self[1:] == other[1:]


class Client:
    """A connection to a node's daemon; the engine makes it (`Engine.connect`).

    Every request raises `RequestRefusedError` with the daemon's refusal (EPERM: admin only, asked
    on a client socket; EINVAL: not on an admin socket), `ConnectionGoneError` when the daemon is
    gone, and `ManagerStuckError` while it is stopped (a wire server reads nothing then).
    """

    def __init__(
        self, daemon: CmanProcess, kind: SocketKind, deliver: Deliver | None, closed: Closed | None
    ) -> None:
        self.end = ClientEnd(kind, deliver, closed)
        """What the daemon knows of it."""
        self._daemon = daemon
        self._unread = False
        daemon.clients[self.end] = None

    @property
    def open(self) -> bool:
        """Neither disconnected nor dropped by the daemon."""
        return self.end.open

    def disconnect(self) -> None:
        """The client closed its end or died (or was thrown out); may be called twice."""
        if not self.open:
            return
        self.end.open = False
        self._daemon.run(self._forget)

    def death_errno(self) -> int:
        """Return what the next look at the dead connection says.

        EHOSTDOWN, and ECONNRESET the first time where a request lay unread in the socket.
        """
        code = errno.ECONNRESET if self._unread else errno.EHOSTDOWN
        self._unread = False
        return code

    # -- notices

    def start_notification(self) -> None:
        """NOTIFY. While a shutdown is asked the question is delivered before this returns.

        Asked for again, it is delivered again, and one more answer is awaited.
        """
        daemon = self._as_client()
        self.end.notified = True
        daemon.shutdown_vote.listener_added(self.end)

    def stop_notification(self) -> None:
        """REMOVENOTIFY. An answer that is due stays due."""
        self._ask()
        self.end.notified = False

    def start_confchg(self) -> None:
        """START_CONFCHG."""
        self._ask()
        self.end.wants_confchg = True

    def stop_confchg(self) -> None:
        """STOP_CONFCHG."""
        self._ask()
        self.end.wants_confchg = False

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - the answer itself
        """SHUTDOWN_REPLY: never answered, never fails; each one counts, a second one too.

        While the daemon is stopped it waits in the socket.
        """
        if self.open:
            self._daemon.run(lambda: self._daemon.shutdown_vote.answer(self.end, yes=yes))

    # -- ports

    def bind(self, port: int) -> None:
        """BIND: take one more port. EINVAL: not 1-255; EADDRINUSE: a client of this node has it.

        EMFILE: this one has as many as it may (`ClusterContext.ports_per_client`; cman knows no
        such limit).
        """
        daemon = self._as_client()
        _check_port(port)
        if port in daemon.ports:
            raise RequestRefusedError(errno.EADDRINUSE)
        held = sum(holder is self.end for holder in daemon.ports.values())
        if held >= daemon.context.ports_per_client:
            raise RequestRefusedError(errno.EMFILE)
        daemon.bind_port(port, self.end)

    def send_data(self, node_id: int, port: int, payload: bytes) -> None:
        """DATA to another node, or to all others with 0; a reply only on error.

        To a node that is no member, or to ourselves, it goes nowhere. ENOTCONN: unknown node.
        EINVAL: the port is not 1..255.
        """
        daemon = self._as_client()
        _check_port(port)
        data = PortData(from_node_id=daemon.node_id, port=port, payload=payload)
        hop_us = daemon.timings.hop_us
        if not node_id:
            daemon.context.send(
                daemon.node_id, lambda other: other.receive(data), after_us=hop_us, itself=False
            )
            return
        state = self._peer(daemon, node_id, errno.ENOTCONN).state
        if state is CmanState.MEMBER and node_id != daemon.node_id:
            daemon.context.send_to(
                daemon.node_id, node_id, lambda other: other.receive(data), after_us=hop_us
            )

    # -- questions

    def get_all_members(self) -> tuple[NodeEntry, ...]:
        """GETALLMEMBERS: every node by id, the quorum disk last. ENOENT: not a member yet."""
        daemon = self._as_member()
        if daemon.read_errnos:
            raise RequestRefusedError(daemon.read_errnos.popleft())
        return daemon.nodes.entries()

    def get_node(self, node_id: int, name: str = "") -> NodeEntry:
        """GETNODE: the quorum disk for id -1, else by name, else by id (0 us). ENOENT: unknown.

        The real library sends junk for the name where it asks for the disk.
        """
        daemon = self._as_member()
        nodes = daemon.nodes
        if node_id == QDISK_QUERY_ID:
            if nodes.disk is None:
                raise RequestRefusedError(errno.ENOENT)
            return nodes.disk_entry(nodes.disk)
        peer = nodes.find_name(name) if name else nodes.find(node_id or daemon.node_id)
        if peer is None:
            raise RequestRefusedError(errno.ENOENT)
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

    def get_node_votes(self, node_id: int) -> int:
        """Return the votes of GETNODE_EXTRA alone."""
        return self._peer(self._as_member(), node_id, errno.EINVAL).votes

    def get_node_addrs(self, node_id: int) -> tuple[str, ...]:
        """GET_NODEADDRS: all addresses of a member, none of another. EINVAL: unknown, or 0."""
        peer = self._named_peer(self._ask(), node_id)
        return peer.addresses if peer.state is CmanState.MEMBER else ()

    def standing(self) -> Standing | None:
        """Return what the answers are made of now; None where a request would fail or wait."""
        daemon = self._daemon
        answers = self.open and daemon.alive and daemon.is_member and not daemon.frozen
        if not answers or daemon.read_errnos:
            return None
        fences = tuple(daemon.fences.values())
        return Standing(daemon.nodes.entries(), daemon.quorate, _extra_flags(daemon), fences)

    def get_node_count(self) -> int:
        """GETNODECOUNT."""
        return len(self._ask().nodes.entries())

    def get_cluster(self) -> ClusterInfo:
        """GETCLUSTER; works before the first transition."""
        daemon = self._ask()
        return ClusterInfo(
            name=daemon.context.cluster,
            number=daemon.context.number,
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
            node_state=us.state if us is not None and daemon.is_member else CmanState.JOINING,
            flags=_extra_flags(daemon),
            node_votes=daemon.config.votes_of(daemon.node_id) if us is None else us.votes,
            total_votes=daemon.total_votes,
            expected_votes=daemon.nodes.highest_expected,
            quorum=daemon.quorum,
            members=daemon.nodes.in_ring,
            ports=daemon.bound_ports,
            multicasts=tuple(_multicast(each, daemon.context.number) for each in daemon.addresses),
            interfaces=daemon.addresses,
        )

    def get_extra_flags(self) -> int:
        """Return the flags of GETEXTRAINFO alone."""
        return _extra_flags(self._ask())

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
        """ISLISTENING (0 is us). ENOENT: unknown node; ENOTCONN: not a member.

        EBUSY: another node that was never asked before; it is asked now.
        """
        daemon = self._ask()
        peer = self._peer(daemon, node_id, errno.ENOENT)
        if peer.state is not CmanState.MEMBER:
            raise RequestRefusedError(errno.ENOTCONN)
        if peer.node_id == daemon.node_id:
            return port in daemon.bound_ports
        known = daemon.remote_ports.get(peer.node_id)
        if known is None:
            daemon.ask_ports(peer.node_id)
            raise RequestRefusedError(errno.EBUSY)
        return port in known

    def get_fence_info(self, node_id: int) -> FenceInfo:
        """GET_FENCE_INFO. EINVAL: unknown node, or 0."""
        daemon = self._ask()
        peer = self._named_peer(daemon, node_id)
        return daemon.fences.get(peer.node_id, FenceInfo(node_id=peer.node_id))

    # -- for administrators alone

    def try_shutdown(self, flags: int, reply: OnStatus) -> None:
        """TRY_SHUTDOWN (admin). The status comes through `reply`, later.

        0 twice where nobody listens (at once and at the daemon's end), else 0 or -EBUSY once.
        EALREADY is raised: one is pending, or the node leaves already.
        """
        self._as_admin().shutdown_vote.ask(flags, self.end, reply)

    def leave_cluster(self, flags: int, reply: OnStatus = _ignore_status) -> None:
        """LEAVE_CLUSTER (admin): leave at once, without a shutdown question.

        The status comes through `reply`: 0 now, or, where others may refuse, what it came to.
        """
        removed = flags & ~LeaveFlag.FORCE == LeaveFlag.REMOVED
        self._as_admin().leave_unasked(reply, removed=removed)

    def kill_node(self, node_id: int) -> None:
        """KILLNODE (admin). EINVAL: unknown or not a member."""
        daemon = self._as_admin()
        peer = daemon.nodes.find(node_id)
        if peer is None or peer.state is not CmanState.MEMBER:
            raise RequestRefusedError(errno.EINVAL)
        daemon.kill(node_id)

    def set_version(self, version: Version, reply: OnStatus = _ignore_status) -> None:
        """SET_VERSION (admin): every node re-reads its configuration.

        The status comes through `reply`, perhaps later; what is refused at once is raised.
        EINVAL: not 6.2.0. EPERM: older than what runs. ENOENT: the file here is older (3.0.12 tells
        the others all the same).
        """
        daemon = self._as_admin()
        if (version.major, version.minor, version.patch) != CMAN_VERSION:
            raise RequestRefusedError(errno.EINVAL)
        if version.config < daemon.config.version:
            raise RequestRefusedError(errno.EPERM)
        node_id, context = daemon.node_id, daemon.context
        if context.profile is Profile.B and not context.may_have_version(node_id, version.config):
            raise RequestRefusedError(errno.ENOENT)
        context.announce_version(node_id, version.config, reply)

    def set_votes(self, node_id: int, votes: int) -> None:
        """SET_VOTES (admin; 0 is us). ENOENT: unknown node.

        EINVAL: not 0..255, or nobody would be quorate. It is done here at once, and again when the
        message to all comes round: this node gives two notices.
        """
        daemon = self._as_admin()
        peer = self._peer(daemon, node_id, errno.ENOENT)
        lost = peer.votes - votes if peer.state is CmanState.MEMBER else 0
        _check_votes(votes)
        if not daemon.can_reach(daemon.nodes.highest_expected, lost=lost):
            raise RequestRefusedError(errno.EINVAL)
        target = peer.node_id
        self._everywhere(lambda each: each.set_votes(target, votes))
        daemon.set_votes(target, votes)

    def set_expected_votes(self, votes: int) -> None:
        """SETEXPECTED_VOTES (admin): quorum may go down.

        EINVAL: less than 1, or more than the members could reach.
        """
        if not self._as_admin().can_reach(votes) or votes < 1:
            raise RequestRefusedError(errno.EINVAL)
        self._everywhere(lambda each: each.set_expected_votes(votes))

    def update_fence_info(self, info: FenceInfo) -> None:
        """UPDATE_FENCE_INFO (admin): told to every node. EINVAL: unknown node."""
        peer = self._peer(self._as_admin(), info.node_id, errno.EINVAL)
        known = dataclasses.replace(info, node_id=peer.node_id, fenced=True)
        self._everywhere(lambda each: each.learn_fencing(known))

    def _everywhere(self, effect: Effect) -> None:
        daemon = self._daemon
        daemon.context.send(daemon.node_id, effect, after_us=daemon.timings.hop_us, itself=True)

    def register_quorum_device(self, name: str, votes: int) -> None:
        """REG_QUORUMDEV (admin). EALREADY: it is a node's name. EBUSY: there is another one.

        Under its own name it has other votes from now on (3.0.12: EBUSY). EINVAL: not 0..255 votes.
        """
        daemon = self._as_admin()
        _check_votes(votes)
        disk = daemon.nodes.disk
        changes = daemon.context.profile is Profile.B and disk is not None and not disk.foreign
        if disk is not None and disk.name == name and changes:
            self._change(daemon, disk, name, votes)
            return
        if disk is not None:
            raise RequestRefusedError(errno.EBUSY)
        if daemon.nodes.find_name(name) is not None:
            raise RequestRefusedError(errno.EALREADY)
        daemon.register_disk(name, votes, kept=False)

    def unregister_quorum_device(self) -> None:
        """UNREG_QUORUMDEV (admin). EINVAL: there is none. EBUSY: its last poll was good."""
        daemon = self._as_admin()
        if self._disk(daemon).available:
            raise RequestRefusedError(errno.EBUSY)
        daemon.nodes.disk = None
        daemon.nodes.touch()

    def poll_quorum_device(self, available: bool) -> None:  # noqa: FBT001 - the poll's result
        """POLL_QUORUMDEV (admin). EINVAL: there is none."""
        daemon = self._as_admin()
        self._disk(daemon)
        daemon.poll_disk(available=available)

    def update_quorum_device(self, name: str, votes: int) -> None:
        """UPDATE_QUORUMDEV (admin, profile B). EINVAL: none, not 0..255 votes, or profile A."""
        daemon = self._as_admin()
        _check_votes(votes)
        disk = self._disk(daemon)
        if daemon.context.profile is Profile.A:
            raise RequestRefusedError(errno.EINVAL)
        self._change(daemon, disk, name, votes)

    @staticmethod
    def _change(daemon: CmanProcess, disk: Disk, name: str, votes: int) -> None:
        disk.name, disk.votes = name, votes
        daemon.nodes.touch()
        daemon.recalculate()

    @staticmethod
    def _disk(daemon: CmanProcess) -> Disk:
        """Return the device. RequestRefusedError: EINVAL, there is none; EBUSY, it is foreign."""
        disk = daemon.nodes.disk
        if disk is None or disk.foreign:
            raise RequestRefusedError(errno.EINVAL if disk is None else errno.EBUSY)
        return disk

    def set_dirty(self) -> None:
        """SET_DIRTY (admin)."""
        self._as_admin().dirty = True

    def set_debuglog(self, level: int) -> None:
        """SET_DEBUGLOG (admin): record the level in the trace, the only log here."""
        self._as_admin().trace("debug level", str(level))

    # -- what the daemon is asked through

    def _forget(self) -> None:
        daemon = self._daemon
        daemon.clients.pop(self.end, None)
        daemon.shutdown_vote.client_gone(self.end)
        daemon.free_ports(self.end)

    def _ask(self) -> CmanProcess:
        daemon = self._daemon
        if not self.open or not daemon.alive:
            raise ConnectionGoneError(self.death_errno())
        self._unread = daemon.frozen
        if daemon.frozen:
            raise ManagerStuckError(f"the cman of node {daemon.node_id} is stopped")
        return daemon

    def _as_member(self) -> CmanProcess:
        daemon = self._ask()
        if not daemon.is_member:
            raise RequestRefusedError(errno.ENOENT)
        return daemon

    def _as_admin(self) -> CmanProcess:
        daemon = self._ask()
        if self.end.kind is not SocketKind.ADMIN:
            raise RequestRefusedError(errno.EPERM)
        return daemon

    def _as_client(self) -> CmanProcess:
        daemon = self._ask()
        if self.end.kind is not SocketKind.CLIENT:
            raise RequestRefusedError(errno.EINVAL)
        return daemon

    @classmethod
    def _named_peer(cls, daemon: CmanProcess, node_id: int) -> Peer:
        """Return a node where 0 does not mean ourselves. Raises RequestRefusedError: EINVAL."""
        if not node_id:
            raise RequestRefusedError(errno.EINVAL)
        return cls._peer(daemon, node_id, errno.EINVAL)

    @staticmethod
    def _peer(daemon: CmanProcess, node_id: int, unknown: int) -> Peer:
        peer = daemon.nodes.find(node_id or daemon.node_id)
        if peer is None:
            raise RequestRefusedError(unknown)
        return peer


def _check_port(port: int) -> None:
    if not 1 <= port <= MAX_PORT:
        raise RequestRefusedError(errno.EINVAL)


def _check_votes(votes: int) -> None:
    if not 0 <= votes <= MAX_VOTES:
        raise RequestRefusedError(errno.EINVAL)


def _extra_flags(daemon: CmanProcess) -> int:
    flags = 0
    if daemon.config.two_node:
        flags |= ExtraFlag.TWO_NODE.value
    if daemon.config_error:
        flags |= ExtraFlag.ERROR.value
    if daemon.shutdown_vote.pending:
        flags |= ExtraFlag.SHUTDOWN.value
    if daemon.dirty:
        flags |= ExtraFlag.DIRTY.value
    return flags


def _multicast(interface: str, number: int) -> str:
    """The group address that cman makes of a cluster's number when none is configured."""
    if ":" in interface:
        return f"ff15::{number:x}"
    return f"239.192.{number >> 8}.{number & 0xFF}"
