"""The wire server: every fake node's two cman sockets, served by one thread of one process.

A stopped cman leaves newcomers in the backlog and requests unread. A cman that is down has no
sockets, a crashed one leaves stale files. Hostile bytes cost that client its connection at most:
what is no request is refused with -EINVAL and its command echoed, and the connection goes on.
Each turn of the loop handles one request of a client and accepts one newcomer a socket, so whoever
sends many at once waits for himself alone.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from fakecluster.cman.answers import Delivery
from fakecluster.cman.client import Client, Closed, Deliver, SocketKind
from fakecluster.cman.outside import Sockets, Watcher
from fakecluster.cman.wire.codec import (
    BadRequest,
    Message,
    Reply,
    Request,
    cut_request,
    decode_request,
)
from fakecluster.cman.wire.requests import answer_request, delivery_message
from fakecluster.transport.listener import Listener, check_path, remove_socket
from fakecluster.transport.poller import Poller
from fakecluster.transport.stream import Stream

MAX_QUEUED = 128
"""cman's max_queued: with one message more than this unsent, the client is disconnected."""

SOCKET_NAMES: Mapping[SocketKind, str] = {
    SocketKind.CLIENT: "cman_client",
    SocketKind.ADMIN: "cman_admin",
}
SOCKET_MODES: Mapping[SocketKind, int] = {SocketKind.CLIENT: 0o660, SocketKind.ADMIN: 0o600}


class Connectable(Protocol):
    """What stands behind the sockets: the engine, or the gate's context."""

    def connect(
        self, node_id: int, kind: SocketKind, *, deliver: Deliver, closed: Closed
    ) -> Client:
        """Connect to a node's daemon; OSError: it takes nobody."""
        ...


class WireServer(Watcher):
    """Serves an engine on sockets; give it to the engine as its watcher, then `attach` the engine.

    Whoever owns the poller pumps the engine's timeline after each wait, before what is ready.
    """

    def __init__(
        self, poller: Poller, directories: Mapping[int, Path], *, remembers_pids: bool = False
    ) -> None:
        """Check the paths; nothing is bound yet.

        Args:
            poller: what waits for us.
            directories: by node id: where its two sockets go; further nodes have none.
            remembers_pids: for `client_pids`, which grow with each process that connects.

        Raises:
            PathTooLongError: a socket's path would be cut.
        """
        for directory in directories.values():
            for name in SOCKET_NAMES.values():
                check_path(directory / name)
        self._poller = poller
        self.remembers_pids = remembers_pids
        self._engine: Connectable | None = None
        self._nodes = {
            node_id: _NodeSockets(node_id, directory, poller, self)
            for node_id, directory in directories.items()
        }

    def attach(self, engine: Connectable) -> None:
        """Serve this engine from now on."""
        self._engine = engine

    @property
    def engine(self) -> Connectable:
        """The engine that is served."""
        if self._engine is None:
            raise RuntimeError("no engine is attached")
        return self._engine

    def sockets(self, node_id: int, sockets: Sockets) -> None:
        """Bind, unlink, or leave stale (`Watcher`)."""
        if (node := self._nodes.get(node_id)) is not None:
            node.show(sockets)

    def stopped(self, node_id: int, *, stopped: bool) -> None:
        """Serve nobody, or go on (`Watcher`)."""
        if (node := self._nodes.get(node_id)) is not None:
            node.freeze(frozen=stopped)

    def add(self, node_id: int, directory: Path) -> None:
        """Serve one more node. Raises PathTooLongError as the constructor does."""
        for name in SOCKET_NAMES.values():
            check_path(directory / name)
        self._nodes[node_id] = _NodeSockets(node_id, directory, self._poller, self)

    def client_pids(self, node_id: int) -> frozenset[int]:
        """Return the processes that have been clients of this node, if they are remembered."""
        node = self._nodes.get(node_id)
        return frozenset() if node is None else frozenset(node.pids)

    def unlink(self) -> None:
        """Remove the sockets and no more, from another thread than the one that serves them."""
        for node in self._nodes.values():
            node.unlink()

    def close(self) -> None:
        """Close everything and remove the sockets, stale ones too."""
        for node in self._nodes.values():
            node.close()

    def descriptor_freed(self) -> None:
        """Resume listeners that ran out of descriptors."""
        for node in self._nodes.values():
            node.resume()


