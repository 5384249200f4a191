"""Read the files of one host: dumps of its flight recorder and its log, in any mixture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fakecluster.merge.daemon_log import LogReader, NotALogLineError, log_line
from fakecluster.merge.utc import utc_us_of
from fakecluster.trace.file import line_of, parse_object
from fakecluster.trace.schema import header_problems, problems
from o2cbd.core.records import Record

SLACK_US: Final = 5_000
"""A log has milliseconds, so that the same thing has two times."""
APART_US: Final = 1_000_000
"""Further apart, two starts are not the same one."""
MAX_PROBLEMS: Final = 5
"""Problems that are named of one host."""
_NO_TIME_US: Final = -1
"""Of texts before any record; they get the first one's time."""


@dataclass(slots=True, kw_only=True)
class TraceSource:
    """What one host's files hold."""

    records: list[Record] = field(default_factory=list)
    """In order of time: microseconds since 1970 by the host's wall clock. Host and seq are 0."""
    names: dict[int, str] = field(default_factory=dict)
    hosts: set[int] = field(default_factory=set)
    """The ids by which its dumps know themselves; none where they did not know yet."""
    clusters: list[str] = field(default_factory=list)
    """Every name that its cluster had, the last one last."""
    rules: Mapping[str, str] = field(default_factory=dict)
    lost: int = 0
    """Records that the flight recorders did not keep."""
    problems: list[str] = field(default_factory=list)
    """Why the lines cannot be used; empty when they can."""
    remarks: list[str] = field(default_factory=list)
    """What whoever reads the trace should know."""


@dataclass(slots=True, kw_only=True)
class _Dump:
    """One dump: a header and what follows it."""

    zero_us: int
    lost: int
    records: list[Record] = field(default_factory=list)

    def window(self, starts: Sequence[int]) -> tuple[int, int] | None:
        """Return from when to when this dump stands for the log.

        Args:
            starts: when the log has the daemon start. The nearest one is this dump's: it says how
                far the two clocks of one daemon are apart.
        """
        if not self.records:
            return None
        first, last = self.records[0], self.records[-1]
        apart_us = 0
        if (first.kind, first.what) == ("daemon", "start"):
            apart = [one - first.t_us for one in starts if abs(one - first.t_us) <= APART_US]
            apart_us = min(apart, key=abs, default=0)
        return first.t_us + apart_us - SLACK_US, last.t_us + apart_us + SLACK_US


def read_source(*files: Iterable[str]) -> TraceSource:
    """Read one host's files; whatever is wrong stands in the source's problems.

    Where a dump and the log have the same time, the dump is taken: it has more.

    Args:
        files: the lines of each, dumps and logs in any mixture.
    """
    reading = _Reading()
    for lines in files:
        reading.read(lines)
    return reading.done()


def join_boots(boots: Iterable[tuple[TraceSource, int]]) -> TraceSource:
    """Return the sources of one host's boots as one.

    Args:
        boots: of each, its source and by how many microseconds the wall clock was ahead then.
    """
    whole = TraceSource()
    for boot, ahead_us in boots:
        whole.records += [replace(one, t_us=one.t_us - ahead_us) for one in boot.records]
        whole.names |= boot.names
        whole.hosts |= boot.hosts
        whole.clusters += boot.clusters
        whole.rules = whole.rules or boot.rules
        whole.lost += boot.lost
        whole.problems += boot.problems
        whole.remarks += boot.remarks
    whole.records.sort(key=lambda one: one.t_us)
    return whole


