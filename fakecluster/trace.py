"""The trace: everything that happened in a simulated cluster, one JSON object a line.

Each line has `t_us` (virtual time), `seq` (total order), `host` (0: the cluster) and `kind`:
`verb` (what the scenario did), `cman` (what the cluster manager did), `call` (a changing call to
configfs, `errno` by symbol), `report` (what the daemon told), `check` (an oracle's finding).
The same seed gives the same bytes: no pids, paths of this machine, floats or error texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that happened."""

    t_us: int
    seq: int
    host: int
    kind: str
    what: str
    detail: dict[str, str | int | bool | None] = field(default_factory=dict)

    def as_json(self) -> str:
        """Return the line as it stands in a trace file."""
        row = {
            **self.detail,
            "t_us": self.t_us,
            "seq": self.seq,
            "host": self.host,
            "kind": self.kind,
            "what": self.what,
        }
        return json.dumps(row, sort_keys=True, ensure_ascii=True)


Sink = Callable[[Line], None]
"""Takes each line as it happens."""


class Trace:
    """Numbers the lines and hands them to whoever listens."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._seq = 0
        self._sinks: list[Sink] = []

    @property
    def count(self) -> int:
        """How many lines there were."""
        return self._seq

    def listen(self, sink: Sink) -> None:
        """Hand every line from now on to this sink too."""
        self._sinks.append(sink)

    def add(self, host: int, kind: str, what: str, **detail: str | int | bool | None) -> None:
        """Note one thing that happened now."""
        self._seq += 1
        line = Line(
            t_us=self._now_us(), seq=self._seq, host=host, kind=kind, what=what, detail=detail
        )
        for sink in self._sinks:
            sink(line)
