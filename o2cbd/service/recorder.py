"""The flight recorder: the last records of the agent's life, for the day when somebody asks why.

It costs a bounded piece of memory and no disk. `o2cbd dump` writes it as a trace (docs/trace.md),
which `fakecluster replay` draws.
"""

from __future__ import annotations

import threading
from collections import deque

from o2cbd.clock import WallClock
from o2cbd.core import effects, events
from o2cbd.core.model import Status
from o2cbd.core.records import Header, Record, Value
from o2cbd.core.reports import Report
from o2cbd.core.rules import Rules
from o2cbd.core.trace_recorder import TraceRecorder, traced_rules

CAPACITY = 2000
"""So many records are kept: hours of a cluster at rest, minutes of one in trouble."""


class FlightRecorder:
    """A ring of records; the agent's thread and the main one write, the main one reads."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._ring: deque[tuple[int, int, str, str, dict[str, Value]]] = deque(maxlen=capacity)
        self._recorder = TraceRecorder(self._append)
        self._seq = 0
        # Held for an append or a copy, and never over a call to the outside.
        self._lock = threading.Lock()

    def begin(self, now_us: int) -> None:
        """Note that the daemon begins; whoever merges several lives sees where one does."""
        with self._lock:
            self._append(now_us, "daemon", "start", {})

    def note(self, item: events.Event | effects.Effect, status: Status, now_us: int) -> None:
        """Take what the agent sees and does; an `o2cbd.agent.Observer`."""
        with self._lock:
            self._recorder.note(item, status, now_us)

    def tell(self, report: Report, now_us: int) -> None:
        """Take a report of the service; the daemon's life is recorded where it happens."""
        with self._lock:
            self._append(now_us, *report.log_record)

    def _append(self, now_us: int, kind: str, what: str, fields: dict[str, Value]) -> None:
        self._seq += 1
        self._ring.append((now_us, self._seq, kind, what, fields))

    def dump(self, status: Status, rules: Rules, wall: WallClock) -> list[str]:
        """Return the lines of a trace: a header, and what is in the ring."""
        with self._lock:
            kept = list(self._ring)
            names = dict(self._recorder.names)
            lost = self._seq - len(kept)
        host = status.local_id or 0
        header = Header(
            cluster=status.cluster or "",
            nodes=tuple(sorted(names.items())),
            arm="daemon",
            rules=traced_rules(rules),
            options={"host": host},
            utc=wall.utc(0, timespec="microseconds"),
            lost=lost,
        )
        return [
            header.as_json(),
            *(
                Record(t_us=t_us, seq=seq, host=host, kind=kind, what=what, detail=fields).as_json()
                for t_us, seq, kind, what, fields in kept
            ),
        ]
