"""Orders to qemu itself, over its monitor (QMP)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from qemu.qmp import QMPClient, QMPError

from integration.errors import GuestError

_ORDER_TIMEOUT_S = 120


class Monitor:
    """One qemu's monitor; the loop of its library runs only while an order is given."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: QMPClient) -> None:
        """Give orders by a client that is connected."""
        self._loop = loop
        self._client = client
        self._lock = threading.Lock()

    def order(self, command: str, **arguments: Any) -> Any:
        """Give an order and wait for its answer; what it returns.

        Raises:
            GuestError: qemu refused, or does not answer.
        """
        with self._lock:
            call = self._client.execute(command, arguments or None)
            try:
                return self._loop.run_until_complete(asyncio.wait_for(call, _ORDER_TIMEOUT_S))
            except (QMPError, TimeoutError) as error:
                raise GuestError(f"qemu failed to {command}: {error!r}") from error


def monitor_arguments(fd: int) -> tuple[str, ...]:
    """The arguments that give qemu a monitor on a socket that it inherits."""
    return ("-chardev", f"socket,id=monitor,fd={fd}", "-mon", "chardev=monitor,mode=control")


@contextlib.contextmanager
def monitoring(ours: socket.socket) -> Iterator[Monitor]:
    """The monitor behind a socket.

    Raises:
        GuestError: qemu does not answer.
    """
    loop = asyncio.new_event_loop()
    client = QMPClient()
    try:
        try:
            loop.run_until_complete(asyncio.wait_for(client.connect(ours), _ORDER_TIMEOUT_S))
        except (QMPError, TimeoutError) as error:
            raise GuestError(f"qemu's monitor does not answer: {error!r}") from error
        yield Monitor(loop, client)
    finally:
        with contextlib.suppress(QMPError, EOFError, OSError):
            loop.run_until_complete(client.disconnect())
        loop.close()
