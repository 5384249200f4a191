"""One client of one node's daemon: every request of cman's protocol as a method."""

from __future__ import annotations

import errno

from fakecluster.cman.answers import PortData
from fakecluster.cman.client_admin import AdminRequests, Status
from fakecluster.cman.client_end import Closed, Deliver, Kind
from fakecluster.cman.client_reading import ReadingRequests
from fakecluster.cman.constants import NodeState
from fakecluster.cman.errors import CmanError

__all__ = ["Client", "Closed", "Deliver", "Kind", "Status"]


class Client(ReadingRequests, AdminRequests):
    """A connection; made by `Engine.connect`.

    Every request raises `CmanError` with the daemon's refusal (EPERM: admin only, asked on a client
    socket; EINVAL: not on an admin socket), `ConnectionGoneError` when the daemon is gone, and
    `ManagerStuckError` while it is stopped (a wire server reads nothing then).
    """

    # -- notices

    def start_notification(self) -> None:
        """NOTIFY. While a shutdown is asked the question is delivered before this returns.

        Asked for again, it is delivered again, and one more answer is awaited.
        """
        daemon = self._as_client()
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

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - the answer itself
        """SHUTDOWN_REPLY: never answered, never fails; each one counts, a second one too.

        While the daemon is stopped it waits in the socket.
        """
        if self.open:
            self._daemon.run(lambda: self._daemon.desk.answer(self, yes=yes))

    # -- ports

    def bind(self, port: int) -> None:
        """BIND; a client may have several. EINVAL: port 0. EADDRINUSE: somebody here has it."""
        daemon = self._as_client()
        if not port:
            raise CmanError(errno.EINVAL)
        if port in daemon.ports:
            raise CmanError(errno.EADDRINUSE)
        daemon.bind_port(port, self)

    def send_data(self, node_id: int, port: int, payload: bytes) -> None:
        """DATA to another node, or to all others with 0; a reply only on error.

        To a node that is no member, or to ourselves, it goes nowhere. ENOTCONN: unknown node.
        """
        daemon = self._as_client()
        data = PortData(from_node_id=daemon.node_id, port=port, payload=payload)
        hop_us = daemon.timings.hop_us
        if not node_id:
            daemon.world.send(
                daemon.node_id, lambda other: other.receive(data), after_us=hop_us, itself=False
            )
            return
        state = self._peer(daemon, node_id, errno.ENOTCONN).state
        if state is NodeState.MEMBER and node_id != daemon.node_id:
            daemon.world.send_to(
                daemon.node_id, node_id, lambda other: other.receive(data), after_us=hop_us
            )
