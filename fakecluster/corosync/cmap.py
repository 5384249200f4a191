"""Corosync's configuration map and quorum, read by ctypes; in guests, too.

Not by the daemon's own code, which is judged by this, and not by corosync's tools: to start a
program and to connect costs an emulated processor more than the reading.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from typing import Final

_CS_OK: Final = 1
_CS_ERR_NO_SECTIONS: Final = 27
_KEY_BYTES: Final = 256
_SIGNED: Final = frozenset({1, 3, 5, 7})
_UNSIGNED: Final = frozenset({2, 4, 6, 8})
_STRING: Final = 11
"""Types of values: 1 to 8 are integers of 8 to 64 bits, signed and unsigned in turn."""


class CmapError(Exception):
    """Corosync has gone, or refuses; the text has its error code."""


class CorosyncMap:
    """A connection to corosync's map and its quorum, for its life."""

    def __init__(self) -> None:
        """Connect.

        Raises:
            CmapError: corosync does not let us.
            OSError: its libraries are not there.
        """
        self._cmap, self._quorum = ctypes.CDLL("libcmap.so.4"), ctypes.CDLL("libquorum.so.5")
        self._keys, self._votes, kind = ctypes.c_uint64(), ctypes.c_uint64(), ctypes.c_uint32()
        _check("cmap", self._cmap.cmap_initialize(ctypes.byref(self._keys)))
        begun = self._quorum.quorum_initialize(ctypes.byref(self._votes), None, ctypes.byref(kind))
        if begun != _CS_OK:
            self._cmap.cmap_finalize(self._keys)
        _check("quorum", begun)

    def close(self) -> None:
        """End it; a corosync that has gone does not mind."""
        self._quorum.quorum_finalize(self._votes)
        self._cmap.cmap_finalize(self._keys)

    def quorate(self) -> bool:
        """Whether this partition has quorum.

        Raises:
            CmapError: corosync does not say.
        """
        quorate = ctypes.c_int()
        _check("quorum", self._quorum.quorum_getquorate(self._votes, ctypes.byref(quorate)))
        return bool(quorate.value)

    def values(self, prefixes: Iterable[str]) -> dict[str, str]:
        """Every key that begins with one of these, with its value as text.

        Raises:
            CmapError: corosync does not say.
        """
        return {key: self._value(key) for prefix in prefixes for key in self._names(prefix)}

    def _names(self, prefix: str) -> Iterator[str]:
        walk = ctypes.c_uint64()
        begun = self._cmap.cmap_iter_init(self._keys, prefix.encode(), ctypes.byref(walk))
        _check("cmap", begun)
        name = ctypes.create_string_buffer(_KEY_BYTES)
        try:
            while True:
                code = self._cmap.cmap_iter_next(self._keys, walk, name, None, None)
                if code == _CS_ERR_NO_SECTIONS:
                    return
                _check("cmap", code)
                yield name.value.decode()
        finally:
            self._cmap.cmap_iter_finalize(self._keys, walk)

    def _value(self, key: str) -> str:
        """One value; a number of at most 64 bits, or a text of at most 255 bytes."""
        data = ctypes.create_string_buffer(_KEY_BYTES)
        size, kind = ctypes.c_size_t(_KEY_BYTES), ctypes.c_int()
        name = key.encode()
        code = self._cmap.cmap_get(self._keys, name, data, ctypes.byref(size), ctypes.byref(kind))
        _check("cmap", code)
        if kind.value == _STRING:
            return data.value.decode()
        if kind.value not in _SIGNED | _UNSIGNED:
            raise CmapError(f"{key} is of type {kind.value}")
        signed = kind.value in _SIGNED
        return str(int.from_bytes(data.raw[: size.value], "little", signed=signed))


def _check(what: str, code: int) -> None:
    if code != _CS_OK:
        raise CmapError(f"{what}: cs_error {code}")
