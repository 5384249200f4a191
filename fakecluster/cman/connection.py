"""A client's connection to one node's daemon: its life, and which socket it came through."""

from __future__ import annotations

import enum
import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from fakecluster.cman.answers import Delivery
from fakecluster.cman.errors import CmanError, ConnectionGoneError, ManagerStuckError

if TYPE_CHECKING:
    from fakecluster.cman.daemon import Daemon
    from fakecluster.cman.nodelist import Peer

Deliver = Callable[[Delivery], None]
"""Called with each notice, configuration change and message, in order."""
Closed = Callable[[], None]
"""Called once when the daemon drops the client; not when the client disconnects itself."""


class Kind(enum.Enum):
    """Which socket a client came through."""

    CLIENT = "client"
    ADMIN = "admin"


class Connection:
    """The life of a client, without its requests."""

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

    @staticmethod
    def _peer(daemon: Daemon, node_id: int, unknown: int) -> Peer:
        peer = daemon.nodes.find(node_id or daemon.node_id)
        if peer is None:
            raise CmanError(unknown)
        return peer
