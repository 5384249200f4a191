"""Asking the running daemon over its control socket."""

from __future__ import annotations

import errno
import json
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from o2cbd.core.rules import SECOND_US
from o2cbd.service.control import SOCKET_NAME

REPLY_TIMEOUT_S = 5.0
"""The daemon answers at once, whatever it does."""

MAX_REPLY_BYTES = 16 * 1024 * 1024

_ABSENT = frozenset({errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR})


def _timeval(seconds: float) -> bytes:
    return struct.pack("@ll", *divmod(round(seconds * SECOND_US), SECOND_US))


class NoDaemonError(Exception):
    """Nobody answers at the control socket."""


class RefusedError(Exception):
    """The daemon does not do it; the text says why."""


class ControlClient:
    """One connection to the daemon of a runtime directory."""

    def __init__(self, runtime_dir: str) -> None:
        """Connect.

        Raises:
            NoDaemonError: no daemon runs there.
            PermissionError: there may be one, and it is not ours to ask.
            TimeoutError: there is one, and it takes no connection.
            OSError: the path cannot be a socket's.
        """
        path = str(Path(runtime_dir, SOCKET_NAME))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._received = b""
        try:
            # Not by settimeout: then many who connect at once would not be waited for.
            self._socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(REPLY_TIMEOUT_S)
            )
            self._socket.connect(path)
        except BlockingIOError:
            self._socket.close()
            raise TimeoutError("timed out") from None
        except OSError as error:
            self._socket.close()
            if error.filename is None:
                error.filename = path
            if error.errno in _ABSENT:
                raise NoDaemonError(
                    f"no o2cbd answers at {path}: start it, or give its --runtime-dir"
                ) from None
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, request: Mapping[str, object], within_s: float = 0.0) -> dict[str, Any]:
        """Send a request and return its reply.

        Args:
            request: a JSON object with `request`.
            within_s: how long the daemon may wait for a change before it answers.

        Raises:
            RefusedError: the daemon does not do it.
            NoDaemonError: it ended meanwhile.
            TimeoutError: it does not answer.
        """
        line = json.dumps({**request, "within_s": within_s}).encode() + b"\n"
        self._socket.settimeout(REPLY_TIMEOUT_S + within_s)
        try:
            self._socket.sendall(line)
            reply = self._read_line()
        except (BrokenPipeError, ConnectionResetError):
            raise NoDaemonError("o2cbd ended during the request") from None
        if "error" in reply:
            raise RefusedError(str(reply["error"]))
        return reply

    def _read_line(self) -> dict[str, Any]:
        while b"\n" not in self._received:
            data = self._socket.recv(65536)
            if not data or len(self._received) > MAX_REPLY_BYTES:
                raise NoDaemonError("o2cbd ended during the request")
            self._received += data
        line, _newline, self._received = self._received.partition(b"\n")
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise NoDaemonError("the control socket does not belong to an o2cbd")
        return reply
