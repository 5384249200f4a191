"""Socket addresses as C libraries hand them over."""

from __future__ import annotations

import functools
import ipaddress
import socket
import struct
from typing import Final

ADDRESS_BYTES: Final = 28
"""The field in which they stand."""

SCOPE_ID: Final = 2
"""cman hard-codes the IPv6 scope id."""


# The same few are asked for again and again.
@functools.lru_cache(maxsize=4096)
def sockaddr(address: str) -> bytes:
    """Return a numeric address as libraries give it: 16 bytes IPv4, 28 bytes IPv6, port always 0.

    Raises:
        ValueError: it is no numeric address.
    """
    packed = ipaddress.ip_address(address).packed
    if len(packed) == 4:
        return struct.pack("=HH4s8x", socket.AF_INET, 0, packed)
    return struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, packed, SCOPE_ID)


def sockaddr_text(data: bytes) -> str:
    """Return the numeric address of a sockaddr, empty for an empty one.

    Raises:
        ValueError: it is neither IPv4 nor IPv6.
    """
    if not data:
        return ""
    (family,) = struct.unpack_from("=H", data)
    if family == socket.AF_INET:
        return str(ipaddress.IPv4Address(data[4:8]))
    if family == socket.AF_INET6:
        return str(ipaddress.IPv6Address(data[8:24]))
    raise ValueError(f"address family {family}")
