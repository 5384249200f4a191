"""The fingerprint of a node table: equal on two hosts exactly when OCFS2 would agree on a mount."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from operator import itemgetter

from o2cbd.core.model import Entry

FINGERPRINT_DIGITS = 16

Row = tuple[int, str, int, bytes]
"""Num, address, port, and the line that they make."""

_line_of = itemgetter(3)


def row_of(entry: Entry) -> Row | None:
    """Return what counts of an entry; None where the kernel may not know it."""
    if not entry.complete:
        return None
    line = f"{entry.num} {entry.address} {entry.port}\n".encode("ascii")
    return entry.num, entry.address, entry.port, line


def _rows_of(entries: Sequence[Entry]) -> tuple[Row | None, ...]:
    return tuple(map(row_of, entries))


def fingerprint(
    entries: Sequence[Entry],
    rows_of: Callable[[Sequence[Entry]], Sequence[Row | None]] = _rows_of,
) -> str:
    r"""Return the fingerprint of a table.

    It is the first 16 hex digits of the sha256 over ``num address port\n`` of each complete entry,
    sorted by num. Names and `local` do not count, as in the kernel's own comparison at mount ("node
    mismatch -22").

    Args:
        entries: the table.
        rows_of: `row_of` of each of them, perhaps with a memory.
    """
    rows = sorted(filter(None, rows_of(entries)))
    return hashlib.sha256(b"".join(map(_line_of, rows))).hexdigest()[:FINGERPRINT_DIGITS]
