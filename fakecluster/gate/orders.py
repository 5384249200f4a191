"""What cman's clients and daemons have done to the cluster, as corosync can do it."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable

from fakecluster.cman.answers import FenceInfo, PortData
from fakecluster.cman.constants import LeaveReason
from fakecluster.cman.errors import RequestRefusedError
from fakecluster.gate.link import Link
from fakecluster.gate.messages import (
    Fenced,
    Message,
    PortChanged,
    PortMessage,
    PortsAsked,
    PortsTold,
    VotesChanged,
    encode_message,
)
from fakecluster.gate.table import CS_ERR_INVALID_PARAM, AdminHandle, GateTable
from o2cbd.membership.libcorosync_table import CorosyncError


class Orders:
    """Orders to the corosync of this host; each raises `RequestRefusedError` with what it said."""

    def __init__(
        self, table: GateTable, link: Callable[[], Link | None], log: Callable[[str], None]
    ) -> None:
        """Order nothing yet.

        Args:
            table: corosync's libraries.
            link: returns the connections of this moment; None: corosync is away, and nothing is
                ordered.
            log: takes what nobody else can be told.
        """
        self._table = table
        self._link = link
        self._log = log

    def admin(self, act: Callable[[AdminHandle], None]) -> None:
        """Do something with a connection of its own, which any thread may have.

        Raises:
            CorosyncError: with what corosync said.
        """
        handle = self._table.admin_initialize()
        try:
            act(handle)
        finally:
            with contextlib.suppress(CorosyncError):  # corosync ended meanwhile
                handle.finalize()

    def kill_node(self, node_id: int, why: str) -> None:
        """Kill a node's corosync."""
        self._admin(lambda handle: handle.kill_node(node_id, why))

    def reload(self, version: int) -> None:
        """Reload the file of every corosync.

        Raises:
            RequestRefusedError: ENOENT, its version is an older one.
        """
        self._admin(lambda handle: handle.reload_config())

        def check(link: Link) -> None:
            if 0 < link.version() < version:
                raise RequestRefusedError(errno.ENOENT)

        self._ask(check)

    def set_votes(self, node_id: int, votes: int) -> None:
        """Set a node's votes."""
        self._ask(lambda link: link.set_votes(node_id, votes))

    def set_expected_votes(self, votes: int) -> None:
        """Set the votes that every member expects."""
        self._ask(lambda link: link.set_expected(votes))

    def send(self, message: Message) -> None:
        """Send to every gate."""
        self._ask(lambda link: link.send(encode_message(message)))

    def try_send(self, message: Message) -> None:
        """Send to every gate; a failure is logged and no more."""
        try:
            self.send(message)
        except RequestRefusedError as error:
            self._log(f"the other gates do not learn of {message}: {error}")

    def _admin(self, act: Callable[[AdminHandle], None]) -> None:
        try:
            self.admin(act)
        except CorosyncError as error:
            raise _refusal(error) from error

    def _ask(self, act: Callable[[Link], None]) -> None:
        link = self._link()
        if link is None:
            return
        try:
            act(link)
        except RequestRefusedError:
            raise
        except OSError as error:
            raise _refusal(error) from error


class CorosyncReceiver:
    """Messages to one daemon or to all (`Receiver`): corosync's own orders, or the gates' group."""

    def __init__(self, orders: Orders, to: int) -> None:
        """Address it; `to`: a node id, 0 for all."""
        self._orders = orders
        self._to = to

    def port_changed(self, node_id: int, port: int, *, opened: bool) -> None:
        """Over the group; whoever frees a port may be gone already."""
        del node_id
        self._orders.try_send(PortChanged(port=port, opened=opened))

    def ports_asked(self, node_id: int) -> None:
        """Over the group."""
        del node_id
        self._orders.send(PortsAsked(to=self._to))

    def ports_told(self, node_id: int, ports: tuple[int, ...]) -> None:
        """Over the group."""
        del node_id
        self._orders.try_send(PortsTold(to=self._to, ports=ports))

    def has_read(self, node_id: int, version: int) -> None:
        """Nothing: corosync has every node read its file."""

    def receive(self, data: PortData) -> None:
        """Over the group."""
        self._orders.send(PortMessage(to=self._to, port=data.port, payload=data.payload))

    def hear_goodbye(self, node_id: int, reason: LeaveReason) -> None:
        """Nothing: the ring tells it."""

    def killed_by(self, killer_id: int) -> None:
        """By corosync's own order."""
        self._orders.kill_node(self._to, f"killed by node {killer_id} through cman's gate")

    def set_votes(self, node_id: int, votes: int) -> None:
        """By votequorum; the group is told behind it, for votequorum hides fewer votes."""
        self._orders.set_votes(node_id, votes)
        self._orders.try_send(VotesChanged())

    def set_expected_votes(self, votes: int) -> None:
        """By votequorum, which tells all."""
        self._orders.set_expected_votes(votes)

    def learn_fencing(self, info: FenceInfo) -> None:
        """Over the group."""
        self._orders.send(Fenced(info=info))


def _refusal(error: OSError) -> RequestRefusedError:
    invalid = isinstance(error, CorosyncError) and error.code == CS_ERR_INVALID_PARAM
    return RequestRefusedError(errno.EINVAL if invalid else error.errno or errno.EIO)
