"""Addresses as C libraries and configuration files have them, as canonical numeric text."""

from __future__ import annotations

import socket
import sys
from typing import Final

_FAMILY_BYTES: Final = 2
_IPV4: Final = slice(4, 8)
_IPV6: Final = slice(8, 24)


def address_text(sockaddr: bytes, length: int) -> str | None:
    """Return the address of a sockaddr_in or sockaddr_in6, without port and scope.

    None for an unset address, another family, or one that is cut short by `length` or the bytes.
    """
    known = sockaddr[: max(length, 0)]
    family = int.from_bytes(known[:_FAMILY_BYTES], sys.byteorder) if known else socket.AF_UNSPEC
    if family == socket.AF_INET and len(known) >= _IPV4.stop:
        return socket.inet_ntop(socket.AF_INET, known[_IPV4])
    if family == socket.AF_INET6 and len(known) >= _IPV6.stop:
        return socket.inet_ntop(socket.AF_INET6, known[_IPV6])
    return None


def numeric(text: str) -> str:
    """Return the canonical text of a written IPv4 or IPv6 address without its scope, "" for a name.

    `10.1` and `010.0.0.1` are no addresses here: whoever resolves them may take them for others.
    """
    plain = text.partition("%")[0]
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_ntop(family, socket.inet_pton(family, plain))
        except (OSError, ValueError):
            continue
    return ""