class _Reading:
    def __init__(self) -> None:
        self._out = TraceSource()
        self._dumps: list[_Dump] = []
        self._log = LogReader()
        self._logged: list[Record] = []
        self._in_dump = False

    def read(self, lines: Iterable[str]) -> None:
        """Take one file in."""
        self._in_dump = False
        rows = [line.rstrip("\r\n") for line in lines]
        while rows and not rows[-1].strip():
            rows.pop()
        for number, text in enumerate(rows, start=1):
            if text.strip("\0 \t") and not self._line(text, last=number == len(rows)):
                break

    def _line(self, text: str, *, last: bool) -> bool:
        """Take one line in; False: enough is wrong."""
        row = parse_object(text)
        if row is None:
            self._no_object(text, last=last)
        elif row.get("kind") == "header":
            self._header(row)
        elif "t_us" in row:
            self._record(row)
        else:
            self._log_line(row)
        return len(self._out.problems) < MAX_PROBLEMS

    def _wrong(self, text: str) -> None:
        self._out.problems.append(text)

    # --- dumps ----------------------------------------------------------------------------------

    def _header(self, row: Mapping[str, Any]) -> None:
        wrong = header_problems(row)
        zero_us = 0
        if not wrong:
            try:
                zero_us = utc_us_of(row["utc"] or "")
            except ValueError:
                wrong = [f"utc {row['utc']!r} is no moment: only a real clock can be merged"]
        if wrong:
            self._wrong(f"a header: {'; '.join(wrong)}")
            return
        self._in_dump = True
        self._dumps.append(_Dump(zero_us=zero_us, lost=row["lost"]))
        self._out.names |= {node["id"]: node["name"] for node in row["nodes"]}
        host = row["options"].get("host")
        if isinstance(host, int) and host:
            self._out.hosts.add(host)
        self._out.lost += row["lost"]
        self._out.rules = self._out.rules or row["rules"]
        if row["cluster"]:
            self._out.clusters.append(row["cluster"])

    def _record(self, row: Mapping[str, Any]) -> None:
        wrong = problems(row)
        if not self._dumps:
            wrong.append("no header before it")
        if wrong:
            self._wrong(f"a record ({str(row)[:80]}): {'; '.join(wrong)}")
            return
        dump, line = self._dumps[-1], line_of(row)
        dump.records.append(replace(line, t_us=dump.zero_us + line.t_us, seq=0, host=0))

    # --- logs -----------------------------------------------------------------------------------

    def _log_line(self, row: Mapping[str, Any]) -> None:
        try:
            records = self._log.read(row)
        except NotALogLineError as error:
            self._wrong(f"{str(row)[:80]}: {error}")
            return
        self._in_dump = False
        self._logged += records

    def _no_object(self, text: str, *, last: bool) -> None:
        if text.lstrip().startswith("{") and (last or not self._in_dump):
            self._out.remarks.append(f"a line is cut and was left out: {text[:60]!r}")
        elif self._in_dump:
            self._wrong(f"{text[:80]!r} within a dump is no JSON object")
        elif console := self._log.console(text):
            self._logged += console
        else:
            # What stands beside the reports on stderr, a traceback above all: of the time before.
            self._logged += self._log.finish()
            utc_us = self._logged[-1].t_us if self._logged else _NO_TIME_US
            self._logged.append(log_line(utc_us, "stderr", "info", text))

    # --- the end --------------------------------------------------------------------------------

    def done(self) -> TraceSource:
        """Return what all files hold."""
        out = self._out
        self._logged += self._log.finish()
        first_us = next((one.t_us for one in self._logged if one.t_us != _NO_TIME_US), None)
        if first_us is None and not self._dumps and not out.problems:
            if self._logged:
                out.problems.append("no line of it is a record of a dump or a line of a log")
            else:
                out.remarks.append("no records in it")
        self._logged = [
            one if one.t_us != _NO_TIME_US else replace(one, t_us=first_us)
            for one in self._logged
            if first_us is not None
        ]
        starts = [one.t_us for one in self._logged if (one.kind, one.what) == ("daemon", "start")]
        windows = [found for dump in self._dumps if (found := dump.window(starts))]
        kept = [
            one
            for one in self._logged
            if not any(begin <= one.t_us <= end for begin, end in windows)
        ]
        out.records = [one for dump in self._dumps for one in dump.records] + kept
        out.records.sort(key=lambda one: one.t_us)
        out.names = self._log.names | out.names
        out.clusters = [*self._log.clusters, *out.clusters]
        if self._log.plain_lines:
            out.remarks.append(
                f"{self._log.plain_lines} lines of the log are plain text: with"
                ' [log] format = "json" they would have steps and memberships'
            )
        if out.lost:
            out.remarks.append(f"{out.lost} earlier records were not kept by the flight recorder")
        return out
