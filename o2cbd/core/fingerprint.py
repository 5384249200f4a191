"""The fingerprint of a node table: equal on two hosts exactly when OCFS2 would agree on a mount."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from o2cbd.core.model import Entry

FINGERPRINT_DIGITS = 16


def fingerprint(entries: Iterable[Entry]) -> str:
    r"""Hash the complete entries of an actual table.

    Returns the first 16 hex digits of the sha256 over ``num address port\n`` of each complete
    entry, sorted by num. Names and `local` do not count, as in the kernel's own comparison at
    mount ("node mismatch -22").
    """
    rows = sorted((entry.num, entry.address, entry.port) for entry in entries if entry.complete)
    text = "".join(f"{num} {address} {port}\n" for num, address, port in rows)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:FINGERPRINT_DIGITS]
