"""How the kernel reads the bytes of one write(2): numbers, addresses, words."""

from __future__ import annotations

import errno
import re

_DIGITS = {8: b"01234567", 10: b"0123456789", 16: b"0123456789abcdef"}
_WORD = 1 << 64
_SPACE = rb"[\t\n\v\f\r \xa0]*"
_OCTET = _SPACE + rb"([0-9]{1,3})"
_ADDRESS = re.compile(rb"\.".join([_OCTET] * 4))

ENDLESS_MS = (1 << 32) - 1
"""The first value of a *_ms attribute that is out of range."""


class KernelRefusal(Exception):  # noqa: N818 - it is the kernel's answer, not a fault of the fake
    """A store or a directory operation that the kernel refuses with this errno."""

    def __init__(self, number: int) -> None:
        super().__init__(errno.errorcode[number])
        self.errno = number


def require(condition: bool, number: int) -> None:  # noqa: FBT001 - reads as an assertion
    """Refuse with this errno unless the condition holds.

    Raises:
        KernelRefusal: with the errno.
    """
    if not condition:
        raise KernelRefusal(number)


def number(data: bytes, *, base: int = 0) -> int:
    """Read a number as the kernel does: no sign, no space, base by prefix, modulo 2**64.

    What follows the digits must be the end (or a NUL) or a newline; no digits at all is 0.

    Raises:
        KernelRefusal: EINVAL for anything else.
    """
    return _number(data.split(b"\0", 1)[0], base=base) % _WORD


def _number(text: bytes, *, base: int) -> int:
    text = text.lower()
    start = 0
    if base in {0, 16} and text[:2] == b"0x" and text[2:3] in list(_each(_DIGITS[16])):
        base, start = 16, 2
    elif base == 0:
        base = 8 if text[:1] == b"0" else 10
    end = start
    digits = _DIGITS[base]
    while end < len(text) and text[end] in digits:
        end += 1
    if text[end : end + 1] not in {b"", b"\n"}:
        raise KernelRefusal(errno.EINVAL)
    return int(text[start:end] or b"0", base)


def strict_number(data: bytes) -> int:
    """Read a number as the kernel's stricter reader does: a plus is allowed, one newline ends it.

    Raises:
        KernelRefusal: EINVAL for anything else, for no digits and for more than 64 bits.
    """
    text = data.split(b"\0", 1)[0].removeprefix(b"+").removesuffix(b"\n")
    if not text or b"\n" in text:
        raise KernelRefusal(errno.EINVAL)
    value = _number(text, base=0)
    if value >= _WORD:
        raise KernelRefusal(errno.EINVAL)
    return value


def _each(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def address(data: bytes) -> str:
    """Read an IPv4 address: four numbers of one to three digits; whatever follows is ignored.

    Raises:
        KernelRefusal: EINVAL when there are no four numbers, ERANGE for one above 255.
    """
    found = _ADDRESS.match(data.split(b"\0", 1)[0])
    if found is None:
        raise KernelRefusal(errno.EINVAL)
    octets = [int(group) for group in found.groups()]
    if max(octets) > 255:
        raise KernelRefusal(errno.ERANGE)
    return ".".join(str(octet) for octet in octets)


def milliseconds(data: bytes) -> int:
    """Read the value of a *_ms attribute.

    Raises:
        KernelRefusal: EINVAL for garbage and 0, ERANGE from 4294967295 on.
    """
    value = number(data)
    if value == 0:
        raise KernelRefusal(errno.EINVAL)
    if value >= ENDLESS_MS:
        raise KernelRefusal(errno.ERANGE)
    return value


def fence_method(data: bytes) -> str:
    """Read `reset` or `panic` in any case; the newline is part of the word.

    Raises:
        KernelRefusal: EINVAL for anything else.
    """
    for word in ("reset", "panic"):
        if data.lower() == word.encode() + b"\n":
            return word
    raise KernelRefusal(errno.EINVAL)


def heartbeat_mode(data: bytes) -> str:
    """Read `local` or `global`, or any beginning of it, in any case.

    A NUL ends the comparison, and then it must be the whole word (seen on 6.1).

    Raises:
        KernelRefusal: EINVAL for anything else.
    """
    wanted, nul, _ = data.removesuffix(b"\n").lower().partition(b"\0")
    for word in ("local", "global"):
        if wanted == word.encode() or (wanted and not nul and word.encode().startswith(wanted)):
            return word
    raise KernelRefusal(errno.EINVAL)
