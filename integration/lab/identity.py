"""Who a machine of the cluster is, and how a guest that was cloned becomes it."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from integration.guest_files import IDENTITY_PROGRAM

AWAKEN = ("cp", "/dev/stdin", "/dev/urandom")
"""What a guest that has its identity runs when it goes on from a saved state; its standard input
stirs its random numbers."""
DEFAULT_NETWORK = ipaddress.IPv4Network("10.77.0.0/24")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One machine of the cluster, by its number."""

    number: int
    """1 to 254."""
    network: ipaddress.IPv4Network = DEFAULT_NETWORK

    @property
    def name(self) -> str:
        """The host name."""
        return f"node{self.number}"

    @property
    def address(self) -> str:
        """The address on eth0."""
        return str(self.network[self.number])

    @property
    def mac(self) -> str:
        """The address of the network card."""
        return f"52:54:00:77:00:{self.number:02x}"

    @property
    def machine_id(self) -> str:
        """For /etc/machine-id; the same each time."""
        return hashlib.sha256(f"o2cbd lab {self.number}".encode()).hexdigest()[:32]


def identity_command(me: Identity, everybody: Sequence[Identity], now_s: float) -> list[str]:
    """What a guest runs to become a machine; its standard input stirs its random numbers.

    Args:
        me: who it becomes.
        everybody: the machines whose names it knows.
        now_s: the time, in seconds since 1970.
    """
    address = f"{me.address}/{me.network.prefixlen}"
    hosts = "\n".join(f"{one.address} {one.name}" for one in everybody)
    return [IDENTITY_PROGRAM, me.name, address, me.mac, me.machine_id, f"{now_s:.3f}", hosts]
