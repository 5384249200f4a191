"""Socket addresses as C libraries hand them over, as numeric text."""

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
