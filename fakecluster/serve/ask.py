"""The other end of the control socket: asks a running `fakecluster serve`."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fakecluster.listener import check_path
from fakecluster.serve.control import SCHEMA, SOCKET_NAME

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
    path = directory / SOCKET_NAME
    check_path(path)
    line = json.dumps({"schema": SCHEMA, "verb": verb, **arguments}).encode() + b"\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout_s)
        try:
            sock.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NoServerError(error.errno, "no fakecluster serves here", str(path)) from error
        sock.sendall(line)
        return _answer(sock, path)


def _answer(sock: socket.socket, path: Path) -> dict[str, Any]:
    received = b""
    while not received.endswith(b"\n"):
        data = sock.recv(_CHUNK_BYTES)
        if not data:
            raise NoServerError(None, "the server ended before it answered", str(path))
        received += data
    answer: dict[str, Any] = json.loads(received)
    return answer
