"""libcman's function table over an engine: what the real cman source runs on in virtual time.

It does to its user what the real library was seen to do: a request sets aside the events that came
before its answer, and as long as any are set aside the descriptor to poll is another one.
"""

from __future__ import annotations

import errno
import functools
from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

from fakecluster.cman.answers import Delivery, NodeEntry, Notice
from fakecluster.cman.client import Client, SocketKind, Standing
from fakecluster.cman.constants import US
from fakecluster.cman.engine import Engine
from fakecluster.cman.errors import RequestRefusedError
from fakecluster.transport.sockaddrs import ADDRESS_BYTES, sockaddr
from o2cbd.core.memo import for_each
from o2cbd.membership.libcman_table import (
    DISPATCH_ALL,
    ClusterRecord,
    CmanError,
    EventCallback,
    FenceRecord,
    NodeRecord,
)

_Args = TypeVarTuple("_Args")
_R = TypeVar("_R")

NAME_BYTES: Final = 256

SOCKET_FD: Final = 1001
"""What `get_fd` gives while nothing is set aside."""
ZERO_FD: Final = 1002
"""What it gives while something is: always readable."""


class EngineTable:
    """A `LibcmanTable` on one node of an engine."""

    def __init__(self, engine: Engine, node_id: int, on_readable: Callable[[], None]) -> None:
        """Stand on a node.

        Args:
            engine: the cluster.
            node_id: whose cman it talks to.
            on_readable: called when something arrives on a socket, or it is closed.
        """
        self._engine = engine
        self._node_id = node_id
        self._on_readable = on_readable
        self._handles: list[EngineHandle] = []
        """The latest one last."""

    def init(self) -> EngineHandle:
        """Connect; CmanError: the manager does not run, or refuses."""
        handle = EngineHandle(self._on_readable)
        try:
            handle.client = self._engine.connect(
                self._node_id, SocketKind.CLIENT, deliver=handle.take, closed=self._on_readable
            )
        except OSError as error:
            raise CmanError(error.errno or errno.EIO, "cman_init") from None
        self._handles = [each for each in self._handles if each.client.open]
        self._handles.append(handle)
        return handle

    @property
    def connected(self) -> bool:
        """True while a connection is open."""
        return any(handle.client.open for handle in self._handles)

    def close(self) -> None:
        """Close all connections, as the kernel does at the end of a process."""
        for handle in self._handles:
            handle.finish()
        self._handles.clear()

    def standing(self) -> Standing | None:
        """Return what answers on the latest connection are made of; None: there would be none."""
        return self._handles[-1].client.standing() if self._handles else None

    def readable(self, fd: int | None) -> bool:
        """Return whether poll(2) would call this descriptor of the latest connection readable."""
        if not self._handles or fd is None:
            return False
        return fd == ZERO_FD or (fd == SOCKET_FD and self._handles[-1].socket_readable)


