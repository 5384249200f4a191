"""A client that speaks libcman's wire protocol by itself: sees every byte that a library hides."""

from __future__ import annotations

import contextlib
import select
import socket
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Self

from fakecluster.cman.constants import CmanState
from fakecluster.cman.wire.codec import (
    Message,
    MessageReader,
    NodeStruct,
    Opcode,
    Reply,
    Request,
    decode_nodes,
)

_CHUNK_BYTES = 65536


class HungUpError(ConnectionError):
    """The daemon closed the connection."""


class RawClient:
    """One connection to a cman socket."""

    def __init__(
        self,
        path: Path,
        *,
        timeout_s: float = 20.0,
        serve: Callable[[], None] | None = None,
    ) -> None:
        """Connect.

        Args:
            path: the socket.
            timeout_s: how long one message may take.
            serve: called before each wait, for a server that lives in the same thread.

        Raises:
            OSError: as connect(2).
        """
        self._serve = serve
        self._reader = MessageReader()
        self._waiting: deque[Message] = deque()
        self.notices: list[Message] = []
        """What came while a reply was waited for, and was not taken yet."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout_s)
        try:
            self.sock.connect(str(path))
        except OSError:
            self.sock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()

    def send(self, command: int, body: bytes = b"") -> None:
        """Send a request without waiting for its reply."""
        # As libcman, which notices a dead daemon only when it waits for the reply.
        with contextlib.suppress(BrokenPipeError):
            self.sock.sendall(Request(command=command, body=body).encode())

    def ask(self, command: int, body: bytes = b"") -> Reply:
        """Send a request and return its reply; notices before it are kept.

        Raises:
            HungUpError: the daemon closed the connection.
            TimeoutError: no reply came in time.
        """
        self.send(command, body)
        return self.reply()

    def reply(self) -> Reply:
        """Wait for the next reply; notices before it are kept. Raises as `ask`."""
        while not isinstance(message := self.next_message(), Reply):
            self.notices.append(message)
        return message

    def next_message(self) -> Message:
        """Wait for the next message of any kind. Raises as `ask`."""
        while not self._waiting:
            self._receive()
        return self._waiting.popleft()

    def has_news(self) -> bool:
        """Return whether there is more to take: a message that was read already, or new bytes."""
        poller = select.poll()
        poller.register(self.sock, select.POLLIN)
        return bool(self._waiting or poller.poll(0))

    def take_notices(self) -> list[Message]:
        """Return, once, every notice that is there: those of this moment come with a reply."""
        self.ask(Opcode.ISACTIVE)
        taken, self.notices = self.notices, []
        return taken

    def members(self) -> dict[int, NodeStruct]:
        """Return the members by id.

        Raises:
            OSError: with the daemon's errno.
        """
        reply = self.ask(Opcode.GETALLMEMBERS)
        if reply.status < 0:
            raise OSError(-reply.status, "GETALLMEMBERS")
        return {
            each.node_id: each for each in decode_nodes(reply) if each.state == CmanState.MEMBER
        }

    def _receive(self) -> None:
        if self._serve is not None:
            self._serve()
        try:
            data = self.sock.recv(_CHUNK_BYTES)
        except ConnectionResetError:
            data = b""
        if not data:
            raise HungUpError("the daemon closed the connection")
        self._waiting.extend(self._reader.feed(data))
