"""The lines of one host: dumps of its flight recorder and its journal, in any mixture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fakecluster.merge.journal import JournalReader, NoJournalLineError
from fakecluster.merge.told import Told, utc_us_of
from fakecluster.trace_schema import COMMON, header_problems, problems

SLACK_US: Final = 5_000
"""A journal names moments to the millisecond, so that the same thing has two times."""
APART_US: Final = 1_000_000
"""Further apart, two starts are not the same one."""
MAX_PROBLEMS: Final = 5
"""So many are told of one host."""


@dataclass(slots=True, kw_only=True)
class Source:
    """What one host's lines hold."""

    told: list[Told] = field(default_factory=list)
    """In order of time."""
    names: dict[int, str] = field(default_factory=dict)
    clusters: list[str] = field(default_factory=list)
    """Every name that its cluster had, the last one last."""
    rules: Mapping[str, str] = field(default_factory=dict)
    lost: int = 0
    """So many records were not kept by the flight recorders."""
    problems: list[str] = field(default_factory=list)
    """Why the lines cannot be used; empty when they can."""
    remarks: list[str] = field(default_factory=list)
    """What whoever reads the trace should know."""


@dataclass(slots=True, kw_only=True)
class _Dump:
    """One dump: a header and what follows it."""

    zero_us: int
    lost: int
    told: list[Told] = field(default_factory=list)

    def window(self, starts: Sequence[int]) -> tuple[int, int] | None:
        """Return from when to when the journal tells what this dump tells better.

        Args:
            starts: when the journal has the daemon start. The one that is this dump's, told by the
                nearest time, says how far the two clocks of one daemon are apart.
        """
        if not self.told:
            return None
        first, last = self.told[0], self.told[-1]
        apart_us = 0
        if (first.kind, first.what) == ("daemon", "start"):
            apart = [one - first.utc_us for one in starts if abs(one - first.utc_us) <= APART_US]
            apart_us = min(apart, key=abs, default=0)
        return first.utc_us + apart_us - SLACK_US, last.utc_us + apart_us + SLACK_US


def read_source(*files: Iterable[str]) -> Source:
    """Read one host's files; whatever is wrong stands in the source's problems.

    Where a dump and the journal tell of the same time, the dump is taken, since it tells more.

    Args:
        files: the lines of each, dumps and journals in any mixture.
    """
    reading = _Reading()
    for lines in files:
        reading.read(lines)
    return reading.done()


def one_after_another(boots: Iterable[tuple[Source, int]]) -> Source:
    """Return what one host told in several boots as one source.

    Args:
        boots: of each, what it told, and by how much the host's wall clock was ahead then, in
            microseconds.
    """
    whole = Source()
    for boot, ahead_us in boots:
        whole.told += [replace(one, utc_us=one.utc_us - ahead_us) for one in boot.told]
        whole.names |= boot.names
        whole.clusters += boot.clusters
        whole.rules = whole.rules or boot.rules
        whole.lost += boot.lost
        whole.problems += boot.problems
        whole.remarks += boot.remarks
    whole.told.sort(key=lambda one: one.utc_us)
    return whole


class _Reading:
    def __init__(self) -> None:
        self._out = Source()
        self._dumps: list[_Dump] = []
        self._journal = JournalReader()
        self._journalled: list[Told] = []
        self._texts: list[str] = []
        """Of lines that have no time: they get that of the line before, or of the first one."""
        self._in_dump = False
        self._any = False

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
        row = _object(text)
        if row is None:
            self._no_object(text, last=last)
        elif row.get("kind") == "header":
            self._header(row)
        elif "t_us" in row:
            self._record(row)
        else:
            self._journal_line(row)
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
        self._any = self._in_dump = True
        self._dumps.append(_Dump(zero_us=zero_us, lost=row["lost"]))
        self._out.names |= {node["id"]: node["name"] for node in row["nodes"]}
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
        dump = self._dumps[-1]
        detail = {name: value for name, value in row.items() if name not in COMMON}
        dump.told.append(
            Told(
                utc_us=dump.zero_us + row["t_us"],
                kind=row["kind"],
                what=row["what"],
                detail=detail,
            )
        )

    # --- journals -------------------------------------------------------------------------------

    def _journal_line(self, row: Mapping[str, Any]) -> None:
        try:
            told = self._journal.read(row)
        except NoJournalLineError as error:
            self._wrong(f"{str(row)[:80]}: {error}")
            return
        self._any, self._in_dump = True, False
        first = not self._journalled
        self._journalled += told
        if first and self._texts:
            self._place_texts(first=True)

    def _no_object(self, text: str, *, last: bool) -> None:
        if text.lstrip().startswith("{") and (last or not self._in_dump):
            self._out.remarks.append(f"a line is cut and was left out: {text[:60]!r}")
        elif self._in_dump:
            self._wrong(f"{text[:80]!r} within a dump is no JSON object")
        elif console := self._journal.console(text):
            self._any = True
            self._journalled += console
        else:
            # What stands beside the reports on stderr, a traceback above all.
            self._journalled += self._journal.finish()
            self._texts.append(text)
            self._place_texts()

    def _place_texts(self, *, first: bool = False) -> None:
        """Give texts without a time that of what was told before them, or of the first after."""
        if not self._journalled:
            return
        utc_us = self._journalled[0 if first else -1].utc_us
        texts = [
            Told(
                utc_us=utc_us,
                kind="report",
                what="stderr",
                detail={"severity": "info", "text": text},
            )
            for text in self._texts
        ]
        self._texts = []
        self._journalled = texts + self._journalled if first else self._journalled + texts

    # --- the end --------------------------------------------------------------------------------

    def done(self) -> Source:
        """Return what all files hold."""
        out = self._out
        self._journalled += self._journal.finish()
        self._place_texts()
        if not self._any and not out.problems:
            if self._texts:
                out.problems.append("no line of it is a record of a dump or a line of a journal")
            else:
                out.remarks.append("it told nothing")
        starts = [
            one.utc_us for one in self._journalled if (one.kind, one.what) == ("daemon", "start")
        ]
        windows = [found for dump in self._dumps if (found := dump.window(starts))]
        kept = [
            one
            for one in self._journalled
            if not any(begin <= one.utc_us <= end for begin, end in windows)
        ]
        out.told = [one for dump in self._dumps for one in dump.told] + kept
        out.told.sort(key=lambda one: one.utc_us)
        out.names = self._journal.names | out.names
        out.clusters = [*self._journal.clusters, *out.clusters]
        if self._journal.only_texts:
            out.remarks.append(
                f"{self._journal.only_texts} lines of the journal are texts alone: with"
                ' [log] format = "json" they would tell steps and memberships'
            )
        if out.lost:
            out.remarks.append(f"{out.lost} earlier records were not kept by the flight recorder")
        return out


def _object(text: str) -> dict[str, Any] | None:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
