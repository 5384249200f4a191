"""A client's connection to one node's daemon: its life, and which socket it came through."""

from __future__ import annotations

import errno

from fakecluster.cman.client_end import ClientEnd, Closed, Deliver, Kind
from fakecluster.cman.daemon import Daemon
from fakecluster.cman.errors import CmanError, ConnectionGoneError, ManagerStuckError
from fakecluster.cman.nodelist import Peer


class Connection(ClientEnd):
    """The life of a client, without its requests."""

    def __init__(
        self, daemon: Daemon, kind: Kind, deliver: Deliver | None, closed: Closed | None
    ) -> None:
        super().__init__(kind, deliver, closed)
        self._daemon = daemon
        self._unread = False

    def disconnect(self) -> None:
        """The client closed its end or died (or was thrown out); may be called twice."""
        if not self.open:
            return
        self.open = False
        self._daemon.run(self._forget)

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
        daemon.free_ports(self)

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

    @classmethod
    def _named_peer(cls, daemon: Daemon, node_id: int) -> Peer:
        """Return a node where 0 does not mean ourselves. Raises CmanError: EINVAL."""
        if not node_id:
            raise CmanError(errno.EINVAL)
        return cls._peer(daemon, node_id, errno.EINVAL)

    @staticmethod
    def _peer(daemon: Daemon, node_id: int, unknown: int) -> Peer:
        peer = daemon.nodes.find(node_id or daemon.node_id)
        if peer is None:
            raise CmanError(unknown)
        return peer
