"""The other end of the control socket: asks a running `fakecluster serve`."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from fakecluster.server.control import SCHEMA, SOCKET_NAME
from fakecluster.transport.listener import check_path

DEFAULT_TIMEOUT_S = 60.0
_CHUNK_BYTES = 65536


class NoServerError(OSError):
    """Nobody serves this directory, or the server went away before it answered."""


def ask(
    directory: Path,
    verb: str,
    arguments: Mapping[str, Any],
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> dict[str, Any]:
    """Ask the server of `directory` and return its answer.

    Args:
        directory: what `serve --dir` was given.
        verb: what to do.
        arguments: the verb's own fields.
        timeout_s: how long one answer may take.

    Raises:
        NoServerError: there is none.
        TimeoutError: it did not answer in time.
    """
    with Asked(directory, verb, arguments, timeout_s=timeout_s) as asked:
        return asked.wait()


class Asked:
    """A request that was sent; its answer may come much later. A context manager.

    Raises:
        NoServerError: there is no server.
    """

    def __init__(
        self,
        directory: Path,
        verb: str,
        arguments: Mapping[str, Any],
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Send it; the arguments are those of `ask`."""
        self._path = directory / SOCKET_NAME
        check_path(self._path)
        line = json.dumps({"schema": SCHEMA, "verb": verb, **arguments}).encode() + b"\n"
        self._received = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(self._path))
            self._socket.sendall(line)
        except OSError as error:
            self._socket.close()
            if isinstance(error, FileNotFoundError | ConnectionRefusedError):
                text = "no fakecluster serves here"
                raise NoServerError(error.errno, text, str(self._path)) from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait no more."""
        self._socket.close()

    def wait(self) -> dict[str, Any]:
        """Return the answer once it is there.

        Raises:
            NoServerError: the server went away before.
            TimeoutError: it did not come in time.
        """
        while not self._received.endswith(b"\n"):
            data = self._socket.recv(_CHUNK_BYTES)
            if not data:
                raise NoServerError(None, "the server ended before it answered", str(self._path))
            self._received += data
        answer: dict[str, Any] = json.loads(self._received)
        return answer

    def answered(self) -> bool:
        """Return whether `wait` would return, or raise, at once or very soon."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return self._received.endswith(b"\n") or bool(poll.poll(0))
