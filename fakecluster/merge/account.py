"""The account that a harness keeps of what it does to a real cluster, verb by verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fakecluster.trace import Line, Trace
from fakecluster.trace_file import TraceFile
from fakecluster.verb_codec import trace_detail
from fakecluster.verbs import Verb
from o2cbd.clock import Clock, WallClock
from o2cbd.core.records import Header, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The account of a cluster that stands still since."""

    lines: tuple[Line, ...]
    ended_us: int
    """When that was, in the time of the lines."""


class Account:
    """Writes verbs down with their times, in the words of the simulator (docs/trace.md)."""

    def __init__(self, clock: Clock, past: Past | None = None, went_on_us: int = 0) -> None:
        """Begin it.

        Args:
            clock: of the harness; a wall clock's names go with it, as in a daemon.
            past: what came before, when a cluster goes on that had stood still.
            went_on_us: of the clock, when it went on.
        """
        self._wall = WallClock(clock)
        self._now_us = clock.now_us
        self._zero_us = 0 if past is None else went_on_us - past.ended_us
        """The clock's moment from which the lines count."""
        self._lines: list[Line] = [] if past is None else list(past.lines)
        self._trace = Trace(self._since_zero_us)
        self._trace.listen(self._note)

    def past(self) -> Past:
        """All of it as the past of an account that will go on with it."""
        return Past(lines=tuple(self._lines), ended_us=self._since_zero_us())

    def _since_zero_us(self) -> int:
        return self._now_us() - self._zero_us

    def _note(self, line: Line) -> None:
        self._lines.append(replace(line, seq=len(self._lines) + 1))

    def verb(self, verb: Verb) -> None:
        """Note what is about to be done; arguments that are None are left out."""
        given = {name: value for name, value in trace_detail(verb).items() if value is not None}
        self._trace.add(verb.subject, "verb", verb.word, **given)

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
            utc=self._wall.utc(self._zero_us, timespec="microseconds"),
        )
        return TraceFile(header=header, lines=tuple(self._lines))
