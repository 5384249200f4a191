"""One client of one node's daemon: every request of cman's protocol as a method."""

from __future__ import annotations

import enum
from collections.abc import Callable

from fakecluster.cman.answers import (
    ClusterInfo,
    Delivery,
    ExtraInfo,
    FenceInfo,
    NodeEntry,
    NodeExtra,
    Version,
)

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

    def disconnect(self) -> None:
        """The client closed its end or died (or was thrown out); may be called twice."""
        raise NotImplementedError

    def start_notification(self) -> None:
        """NOTIFY. While a shutdown is asked the question is delivered before this returns."""
        raise NotImplementedError

    def stop_notification(self) -> None:
        """REMOVENOTIFY. An answer that is due stays due."""
        raise NotImplementedError

    def start_confchg(self) -> None:
        """START_CONFCHG."""
        raise NotImplementedError

    def stop_confchg(self) -> None:
        """STOP_CONFCHG."""
        raise NotImplementedError

    def get_all_members(self) -> tuple[NodeEntry, ...]:
        """GETALLMEMBERS: every node by id, the quorum disk last. ENOENT: not a member yet."""
        raise NotImplementedError

    def get_node(self, node_id: int, name: str = "") -> NodeEntry:
        """GETNODE by name, else by id (0 us, -1 the quorum disk). ENOENT: unknown."""
        raise NotImplementedError

    def get_node_extra(self, node_id: int) -> NodeExtra:
        """GETNODE_EXTRA (0 is us). EINVAL: unknown."""
        raise NotImplementedError

    def get_node_addrs(self, node_id: int) -> tuple[str, ...]:
        """GET_NODEADDRS (0 is us): all addresses of a member, none of another. EINVAL: unknown."""
        raise NotImplementedError

    def get_node_count(self) -> int:
        """GETNODECOUNT."""
        raise NotImplementedError

    def get_cluster(self) -> ClusterInfo:
        """GETCLUSTER; works before the first transition."""
        raise NotImplementedError

    def get_version(self) -> Version:
        """GET_VERSION."""
        raise NotImplementedError

    def get_extra_info(self) -> ExtraInfo:
        """GETEXTRAINFO."""
        raise NotImplementedError

    def get_join_count(self) -> int:
        """GET_JOINCOUNT: open connections of both kinds."""
        raise NotImplementedError

    def is_quorate(self) -> bool:
        """ISQUORATE; works before the first transition."""
        raise NotImplementedError

    def is_active(self) -> bool:
        """ISACTIVE: this node is a member."""
        raise NotImplementedError

    def is_listening(self, port: int, node_id: int) -> bool:
        """ISLISTENING. ENOENT: unknown node; ENOTCONN: not a member."""
        raise NotImplementedError

    def get_fence_info(self, node_id: int) -> FenceInfo:
        """GET_FENCE_INFO. EINVAL: unknown node."""
        raise NotImplementedError

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - the answer itself
        """SHUTDOWN_REPLY: never answered, never fails; each one counts, a second one too.

        While the daemon is stopped it waits in the socket.
        """
        raise NotImplementedError

    def bind(self, port: int) -> None:
        """BIND. EADDRINUSE: somebody here has it, or this client has one."""
        raise NotImplementedError

    def send_data(self, node_id: int, port: int, payload: bytes) -> None:
        """DATA to a node, or to all with 0; a reply only on error. ENOTCONN: not a member."""
        raise NotImplementedError

    def try_shutdown(self, flags: int, reply: Status) -> None:
        """TRY_SHUTDOWN (admin). The status comes through `reply`, later.

        0 twice where nobody listens (at once and at the daemon's end), else 0 or -EBUSY once.
        EALREADY is raised: one is pending, or the node leaves already.
        """
        raise NotImplementedError

    def leave_cluster(self, flags: int) -> None:
        """LEAVE_CLUSTER (admin): leaves at once, nobody is asked."""
        raise NotImplementedError

    def kill_node(self, node_id: int) -> None:
        """KILLNODE (admin). EINVAL: unknown or not a member."""
        raise NotImplementedError

    def set_version(self, version: Version) -> None:
        """SET_VERSION (admin): every node re-reads its configuration. EINVAL: not 6.2.0."""
        raise NotImplementedError

    def set_votes(self, node_id: int, votes: int) -> None:
        """SET_VOTES (admin; 0 is us). ENOENT: unknown node; EINVAL: not 0..255."""
        raise NotImplementedError

    def set_expected_votes(self, votes: int) -> None:
        """SETEXPECTED_VOTES (admin): quorum may go down. EINVAL: less than 1."""
        raise NotImplementedError

    def register_quorum_device(self, name: str, votes: int) -> None:
        """REG_QUORUMDEV (admin). EBUSY: there is one."""
        raise NotImplementedError

    def unregister_quorum_device(self) -> None:
        """UNREG_QUORUMDEV (admin). EINVAL: there is none."""
        raise NotImplementedError

    def poll_quorum_device(self, available: bool) -> None:  # noqa: FBT001 - the poll's result
        """POLL_QUORUMDEV (admin). EINVAL: there is none."""
        raise NotImplementedError

    def update_quorum_device(self, name: str, votes: int) -> None:
        """UPDATE_QUORUMDEV (admin, profile B). EINVAL: there is none, or profile A."""
        raise NotImplementedError

    def update_fence_info(self, info: FenceInfo) -> None:
        """UPDATE_FENCE_INFO (admin): told to every node. EINVAL: unknown node."""
        raise NotImplementedError

    def set_dirty(self) -> None:
        """SET_DIRTY (admin)."""
        raise NotImplementedError

    def set_debuglog(self, level: int) -> None:
        """SET_DEBUGLOG (admin): taken, without effect."""
        raise NotImplementedError
