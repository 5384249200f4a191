"""The requests that read."""

from __future__ import annotations

import errno

from fakecluster.cman.answers import (
    ClusterInfo,
    ExtraInfo,
    FenceInfo,
    NodeEntry,
    NodeExtra,
    Version,
)
from fakecluster.cman.connection import Connection
from fakecluster.cman.constants import QDISK_QUERY_ID, ExtraFlag, NodeState
from fakecluster.cman.daemon import Daemon
from fakecluster.cman.errors import CmanError


class ReadingRequests(Connection):
    """What both sockets answer."""

    def get_all_members(self) -> tuple[NodeEntry, ...]:
        """GETALLMEMBERS: every node by id, the quorum disk last. ENOENT: not a member yet."""
        daemon = self._as_member()
        if daemon.read_errnos:
            raise CmanError(daemon.read_errnos.popleft())
        return daemon.nodes.entries()

    def get_node(self, node_id: int, name: str = "") -> NodeEntry:
        """GETNODE: the quorum disk for id -1, else by name, else by id (0 us). ENOENT: unknown.

        The real library sends junk for the name where it asks for the disk.
        """
        daemon = self._as_member()
        nodes = daemon.nodes
        if node_id == QDISK_QUERY_ID:
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
        """GET_NODEADDRS: all addresses of a member, none of another. EINVAL: unknown, or 0."""
        peer = self._named_peer(self._ask(), node_id)
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
            members=daemon.nodes.in_ring,
            ports=daemon.bound_ports,
            multicasts=tuple(_multicast(each, daemon.world.number) for each in daemon.addresses),
            interfaces=daemon.addresses,
        )

    def get_extra_flags(self) -> int:
        """GETEXTRAINFO, for whoever wants nothing of it but the flags."""
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
        if peer.state is not NodeState.MEMBER:
            raise CmanError(errno.ENOTCONN)
        if peer.node_id == daemon.node_id:
            return port in daemon.bound_ports
        known = daemon.remote_ports.get(peer.node_id)
        if known is None:
            daemon.ask_ports(peer.node_id)
            raise CmanError(errno.EBUSY)
        return port in known

    def get_fence_info(self, node_id: int) -> FenceInfo:
        """GET_FENCE_INFO. EINVAL: unknown node, or 0."""
        daemon = self._ask()
        peer = self._named_peer(daemon, node_id)
        return daemon.fences.get(peer.node_id, FenceInfo(node_id=peer.node_id))


def _extra_flags(daemon: Daemon) -> int:
    flags = 0
    if daemon.config.two_node:
        flags |= ExtraFlag.TWO_NODE.value
    if daemon.config_error:
        flags |= ExtraFlag.ERROR.value
    if daemon.desk.pending:
        flags |= ExtraFlag.SHUTDOWN.value
    if daemon.dirty:
        flags |= ExtraFlag.DIRTY.value
    return flags


def _multicast(interface: str, number: int) -> str:
    """The group address that cman makes of a cluster's number when none is configured."""
    if ":" in interface:
        return f"ff15::{number:x}"
    return f"239.192.{number >> 8}.{number & 0xFF}"
