"""One number for a whole history: what two runs of the same seed are compared by."""

from __future__ import annotations

import hashlib

from fakecluster.trace.events import Line


class TraceHash:
    """A sink of a trace; its digest is that of the lines as they stand in a trace file."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.lines = 0
        """How many were taken in."""

    def __call__(self, line: Line) -> None:
        """Take one line in."""
        self.lines += 1
        self._hash.update(line.as_json().encode("ascii"))
        self._hash.update(b"\n")

    def hexdigest(self) -> str:
        """Return the digest of all lines so far."""
        return self._hash.hexdigest()
