"""A quorum disk's daemon, as far as cman knows it: it registers a device, and polls it."""

from __future__ import annotations

import threading
from typing import Final

from fakecluster.cman.topology import QuorumDisk
from fakecluster.cman.wire.codec import Opcode, encode_ints
from fakecluster.cman.wire.raw_client import RawClient

_POLL_S: Final = 2.0
"""cman gives a device up that is not polled for 6 s."""


class DiskDaemon:
    """The daemon of one node; it ends with its cman."""

    def __init__(self, client: RawClient, disk: QuorumDisk) -> None:
        """Register the device, and begin to poll that it is there.

        Args:
            client: an administrator's connection, nobody else's.
            disk: which.

        Raises:
            OSError: with cman's errno.
        """
        self._client = client
        self._available = True
        self._changed = threading.Event()
        self._closed = False
        name = disk.name.encode() + b"\0"
        status = client.ask(Opcode.REG_QUORUMDEV, encode_ints(disk.votes) + name).status
        if status < 0:
            client.close()
            raise OSError(-status, f"cman does not take the quorum device {disk.name}")
        self._thread = threading.Thread(target=self._poll, name="quorum-disk", daemon=True)
        self._thread.start()

    def found(self, *, available: bool) -> None:
        """Poll with this result from now on."""
        self._available = available
        self._changed.set()

    def close(self) -> None:
        """End it; its cman has ended, or answers."""
        self._closed = True
        self._changed.set()
        self._thread.join()

    def _poll(self) -> None:
        with self._client:
            while not self._closed:
                try:
                    self._client.ask(Opcode.POLL_QUORUMDEV, encode_ints(int(self._available)))
                except OSError:  # cman has gone, and its devices with it
                    return
                self._changed.wait(_POLL_S)
                self._changed.clear()