class EngineHandle:
    """One connection; what the methods do stands in `LibcmanHandle`."""

    client: Client

    def __init__(self, on_readable: Callable[[], None]) -> None:
        self._on_readable = on_readable
        self._callback: EventCallback | None = None
        self._on_socket: deque[tuple[int, int]] = deque()
        self._set_aside: deque[tuple[int, int]] = deque()
        self._records = for_each(_record)

    def take(self, delivery: Delivery) -> None:
        """Put an event on the socket; for the engine alone."""
        if isinstance(delivery, Notice):
            self._on_socket.append((int(delivery.reason), delivery.arg))
            self._on_readable()

    @property
    def socket_readable(self) -> bool:
        """True when the socket has something to read, its end included."""
        return bool(self._on_socket) or not self.client.open

    def _ask(self, name: str, request: Callable[[*_Args], _R], *args: *_Args) -> _R:
        """Ask: what came before the answer, or while it was made, is read first and set aside."""
        try:
            return request(*args)
        except RequestRefusedError as error:
            raise CmanError(error.code, name) from None
        finally:
            if self._on_socket:
                self._set_aside.extend(self._on_socket)
                self._on_socket.clear()

    def finish(self) -> None:
        """Close the connection."""
        self.client.disconnect()

    def start_notification(self, callback: EventCallback) -> None:
        """The callback is kept only once the reply is there."""
        self._ask("cman_start_notification", self.client.start_notification)
        self._callback = callback

    def get_fd(self) -> int:
        """One of `SOCKET_FD` and `ZERO_FD`."""
        return ZERO_FD if self._set_aside else SOCKET_FD

    def dispatch(self, flags: int) -> int:
        """Events that came before a death are delivered before it is told."""
        while self._set_aside or self._on_socket:
            reason, argument = (self._set_aside or self._on_socket).popleft()
            if self._callback is not None:
                self._callback(reason, argument)
            if not flags & DISPATCH_ALL:
                return 1
        if not self.client.open:
            raise CmanError(self.client.death_errno(), "cman_dispatch")
        return 0

    def get_node_count(self) -> int:
        """Members, others and the quorum disk."""
        return self._ask("cman_get_node_count", self.client.get_node_count)

    def get_nodes(self, max_nodes: int) -> tuple[int, tuple[NodeRecord, ...]]:
        """EINVAL for a list that does not fit."""
        entries = self._ask("cman_get_nodes", self.client.get_all_members)
        if len(entries) > max_nodes:
            raise CmanError(errno.EINVAL, "cman_get_nodes")
        return len(entries), self._records(entries)

    def get_node(self, nodeid: int) -> NodeRecord:
        """0 is the local node, whatever else has the id 0 in the list."""
        return _record(self._ask("cman_get_node", self.client.get_node, nodeid or US))

    def get_node_addrs(self, nodeid: int) -> tuple[tuple[int, bytes], ...]:
        """EINVAL for an unknown id; nothing for a non-member."""
        addresses = self._ask("cman_get_node_addrs", self.client.get_node_addrs, nodeid)
        return tuple(map(_sockaddr, addresses))

    def get_cluster(self) -> ClusterRecord:
        """Answered before the first transition, too."""
        info = self._ask("cman_get_cluster", self.client.get_cluster)
        name = info.name.encode("utf-8", "surrogateescape")
        return ClusterRecord(name=name, generation=info.generation)

    def get_extra_flags(self) -> int:
        """ei_flags."""
        return self._ask("cman_get_extra_info", self.client.get_extra_flags)

    def get_node_votes(self, nodeid: int) -> int:
        """EINVAL for an unknown id."""
        return self._ask("cman_get_node_extra", self.client.get_node_votes, nodeid)

    def is_quorate(self) -> int:
        """1 or 0."""
        return int(self._ask("cman_is_quorate", self.client.is_quorate))

    def get_fenceinfo(self, nodeid: int) -> FenceRecord:
        """EINVAL for an unknown id."""
        info = self._ask("cman_get_fenceinfo", self.client.get_fence_info, nodeid)
        return FenceRecord(fenced=int(info.fenced), time_s=info.time_s)

    def replyto_shutdown(self, yesno: int) -> None:
        """Never answered, so nothing is read and nothing set aside."""
        self.client.reply_shutdown(bool(yesno))


def _record(entry: NodeEntry) -> NodeRecord:
    length, address = 0, bytes(ADDRESS_BYTES)
    if entry.address:
        length, address = _sockaddr(entry.address)
    return NodeRecord(
        nodeid=entry.node_id,
        address_length=length,
        address=address,
        name=entry.name.encode("utf-8", "surrogateescape")[: NAME_BYTES - 1].ljust(
            NAME_BYTES, b"\0"
        ),
        member=int(entry.is_member),
        incarnation=entry.incarnation,
    )


@functools.lru_cache(maxsize=4096)
def _sockaddr(address: str) -> tuple[int, bytes]:
    raw = sockaddr(address)
    return len(raw), raw.ljust(ADDRESS_BYTES, b"\0")
