"""The control socket: one JSON request and one reply a line, whatever a client does.

It never blocks and has a limit for everything that a client can make grow.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import selectors
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from o2cbd.clock import Clock
from o2cbd.core.rules import SECOND_US

SOCKET_NAME = "control.sock"
"""In the runtime directory."""

SOCKET_MODE = 0o600

MAX_CLIENTS = 32
"""One more, and the client that was silent longest is disconnected."""

MAX_REQUEST_BYTES = 4096

PATIENCE_US = 10 * SECOND_US
"""A client that neither completes a request nor takes its reply for so long is disconnected."""

Request = Mapping[str, object]
Reply = Mapping[str, object]
Answer = Callable[[Request, bool], Reply | None]
"""Answers a request; None: not yet, ask again after the next change. The flag says that it is asked
for the last time."""


class BadRequestError(Exception):
    """The request cannot be answered; the text goes to the client."""


@dataclass(eq=False, slots=True, kw_only=True)
class _Client:
    socket: socket.socket
    heard_us: int
    """When it came, or completed a request last."""
    deadline_us: int
    received: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)
    waiting: Request | None = None
    """A request that has no answer yet."""
    over: bool = False
    """It sends nothing more."""


class ControlServer:
    """Serves the socket in somebody else's selector; every method is the main thread's."""

    def __init__(
        self, path: Path, answer: Answer, clock: Clock, selector: selectors.BaseSelector
    ) -> None:
        """Make the socket; one that is there already is stale, since the caller has the lock.

        Raises:
            OSError: it cannot be made; the path may be too long for AF_UNIX, and is never cut.
        """
        self._path = path
        self._answer = answer
        self._clock = clock
        self._selector = selector
        self._clients: list[_Client] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._listener.settimeout(0)
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            mask = os.umask(0o777 & ~SOCKET_MODE)
            try:
                self._listener.bind(str(path))
            except OSError as error:
                error.filename = str(path)
                raise
            finally:
                os.umask(mask)
            self._listener.listen(MAX_CLIENTS)
            self._identity = _identity(path)
        except BaseException:
            self._listener.close()
            raise
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def next_deadline_us(self) -> int | None:
        """Return when `expire` has something to do; None: never, as things are."""
        return min((client.deadline_us for client in self._clients), default=None)

    def expire(self) -> None:
        """Give up on clients whose time is over; answer those who waited for a change."""
        now_us = self._clock.now_us()
        for client in [one for one in self._clients if one.deadline_us <= now_us]:
            if client.waiting is None:
                self._drop(client)
            else:
                self._ask(client, client.waiting, last=True)
                client.waiting = None
                self._go_on(client)

    def changed(self) -> None:
        """Ask again for those who wait for a change."""
        for client in [one for one in self._clients if one.waiting is not None]:
            if client.waiting is not None:
                self._ask(client, client.waiting, last=False)
                self._go_on(client)

    def close(self) -> None:
        """Disconnect everybody and take the socket away; may be called twice."""
        for client in list(self._clients):
            self._drop(client)
        if self._listener.fileno() >= 0:
            self._selector.unregister(self._listener)
            self._listener.close()
            with contextlib.suppress(OSError):
                # The directory may have been taken away, and be another daemon's now.
                if _identity(self._path) == self._identity:
                    self._path.unlink()

    def _accept(self, _events: int) -> None:
        try:
            connection, _address = self._listener.accept()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                self._drop_most_silent()
            return  # else it went away again
        connection.settimeout(0)
        if len(self._clients) >= MAX_CLIENTS:
            self._drop_most_silent()
        now_us = self._clock.now_us()
        client = _Client(socket=connection, heard_us=now_us, deadline_us=now_us + PATIENCE_US)
        self._clients.append(client)
        self._selector.register(
            connection, selectors.EVENT_READ, lambda events: self._serve(client, events)
        )

    def _serve(self, client: _Client, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                self._receive(client)
            self._go_on(client)
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)

    def _receive(self, client: _Client) -> None:
        data = client.socket.recv(MAX_REQUEST_BYTES)
        client.received += data
        client.over = client.over or not data

    def _go_on(self, client: _Client) -> None:
        """Answer what is there, send what can be sent, and wait for what is missing."""
        self._send(client)
        while client.waiting is None and not client.unsent:
            line, newline, rest = client.received.partition(b"\n")
            if not newline:
                break
            client.received = rest
            self._take(client, bytes(line))
            self._send(client)
        if len(client.received) > MAX_REQUEST_BYTES and not client.unsent:
            client.received.clear()
            client.waiting = None
            client.over = True
            self._reply(client, _error(f"a request has at most {MAX_REQUEST_BYTES} bytes"))
            self._send(client)
        if client.over and not client.unsent:
            self._drop(client)
        else:
            self._watch(client)

    def _take(self, client: _Client, line: bytes) -> None:
        client.heard_us = self._clock.now_us()
        client.deadline_us = client.heard_us + PATIENCE_US
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            self._reply(client, _error("a request is one line of JSON"))
            return
        if not isinstance(request, dict):
            self._reply(client, _error("a request is a JSON object"))
            return
        within_s = request.get("within_s")
        if isinstance(within_s, int | float) and 0 <= within_s <= PATIENCE_US / SECOND_US:
            client.deadline_us = self._clock.now_us() + round(within_s * SECOND_US)
        self._ask(client, request, last=False)

    def _ask(self, client: _Client, request: Request, *, last: bool) -> None:
        try:
            reply = self._answer(request, last)
        except BadRequestError as error:
            reply = _error(str(error))
        client.waiting = request if reply is None else None
        if reply is not None:
            self._reply(client, reply)

    def _reply(self, client: _Client, reply: Reply) -> None:
        client.unsent += json.dumps(reply, separators=(",", ":")).encode() + b"\n"
        client.deadline_us = self._clock.now_us() + PATIENCE_US

    def _send(self, client: _Client) -> None:
        try:
            while client.unsent:
                sent = client.socket.send(client.unsent)
                del client.unsent[:sent]
        except BlockingIOError:
            return
        except OSError:
            client.unsent.clear()
            client.over = True

    def _watch(self, client: _Client) -> None:
        """Read nothing more from a client that has not taken its reply."""
        wanted = selectors.EVENT_WRITE if client.unsent else selectors.EVENT_READ
        self._selector.modify(client.socket, wanted, lambda seen: self._serve(client, seen))

    def _drop_most_silent(self) -> None:
        """Make room for one more; who waits for a change and said so lately stays."""
        if self._clients:
            self._drop(min(self._clients, key=lambda client: client.heard_us))

    def _drop(self, client: _Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            self._selector.unregister(client.socket)
            client.socket.close()


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _error(text: str) -> dict[str, object]:
    return {"schema": 1, "error": text}
