"""What of a fake host the kernel asks when it binds o2net's listener; no real socket is made."""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Iterable

from fakecluster.configfs.values import KernelRefusal

_LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")


class FakeHost:
    """The addresses of a host and its table of TCP ports in use."""

    def __init__(self, addresses: Iterable[str] = ()) -> None:
        self._addresses = set(addresses)
        self._taken: set[tuple[str, int]] = set()
        self.listener: tuple[str, int] | None = None
        """Where o2net listens."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses beside 127/8, sorted."""
        return tuple(sorted(self._addresses))

    def add_address(self, address: str) -> None:
        """Give the host an address."""
        self._addresses.add(address)

    def remove_address(self, address: str) -> None:
        """Take an address away; a listener on it stays, as in a real kernel."""
        self._addresses.discard(address)

    def set_addresses(self, addresses: Iterable[str]) -> None:
        """Give the host these addresses and no others."""
        self._addresses = set(addresses)

    def take_port(self, port: int, address: str = "0.0.0.0") -> None:
        """Let some other program listen; the address 0.0.0.0 stands for all."""
        self._taken.add((address, port))

    def free_port(self, port: int, address: str = "0.0.0.0") -> None:
        """End what `take_port` began."""
        self._taken.discard((address, port))

    def listen(self, address: str, port: int) -> None:
        """Bind o2net's listener.

        Raises:
            KernelRefusal: EADDRNOTAVAIL or EADDRINUSE.
        """
        refusal = self._refusal(address, port)
        if refusal is not None:
            raise KernelRefusal(refusal)
        self.listener = (address, port)

    def can_listen(self, address: str, port: int) -> bool:
        """Tell whether `listen` would succeed."""
        return self._refusal(address, port) is None

    def _refusal(self, address: str, port: int) -> int | None:
        if address not in self._addresses and ipaddress.IPv4Address(address) not in _LOOPBACK:
            return errno.EADDRNOTAVAIL
        if (address, port) in self._taken or ("0.0.0.0", port) in self._taken:
            return errno.EADDRINUSE
        return None

    def stop_listening(self) -> None:
        """Close o2net's listener."""
        self.listener = None
