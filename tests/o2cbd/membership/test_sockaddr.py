"""Socket addresses as numeric text."""

from __future__ import annotations

import struct

import pytest

from o2cbd.membership.sockaddr import address_text, numeric

IPV4 = struct.pack("=HH4s8x", 2, 0, bytes([192, 0, 2, 7])).ljust(28, b"\0")
IPV6 = struct.pack("=HHI16sI", 10, 0, 0, b"\x20\x01\x0d\xb8" + bytes(11) + b"\x07", 2)


@pytest.mark.parametrize(
    ("sockaddr", "length", "text"),
    [
        (IPV4, 16, "192.0.2.7"),
        (IPV4, 28, "192.0.2.7"),
        (IPV4, 8, "192.0.2.7"),
        (IPV4, 7, None),
        (IPV4, 0, None),
        (IPV4, -1, None),
        (IPV4[:6], 16, None),
        (bytes(28), 16, None),
        (IPV6, 28, "2001:db8::7"),
        (IPV6, 24, "2001:db8::7"),
        (IPV6, 23, None),
        (IPV6[:20], 28, None),
        (struct.pack("=H", 1) + b"/a/path".ljust(26, b"\0"), 28, None),
        (b"\2", 16, None),
        (b"", 16, None),
    ],
)
def test_only_a_whole_internet_address_has_a_text(
    sockaddr: bytes, length: int, text: str | None
) -> None:
    assert address_text(sockaddr, length) == text


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("alpha", ""),
        ("", ""),
        ("10.1", ""),
        ("010.0.0.1", ""),
        ("192.0.2.7 ", ""),
        ("a\0b", ""),
    ],
)
def test_written_address_has_a_canonical_text(text: str, address: str) -> None:
    assert numeric(text) == address
