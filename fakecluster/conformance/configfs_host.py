"""What conformance rows may ask of a real host, as far as a single machine can do it."""

from __future__ import annotations

import errno
import os
import socket
import subprocess

ADDRESS = "127.0.0.1"
_CONNECT_TIMEOUT_S = 5.0
_COMMAND_TIMEOUT_S = 30

CAPABILITIES = frozenset({"bind", "second-address"})
"""What `RealHost` adds to a place; `second-address` needs root and `ip`."""


class RealHost:
    """The `HostActions` of this machine: its ports, and addresses of its loopback interface.

    Mounts, heartbeats and peers need a shared disk and other nodes: EOPNOTSUPP.
    """

    def __init__(self) -> None:
        self._taken: dict[int, socket.socket] = {}
        self._addresses: set[str] = set()

    def act(self, action: str, argument: str) -> str:
        """Do it; return what it answers, if it answers anything.

        Raises:
            OSError: it cannot be done.
        """
        match action:
            case "take-port":
                self._taken[int(argument)] = _listening(int(argument))
            case "free-port":
                self._taken.pop(int(argument)).close()
            case "listening":
                return "yes" if _answers(int(argument)) else "no"
            case "add-address":
                _ip("add", argument)
                self._addresses.add(argument)
            case "remove-address":
                _ip("del", argument)
                self._addresses.discard(argument)
            case _:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), action)
        return ""

    def undo(self) -> None:
        """Undo everything that was done."""
        for taken in self._taken.values():
            taken.close()
        self._taken.clear()
        while self._addresses:
            _ip("del", self._addresses.pop())


def _listening(port: int) -> socket.socket:
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        taken.bind((ADDRESS, port))
        taken.listen()
    except OSError:
        taken.close()
        raise
    return taken


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((ADDRESS, port), timeout=_CONNECT_TIMEOUT_S):
            return True
    except ConnectionRefusedError:
        return False


def _ip(verb: str, address: str) -> None:
    done = subprocess.run(
        ["ip", "address", verb, f"{address}/32", "dev", "lo"],  # noqa: S607 - of the guest's PATH
        capture_output=True,
        text=True,
        timeout=_COMMAND_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise OSError(errno.EIO, done.stderr.strip(), address)
