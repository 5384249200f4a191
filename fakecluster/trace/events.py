"""The trace: everything that happened in a simulated cluster, one JSON object a line.

The format is the one that the daemon's flight recorder writes too (docs/trace.md,
`fakecluster.trace.schema`). The same seed gives the same bytes: no pids, paths of this machine,
floats or error texts.
"""

from __future__ import annotations

from collections.abc import Callable

from o2cbd.core.records import Record, Value

Line = Record
"""One thing that happened; `host` 0 is the cluster."""

Sink = Callable[[Line], None]
"""Takes each line as it happens."""


class Trace:
    """Numbers the lines and hands them to whoever listens."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._seq = 0
        self._sinks: list[Sink] = []
        self.heard = False
        """True when somebody listens: only then is a line worth making."""

    @property
    def count(self) -> int:
        """How many lines there were."""
        return self._seq

    def listen(self, sink: Sink) -> None:
        """Hand every line from now on to this sink too."""
        self._sinks.append(sink)
        self.heard = True

    def add(self, host: int, kind: str, what: str, **detail: Value) -> None:
        """Note one thing that happened now."""
        self._seq += 1
        if not self.heard:
            return
        line = Line(
            t_us=self._now_us(), seq=self._seq, host=host, kind=kind, what=what, detail=detail
        )
        for sink in self._sinks:
            sink(line)
