"""The network under test: a learning switch whose ports can be kept from hearing each other."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterable, Iterator

_FRAME_BYTES = 1 << 17
_BUFFER_BYTES = 4 << 20
_ADDRESS = 6
_GROUP_BIT = 1


class LabNetwork:
    """Who hears whom, and where frames go by the addresses that were seen."""

    def __init__(self) -> None:
        self._host_of: dict[bytes, int] = {}
        self._cut: set[tuple[int, int]] = set()
        self._partitions: list[dict[int, int]] = []
        """Of each that was made, the group of every host that was named."""

    def cut(self, speaker: int, listener: int) -> None:
        """Let a host not hear another any more; the other way is not touched."""
        self._cut.add((speaker, listener))

    def partition(self, *groups: Iterable[int]) -> None:
        """Let hosts hear each other within a group alone, beside the cuts there are.

        Those that are not named are a group too.
        """
        self._partitions.append(
            {host: number for number, group in enumerate(groups) for host in group}
        )

    def heal(self) -> None:
        """Let everybody hear everybody."""
        self._cut.clear()
        self._partitions.clear()

    def hears(self, listener: int, speaker: int) -> bool:
        """Whether what one host sends reaches another."""
        together = all(part.get(speaker) == part.get(listener) for part in self._partitions)
        return together and (speaker, listener) not in self._cut

    def listeners(self, speaker: int, frame: bytes, hosts: Iterable[int]) -> list[int]:
        """The hosts that a frame goes to.

        Args:
            speaker: the host that sent it.
            frame: an Ethernet frame.
            hosts: all that are plugged in.
        """
        if len(frame) < 2 * _ADDRESS:
            return []
        target, source = frame[:_ADDRESS], frame[_ADDRESS : 2 * _ADDRESS]
        self._host_of[source] = speaker
        known = None if target[0] & _GROUP_BIT else self._host_of.get(target)
        return [
            host
            for host in sorted(hosts)
            if host != speaker and known in {None, host} and self.hears(host, speaker)
        ]


class Switch:
    """Carries frames between the hosts that are plugged in, in a thread of its own.

    Frames that a host does not take at once are lost, as on a wire.
    """

    def __init__(self) -> None:
        """Start with nobody plugged in."""
        self.network = LabNetwork()
        """Decides where frames go."""
        self._ports: dict[int, socket.socket] = {}
        self._lock = threading.Lock()
        self._waking, self._wake = socket.socketpair()
        self._closed = False
        self._thread = threading.Thread(target=self._carry, name="switch", daemon=True)
        self._thread.start()

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[Switch]:
        """A switch that works until the end of the block."""
        switch = cls()
        try:
            yield switch
        finally:
            switch.close()

    def plug(self, host: int) -> socket.socket:
        """A host's end of a new cable, for its qemu; one that it had is unplugged."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.settimeout(0)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        with self._lock:
            old = self._ports.pop(host, None)
            if old is not None:
                old.close()
            self._ports[host] = ours
        self._wake.send(b"w")
        return theirs

    def close(self) -> None:
        """End the thread and unplug everybody."""
        self._closed = True
        self._wake.send(b"w")
        self._thread.join()
        for end in (*self._ports.values(), self._waking, self._wake):
            end.close()

    def _carry(self) -> None:
        while not self._closed:
            poller = select.poll()
            poller.register(self._waking, select.POLLIN)
            with self._lock:
                speakers = {port.fileno(): host for host, port in self._ports.items()}
            for fd in speakers:
                poller.register(fd, select.POLLIN)
            for fd, _ in poller.poll():
                if fd == self._waking.fileno():
                    self._waking.recv(_FRAME_BYTES)
                else:
                    self._carry_from(speakers[fd])

    def _carry_from(self, speaker: int) -> None:
        with self._lock:
            port = self._ports.get(speaker)
            if port is None:
                return
            try:
                frame = port.recv(_FRAME_BYTES)
            except OSError:
                return  # nothing there after all, or its qemu has just ended
            for host in self.network.listeners(speaker, frame, self._ports):
                with contextlib.suppress(OSError):  # full, or its qemu has just ended
                    self._ports[host].send(frame)