class _NodeSockets:
    """One node's two sockets and their clients."""

    def __init__(self, node_id: int, directory: Path, poller: Poller, server: WireServer) -> None:
        self._node_id = node_id
        self._directory = directory
        self._poller = poller
        self._server = server
        self._listeners: list[Listener] = []
        self._connected: dict[Stream, _ConnectedClient] = {}
        self._stale = False
        self.pids: set[int] = set()

    def show(self, sockets: Sockets) -> None:
        if sockets is Sockets.LISTENING:
            if not self._listeners:
                for kind in SocketKind:  # one by one, so that `close` finds those that were made
                    self._listeners.append(self._listen(kind))
            return
        stale = sockets is Sockets.STALE
        for connected in tuple(self._connected.values()):
            connected.stream.close()
        for listener in self._listeners:
            listener.close(stale=stale)
        if self._stale and not stale:
            for name in SOCKET_NAMES.values():
                remove_socket(self._directory / name)
        self._stale = stale and (self._stale or bool(self._listeners))
        self._listeners = []

    def freeze(self, *, frozen: bool) -> None:
        for listener in self._listeners:
            listener.freeze(frozen=frozen)
        for stream in tuple(self._connected):
            stream.freeze(frozen=frozen)

    def resume(self) -> None:
        for listener in self._listeners:
            listener.resume()

    def unlink(self) -> None:
        for listener in self._listeners:
            listener.unlink()

    def close(self) -> None:
        self.show(Sockets.ABSENT)

    def _listen(self, kind: SocketKind) -> Listener:
        return Listener(
            self._directory / SOCKET_NAMES[kind],
            mode=SOCKET_MODES[kind],
            poller=self._poller,
            accepted=partial(self._accept, kind),
        )

    def _accept(self, kind: SocketKind, sock: socket.socket) -> None:
        connected = _ConnectedClient(kind)
        stream = Stream(
            sock,
            self._poller,
            received=connected.received,
            closed=partial(self._gone, connected),
            max_queued=MAX_QUEUED,
            cut=cut_request,
        )
        connected.stream = stream
        if self._server.remembers_pids:
            self.pids.add(stream.peer_pid)
        self._connected[stream] = connected
        try:
            connected.client = self._server.engine.connect(
                self._node_id, kind, deliver=connected.deliver, closed=stream.close
            )
        except OSError:
            # What `refuse` or a dying daemon means to one who is connected already: an end.
            stream.close()

    def _gone(self, connected: _ConnectedClient) -> None:
        self._connected.pop(connected.stream, None)
        if connected.client is not None:
            connected.client.disconnect()
        self._server.descriptor_freed()


class _ConnectedClient:
    """One client: its stream on this side, its `Client` of the engine on the other."""

    stream: Stream

    def __init__(self, kind: SocketKind) -> None:
        self._admin = kind is SocketKind.ADMIN
        self.client: Client | None = None

    def received(self, data: bytes) -> None:
        message = decode_request(data)
        if isinstance(message, BadRequest):
            self._send(Reply(command=message.command, status=-errno.EINVAL))
        else:
            self._ask(message)

    def deliver(self, unasked: Delivery) -> None:
        self._send(delivery_message(unasked))

    def _ask(self, request: Request) -> None:
        if self.client is None:
            return
        reply = answer_request(request, self.client, admin=self._admin, later=self._send)
        if reply is not None:
            self._send(reply)

    def _send(self, message: Message) -> None:
        self.stream.send(message.encode())
