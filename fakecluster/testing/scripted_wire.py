"""A cman of raw bytes: one scripted conversation on a socket, to check a client to the byte.

It knows nothing of the protocol beyond its header, and shares no code with the wire server, so that
each is an independent check of the other.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

TIMEOUT_S: Final = 20
"""For each wait of a conversation; a script that does not come to its end fails."""

MAGIC: Final = 0x434D414E
VERSION: Final = 0x10000003
GARBAGE_VERSION: Final = 0xDEADBEEF
"""In what the daemon sends the version is not initialised."""


def request(command: int, body: bytes = b"", flags: int = 0) -> bytes:
    """Return the bytes of a request."""
    return struct.pack("=5I", MAGIC, VERSION, 20 + len(body), command, flags) + body


def reply(command: int, status: int, payload: bytes = b"") -> bytes:
    """Return the bytes of a reply."""
    body = struct.pack("=i", status) + payload
    return message(command | 0x40000000, body)


def event(reason: int, argument: int) -> bytes:
    """Return the 28 bytes of an event."""
    return message(0x102, struct.pack("=ii", reason, argument))


def message(command: int, body: bytes) -> bytes:
    """Return the bytes of anything that the daemon sends."""
    return struct.pack("=5I", MAGIC, GARBAGE_VERSION, 20 + len(body), command, 0) + body


class ScriptedConversation:
    """The daemon's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def expect(self, wanted: bytes) -> None:
        """Receive exactly these bytes.

        Raises:
            AssertionError: something else came.
        """
        got = self.receive(len(wanted))
        if got != wanted:
            raise AssertionError(f"wanted {wanted.hex(' ', 4)}, got {got.hex(' ', 4)}")

    def expect_end(self) -> None:
        """Wait until the client has closed its end.

        Raises:
            AssertionError: it said something more.
        """
        with suppress(ConnectionResetError):
            rest = self._sock.recv(4096)
            if rest:
                raise AssertionError(f"wanted the end, got {rest.hex(' ', 4)}")

    def receive(self, length: int) -> bytes:
        """Receive that many bytes, or fewer at the end."""
        got = b""
        while len(got) < length:
            part = self._sock.recv(length - len(got))
            if not part:
                break
            got += part
        return got

    def leave_unread(self, length: int) -> None:
        """Wait until that many bytes are there, and leave them."""
        self._sock.recv(length, socket.MSG_PEEK | socket.MSG_WAITALL)

    def send(self, *parts: bytes) -> None:
        """Send the bytes, each part by itself."""
        for part in parts:
            self._sock.sendall(part)

    def answer(self, wanted: bytes, *parts: bytes) -> None:
        """Expect a request, then send."""
        self.expect(wanted)
        self.send(*parts)


Script = Callable[[ScriptedConversation], None]


def answering(*rows: tuple[bytes, bytes]) -> Script:
    """Return a script that answers these requests, in this order, until the client's end."""

    def script(cman: ScriptedConversation) -> None:
        for wanted, answer in rows:
            cman.answer(wanted, answer)
        cman.expect_end()

    return script


@contextmanager
def scripted(path: Path, script: Script) -> Iterator[None]:
    """Serve one connection on this path, and close it when the script has ended.

    What the script raises is raised at the end of the with block, unless the block itself failed.
    """
    failures: list[BaseException] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.settimeout(TIMEOUT_S)
        listener.bind(str(path))
        listener.listen(1)

        def serve() -> None:
            try:
                sock, _ = listener.accept()
                with sock:
                    sock.settimeout(TIMEOUT_S)
                    script(ScriptedConversation(sock))
            except (OSError, AssertionError) as error:
                failures.append(error)

        thread = threading.Thread(target=serve, name="scripted-cman", daemon=True)
        thread.start()
        yield
        thread.join(2 * TIMEOUT_S)
    if thread.is_alive():
        failures.append(AssertionError("the script did not end"))
    if failures:
        raise failures[0]
