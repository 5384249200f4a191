"""The fingerprint of a node table: equal on two hosts exactly when OCFS2 would agree on a mount."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from operator import itemgetter

from o2cbd.core.gap import gap
from o2cbd.core.model import Entry

FINGERPRINT_DIGITS = 16

_Row = tuple[int, str, int, bytes]
"""Num, address, port, and the line that they make."""

_line_of = itemgetter(3)


class Fingerprint:
    r"""Hashes one reading of a table after the other; rows that are as they were stay as they are.

    A fingerprint is the first 16 hex digits of the sha256 over ``num address port\n`` of each
    complete entry, sorted by num. Names and `local` do not count, as in the kernel's own comparison
    at mount ("node mismatch -22").
    """

    def __init__(self) -> None:
        """Begin with an empty table."""
        self._entries: Sequence[Entry] = ()
        self._rows: list[_Row] = []
        self._text = _digest(())

    def of(self, entries: Sequence[Entry]) -> str:
        """Return the fingerprint of a table; it must not be changed afterwards."""
        if entries is self._entries:
            return self._text
        start, before_end, now_end = gap(self._entries, entries)
        for row in map(_row, filter(_counts, self._entries[start:before_end])):
            del self._rows[bisect_left(self._rows, row)]
        for row in map(_row, filter(_counts, entries[start:now_end])):
            insort(self._rows, row)
        self._entries = entries
        self._text = _digest(map(_line_of, self._rows))
        return self._text


def fingerprint(entries: Sequence[Entry]) -> str:
    """Return the fingerprint of one table, see `Fingerprint`."""
    return Fingerprint().of(entries)


def _counts(entry: Entry) -> bool:
    return entry.complete


def _row(entry: Entry) -> _Row:
    line = f"{entry.num} {entry.address} {entry.port}\n".encode("ascii")
    return entry.num, entry.address, entry.port, line


def _digest(lines: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(lines)).hexdigest()[:FINGERPRINT_DIGITS]
