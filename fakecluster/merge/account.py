"""The account that a harness keeps of what it does to a real cluster, verb by verb."""

from __future__ import annotations

from collections.abc import Mapping

from fakecluster.trace import Line, Trace
from fakecluster.trace_file import TraceFile
from o2cbd.clock import Clock, WallClock
from o2cbd.core.records import Header, Value


class Account:
    """Writes verbs down with their times, in the words of the simulator (docs/trace.md)."""

    def __init__(self, clock: Clock) -> None:
        """Begin it.

        Args:
            clock: of the harness; a wall clock's names go with it, as in a daemon.
        """
        self._wall = WallClock(clock)
        self._lines: list[Line] = []
        self._trace = Trace(clock.now_us)
        self._trace.listen(self._lines.append)

    def verb(self, host: int, what: str, **detail: Value) -> None:
        """Note what is about to be done.

        Args:
            host: to which node id; 0: to the cluster.
            what: the verb.
            detail: its arguments; those that are None are left out.
        """
        given = {name: value for name, value in detail.items() if value is not None}
        self._trace.add(host, "verb", what, **given)

    def note(self, host: int, kind: str, what: str, **detail: Value) -> None:
        """Note anything else that the harness knows and no daemon tells."""
        self._trace.add(host, kind, what, **detail)

    def trace(
        self,
        *,
        arm: str,
        cluster: str,
        nodes: Mapping[int, str],
        rules: Mapping[str, str] | None = None,
    ) -> TraceFile:
        """Return all of it as a trace, for `merge` or a file.

        Args:
            arm: what ran.
            cluster: its name.
            nodes: the name of every node that has a lane, by id.
            rules: what the operator decided, where that is the same for all.
        """
        header = Header(
            cluster=cluster,
            nodes=tuple(sorted(nodes.items())),
            arm=arm,
            rules=rules or {},
            utc=self._wall.utc(0, timespec="microseconds"),
        )
        return TraceFile(header=header, lines=tuple(self._lines))
