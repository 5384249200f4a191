"""The control socket of `fakecluster serve`: one JSON request and one JSON reply a line."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from fakecluster.transport.listener import Listener
from fakecluster.transport.poller import Poller
from fakecluster.transport.stream import Stream

SOCKET_NAME = "ctl.sock"
SCHEMA = 1
LINE_MAX_BYTES = 65536
_MODE = 0o600
_MAX_QUEUED = 64

Reply = Callable[[Mapping[str, Any]], None]
"""Takes the answer's fields; may be called later, and after the asker has gone."""
Handle = Callable[[Mapping[str, Any], Reply], None]
"""Does what a request says and sees to it that exactly one reply is made."""


class ServeControl:
    """Takes requests and hands them on; whoever owns the poller serves it."""

    def __init__(self, path: Path, poller: Poller, handle: Handle) -> None:
        """Bind and listen.

        Raises:
            PathTooLongError: the path would be cut.
            OSError: it cannot be bound.
        """
        self._poller = poller
        self._handle = handle
        self._streams: set[Stream] = set()
        self._listener = Listener(path, mode=_MODE, poller=poller, accepted=self._accept)

    def close(self) -> None:
        """Close everything and remove the socket."""
        self._listener.close(stale=False)
        for stream in tuple(self._streams):
            stream.close()

    def _accept(self, sock: socket.socket) -> None:
        asker = _Asker(self._handle)
        asker.stream = Stream(
            sock,
            self._poller,
            received=asker.received,
            closed=partial(self._gone, asker),
            max_queued=_MAX_QUEUED,
        )
        self._streams.add(asker.stream)

    def _gone(self, asker: _Asker) -> None:
        self._streams.discard(asker.stream)
        self._listener.resume()


class _Asker:
    stream: Stream

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._buffer = b""

    def received(self, data: bytes) -> None:
        self._buffer += data
        while b"\n" in self._buffer and self.stream.open:
            line, self._buffer = self._buffer.split(b"\n", 1)
            self._ask(line)
        if len(self._buffer) > LINE_MAX_BYTES:
            self._reply(failure("the request is too long"))
            self.stream.hang_up()

    def _ask(self, line: bytes) -> None:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict):
            self._reply(failure("a request is one JSON object a line"))
            return
        self._handle(request, self._reply)

    def _reply(self, fields: Mapping[str, Any]) -> None:
        answer = {"schema": SCHEMA, **fields}
        self.stream.send(json.dumps(answer, sort_keys=True).encode() + b"\n")


def failure(error: str, **more: Any) -> dict[str, Any]:
    """Return the fields of an answer that says what was wrong."""
    return {"ok": False, "error": error, **more}
