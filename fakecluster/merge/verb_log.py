"""The log that a harness keeps of the verbs that it does to a real cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fakecluster.trace.events import Line, Trace
from fakecluster.trace.file import TraceFile
from fakecluster.verb_codec import trace_detail
from fakecluster.verbs import Verb
from o2cbd.clock import Clock, WallClock
from o2cbd.core.records import Header, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorTrace:
    """The log of a cluster that stands still since."""

    lines: tuple[Line, ...]
    ended_us: int
    """When that was, in the time of the lines."""


class VerbLog:
    """Records verbs with their times, in the simulator's words (docs/trace.md)."""

    def __init__(self, clock: Clock, prior: PriorTrace | None = None, went_on_us: int = 0) -> None:
        """Begin a log.

        Args:
            clock: of the harness; a wall clock's names go with it, as in a daemon.
            prior: what came before, when a cluster goes on that had stood still.
            went_on_us: of the clock, when it went on.
        """
        self._wall = WallClock(clock)
        self._now_us = clock.now_us
        self._zero_us = 0 if prior is None else went_on_us - prior.ended_us
        """The clock's moment from which the lines count."""
        self._lines: list[Line] = [] if prior is None else list(prior.lines)
        self._trace = Trace(self._since_zero_us)
        self._trace.listen(self._note)

    def as_prior(self) -> PriorTrace:
        """Return all of it, for a log that goes on with it."""
        return PriorTrace(lines=tuple(self._lines), ended_us=self._since_zero_us())

    def _since_zero_us(self) -> int:
        return self._now_us() - self._zero_us

    def _note(self, line: Line) -> None:
        self._lines.append(replace(line, seq=len(self._lines) + 1))

    def verb(self, verb: Verb) -> None:
        """Record what is about to be done, without arguments that are None."""
        given = {name: value for name, value in trace_detail(verb).items() if value is not None}
        self._trace.add(verb.subject, "verb", verb.word, **given)

    def note(self, host: int, kind: str, what: str, **detail: Value) -> None:
        """Record anything else that the harness knows and no daemon reports."""
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
