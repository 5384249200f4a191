"""Socket addresses as C libraries hand them over."""

from __future__ import annotations

import socket
import struct
from typing import Final

ADDRESS_BYTES: Final = 28
"""The field in which they stand."""


def sockaddr(address: str) -> bytes:
    """Return the address as libraries give it: port 0, and scope id 2 where it is IPv6."""
    if ":" in address:
        packed = socket.inet_pton(socket.AF_INET6, address)
        return struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, packed, 2)
    packed = socket.inet_pton(socket.AF_INET, address)
    return struct.pack("=HH4s8x", socket.AF_INET, 0, packed)
