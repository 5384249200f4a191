"""One client's stream to a fake daemon: non-blocking both ways, with a bounded queue."""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Callable

from fakecluster.transport.poller import READ, WRITE, Poller

_READ_BYTES = 16384
_UCRED = struct.Struct("=iII")


Recv = Callable[[int], bytes]
"""Reads at most so many bytes, as recv(2) of a non-blocking socket."""


def _whatever_is_there(recv: Recv) -> bytes:
    return recv(_READ_BYTES)


class Stream:
    """A connection to one client; whatever the client does, only this stream ends.

    While frozen (a stopped daemon) nothing is read and nothing is written; what was queued goes
    out when it thaws.
    """

    def __init__(
        self,
        sock: socket.socket,
        poller: Poller,
        *,
        received: Callable[[bytes], None],
        closed: Callable[[], None],
        max_queued: int,
        cut: Callable[[Recv], bytes] = _whatever_is_there,
    ) -> None:
        """Watch `sock`, which is ours from now on.

        Args:
            sock: the accepted stream.
            poller: what calls us.
            received: called with what came, never with nothing; may close this stream.
            closed: called once, after the stream has ended, whoever ended it.
            max_queued: with one message more than this unsent the stream ends.
            cut: reads what is handled in one turn of the poller; what it leaves in the socket has
                its turn when all others have had theirs. Nothing: the stream has ended.
        """
        sock.settimeout(0)
        self._sock = sock
        self._poller = poller
        self._received = received
        self._closed = closed
        self._cut = cut
        self._max_queued = max_queued
        self._outbox: deque[bytes] = deque()
        self._frozen = False
        self._hang_up_when_sent = False
        self.peer_pid = _peer_pid(sock)
        """The process that connected."""
        self.open = True
        self._watch()

    @property
    def queued(self) -> int:
        """How many messages have not gone out whole."""
        return len(self._outbox)

    def send(self, message: bytes) -> None:
        """Send it now or queue it; over `max_queued` queued ones end the stream."""
        if not self.open or self._hang_up_when_sent:
            return
        self._outbox.append(message)
        self._flush()
        if self.open and len(self._outbox) > self._max_queued:
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
        """End the stream now; may be called twice."""
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
            data = self._cut(self._sock.recv)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._received(data)

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
