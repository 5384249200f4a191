"""One client's connection to a fake cman: bytes in, requests out; messages in, bytes out."""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Callable

from fakecluster.cman.wire import BadHeader, Message, Request, RequestReader
from fakecluster.poller import READ, WRITE, Poller

MAX_QUEUED = 128
"""cman's max_queued: with one message more than this unsent, the client is disconnected."""

_READ_BYTES = 16384
_UCRED = struct.Struct("=iII")

Received = Callable[[Request | BadHeader], None]


class Connection:
    """A non-blocking stream to one client; whatever the client does, only this connection ends.

    While frozen (a stopped cman) nothing is read and nothing is written; what was queued goes out
    when it thaws.
    """

    def __init__(
        self,
        sock: socket.socket,
        poller: Poller,
        *,
        received: Received,
        closed: Callable[[], None],
    ) -> None:
        """Watch `sock`, which is ours from now on.

        Args:
            sock: the accepted stream.
            poller: what calls us.
            received: called with each message; may close this connection.
            closed: called once, after the connection has ended, whoever ended it.
        """
        sock.settimeout(0)
        self._sock = sock
        self._poller = poller
        self._received = received
        self._closed = closed
        self._reader = RequestReader()
        self._outbox: deque[bytes] = deque()
        self._frozen = False
        self._hang_up_when_sent = False
        self.peer_pid = _peer_pid(sock)
        """The process that connected."""
        self.open = True
        self._watch()

    def send(self, message: Message) -> None:
        """Send it now or queue it; over `MAX_QUEUED` queued ones end the connection."""
        if not self.open or self._hang_up_when_sent:
            return
        self._outbox.append(message.encode())
        self._flush()
        if self.open and len(self._outbox) > MAX_QUEUED:
            self.close()

    def hang_up(self) -> None:
        """Close as soon as what is queued has gone out; nothing more is read or queued."""
        self._hang_up_when_sent = True
        self._flush()

    def freeze(self, *, frozen: bool) -> None:
        """Stop, or go on, serving this client."""
        if not self.open or frozen == self._frozen:
            return
        self._frozen = frozen
        if frozen:
            self._poller.forget(self._sock.fileno())
        else:
            self._watch()
            self._flush()

    def close(self) -> None:
        """End the connection now; may be called twice."""
        if not self.open:
            return
        self.open = False
        self._poller.forget(self._sock.fileno())
        self._sock.close()
        self._outbox.clear()
        self._closed()

    def _watch(self) -> None:
        events = 0 if self._hang_up_when_sent else READ
        if self._outbox:
            events |= WRITE
        self._poller.watch(self._sock.fileno(), events, self._ready)

    def _ready(self, _events: int) -> None:
        # The flags are not trusted: each call below finds out by itself, and waits for nothing.
        self._flush()
        if self.open and not self._hang_up_when_sent:
            self._read()

    def _read(self) -> None:
        try:
            data = self._sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        for message in self._reader.feed(data):
            self._received(message)
            if not self.open:
                return

    def _flush(self) -> None:
        if self._frozen or not self.open:
            return
        while self._outbox:
            head = self._outbox[0]
            try:
                sent = self._sock.send(head, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                break
            except OSError:
                self.close()
                return
            if sent < len(head):
                self._outbox[0] = head[sent:]
                break
            self._outbox.popleft()
        if self._hang_up_when_sent and not self._outbox:
            self.close()
        else:
            self._watch()


def _peer_pid(sock: socket.socket) -> int:
    pid, _uid, _gid = _UCRED.unpack(
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    )
    return int(pid)
