"""What the timeline draws, worked out of a trace: lanes, bands, bars, splits, arrows and events.

Everything is plain numbers and texts; the page only places them. Times are microseconds since the
first line. Lane 0 is the cluster, the others follow the header's nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fakecluster.report.words import plain, words
from fakecluster.trace.events import Line
from o2cbd.core.records import Header, ids_of

CLUSTER_LANE: Final = 0
NO_CAUSE: Final = -1

QUORATE, INQUORATE, UNKNOWN, LOST = 1, 0, 2, 3
"""The states of a membership band; LOST: the daemon has no manager."""

_STATES: Final[Mapping[object, int]] = {True: QUORATE, False: INQUORATE, None: UNKNOWN}

BAR_ROWS_MAX: Final = 6
"""So many bars lie below each other in a lane; more share the last row."""

_GLYPHS: Final[Mapping[tuple[str, str], str]] = {
    ("step", "add-node"): "add",
    ("step", "remove-node"): "remove",
    ("step", "create-cluster"): "set",
    ("step", "set-attribute"): "set",
    ("vote", "yes"): "yes",
    ("vote", "no"): "no",
    ("notice", "shutdown-asked"): "asked",
}
_NOT_A_DAEMONS: Final = frozenset({"verb", "message", "check", "end"})
"""Kinds that no daemon tells."""
_CAUSING: Final = frozenset(
    {
        ("cman", "view"),
        ("cman", "gone"),
        ("hold", "begin"),
        ("hold", "end"),
        ("daemon", "start"),
        ("daemon", "forget-asked"),
        ("daemon", "stop-asked"),
        ("notice", "shutdown-asked"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the trace."""

    t_us: int
    lane: int
    kind: str
    glyph: str
    """How it is marked in its lane; empty: only in the list."""
    text: str
    errno: str
    cause: int
    """The index of the event that led to this one, or NO_CAUSE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Whom a host's daemon counted in, for a while."""

    lane: int
    begin_us: int
    end_us: int
    state: int
    members: str
    event: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A pending step, or a hold of somebody else."""

    lane: int
    begin_us: int
    end_us: int
    hold: bool
    row: int
    event: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A partition of the network."""

    begin_us: int
    end_us: int
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """A message."""

    sent_us: int
    arrives_us: int
    lane: int
    to: tuple[int, ...]
    event: int


@dataclass(slots=True, kw_only=True)
class TimelineChart:
    """All there is to draw."""

    header: Header
    lanes: tuple[tuple[int, str], ...]
    """Id and name; the first one is the cluster's."""
    end_us: int = 0
    origin_us: int = 0
    """The trace's clock at 0."""
    outcome: str = ""
    """As the trace's end says; empty: it has none."""
    violations: int = 0
    bar_rows: int = 0
    events: list[Event] = field(default_factory=list)
    bands: list[Band] = field(default_factory=list)
    lives: list[tuple[int, int, int]] = field(default_factory=list)
    """Lane, begin and end of each daemon."""
    bars: list[Bar] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)
    cuts: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Begin, end, and the lanes of who speaks and who does not hear it."""
    arrows: list[Arrow] = field(default_factory=list)


def timeline_of(
    header: Header,
    lines: Sequence[Line],
    *,
    origin_us: int | None = None,
    end_us: int | None = None,
) -> TimelineChart:
    """Work out what to draw.

    Args:
        header: of the trace.
        lines: in order.
        origin_us: the moment that is drawn as 0; None: the first line's.
        end_us: after that, the end of everything; None: the last line's.
    """
    return _Drawing(header, lines, origin_us).draw(end_us)


@dataclass(slots=True)
class _Host:
    """What is open in one lane."""

    view: Band | None = None
    life_us: int | None = None
    bars: dict[tuple[str, str], Bar] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    """Until when each row of bars is taken."""
    cause: int = NO_CAUSE


class _Drawing:
    def __init__(self, header: Header, lines: Sequence[Line], origin_us: int | None) -> None:
        self._lines = lines
        if origin_us is None:
            origin_us = lines[0].t_us if lines else 0
        ids = dict(header.nodes)
        for line in lines:
            if line.host and line.host not in ids:
                ids[line.host] = f"node {line.host}"
        nodes = sorted(ids.items())
        self._lane_of = {node_id: lane for lane, (node_id, _) in enumerate(nodes, start=1)}
        self._lane_of[0] = CLUSTER_LANE
        lanes = ((0, header.cluster or "cluster"), *nodes)
        self._out = TimelineChart(
            header=header,
            lanes=tuple((node_id, plain(name)) for node_id, name in lanes),
            origin_us=origin_us,
        )
        self._hosts = [_Host() for _ in lanes]
        self._split: Split | None = None
        self._cuts: dict[tuple[int, int], int] = {}
        self._verb = NO_CAUSE
        self._real = header.utc is not None or header.arm == "daemon"

    def draw(self, end_us: int | None) -> TimelineChart:
        out = self._out
        if self._lines:
            out.end_us = self._at(self._lines[-1])
        if end_us is not None:
            out.end_us = end_us
        if self._real:
            self._find_lives()
        for index, line in enumerate(self._lines):
            self._event(index, line)
            self._shape(index, line)
        self._close_all()
        return out

    def _find_lives(self) -> None:
        """Let daemons live from the beginning that real records first meet in mid-life."""
        met: set[int] = set()
        for line in self._lines:
            if line.kind not in _NOT_A_DAEMONS and line.host not in met:
                met.add(line.host)
                if (line.kind, line.what) != ("daemon", "start"):
                    self._host(line).life_us = 0

    def _at(self, line: Line) -> int:
        return line.t_us - self._out.origin_us

    def _host(self, line: Line) -> _Host:
        return self._hosts[self._lane_of[line.host]]

    # --- events and their causes ----------------------------------------------------------------

    def _event(self, index: int, line: Line) -> None:
        errno = line.detail.get("errno")
        host = self._host(line)
        self._out.events.append(
            Event(
                t_us=self._at(line),
                lane=self._lane_of[line.host],
                kind=line.kind,
                glyph=_glyph(line),
                text=words(line),
                errno=errno if isinstance(errno, str) else "",
                cause=self._cause(line, host),
            )
        )
        if line.kind == "verb":
            self._verb = index
        elif (line.kind, line.what) in _CAUSING:
            host.cause = index

    def _cause(self, line: Line, host: _Host) -> int:
        if line.kind in {"verb", "end"}:
            return NO_CAUSE
        if (line.kind, line.what) in _CAUSING or line.kind in {"cman", "message", "daemon"}:
            return self._verb
        return self._verb if host.cause == NO_CAUSE else host.cause

    # --- shapes ---------------------------------------------------------------------------------

    def _shape(self, index: int, line: Line) -> None:
        match line.kind:
            case "cman":
                self._cman(index, line)
            case "daemon":
                self._daemon(line)
            case "pending":
                key = (str(line.detail.get("step")), str(line.detail.get("node")))
                self._bar(index, line, key, hold=False)
            case "hold" if line.what in {"begin", "end"}:
                self._bar(index, line, ("", ""), hold=True)
            case "verb" if line.host == 0:
                self._verb_shape(line)
            case "message":
                self._message(index, line)
            case "check":
                self._out.violations += 1
            case "end":
                self._out.outcome = line.what

    def _cman(self, index: int, line: Line) -> None:
        host, now_us = self._host(line), self._at(line)
        match line.what:
            case "view" | "gone":
                self._end_view(host, now_us)
                known = line.what == "view"
                host.view = Band(
                    lane=self._lane_of[line.host],
                    begin_us=now_us,
                    end_us=now_us,
                    state=_STATES[line.detail.get("quorate")] if known else LOST,
                    members=str(line.detail.get("members", "")) if known else "",
                    event=index,
                )
            case _ if line.host == 0:
                self._network(line.what, str(line.detail.get("detail", "")), now_us)

    def _verb_shape(self, line: Line) -> None:
        """Draw what was done to a real network, of which no manager tells."""
        get = line.detail.get
        ends = f"{get('speaker')}->{get('listener')}"
        text = ends if line.what in {"cut", "mend"} else str(get("groups", ""))
        self._network(line.what, text, self._at(line))

    def _network(self, what: str, text: str, now_us: int) -> None:
        """Take a partition or a cut; a simulation tells of one twice."""
        match what:
            case "partition":
                groups = tuple(text.split("/"))
                if self._split is None or self._split.groups != groups:
                    self._end_split(now_us)
                    self._split = Split(begin_us=now_us, end_us=now_us, groups=groups)
            case "heal":
                self._end_split(now_us)
                for pair in tuple(self._cuts):
                    self._end_cut(pair, now_us)
            case "cut" | "mend":
                self._cut(what, text, now_us)

    def _cut(self, what: str, text: str, now_us: int) -> None:
        speaker, _, listener = text.partition("->")
        if not speaker.isdecimal() or not listener.isdecimal():
            return
        pair = (int(speaker), int(listener))
        if what == "cut":
            self._cuts.setdefault(pair, now_us)
        else:
            self._end_cut(pair, now_us)

    def _daemon(self, line: Line) -> None:
        host, now_us = self._host(line), self._at(line)
        if line.what == "start":
            host.life_us = now_us
        elif line.what in {"killed", "exit"}:
            self._end_life(self._lane_of[line.host], now_us)

    def _bar(self, index: int, line: Line, key: tuple[str, str], *, hold: bool) -> None:
        host, now_us = self._host(line), self._at(line)
        open_bar = host.bars.pop(key, None)
        if open_bar is not None:
            self._end_bar(host, open_bar, now_us)
        if line.what != "begin":
            return
        row = next((n for n, until_us in enumerate(host.rows) if until_us <= now_us), None)
        if row is None and len(host.rows) < BAR_ROWS_MAX:
            row = len(host.rows)
            host.rows.append(0)
        row = BAR_ROWS_MAX - 1 if row is None else row
        host.rows[row] = 2**62
        host.bars[key] = Bar(
            lane=self._lane_of[line.host],
            begin_us=now_us,
            end_us=now_us,
            hold=hold,
            row=row,
            event=index,
        )
        self._out.bar_rows = max(self._out.bar_rows, row + 1)

    def _message(self, index: int, line: Line) -> None:
        arrives_us = line.detail.get("arrives_us")
        to = ids_of(str(line.detail.get("to", "")))
        if isinstance(arrives_us, int):
            self._out.arrows.append(
                Arrow(
                    sent_us=self._at(line),
                    arrives_us=arrives_us - self._out.origin_us,
                    lane=self._lane_of[line.host],
                    to=tuple(self._lane_of[one] for one in to if one in self._lane_of),
                    event=index,
                )
            )

    # --- ends -----------------------------------------------------------------------------------

    def _end_view(self, host: _Host, now_us: int) -> None:
        view, host.view = host.view, None
        if view is not None:
            self._out.bands.append(replace(view, end_us=now_us))

    def _end_bar(self, host: _Host, bar: Bar, now_us: int) -> None:
        host.rows[bar.row] = now_us
        self._out.bars.append(replace(bar, end_us=now_us))

    def _end_life(self, lane: int, now_us: int) -> None:
        host = self._hosts[lane]
        self._end_view(host, now_us)
        for bar in host.bars.values():
            self._end_bar(host, bar, now_us)
        host.bars.clear()
        if host.life_us is not None:
            self._out.lives.append((lane, host.life_us, now_us))
            host.life_us = None

    def _end_split(self, now_us: int) -> None:
        split, self._split = self._split, None
        if split is not None:
            self._out.splits.append(replace(split, end_us=now_us))

    def _end_cut(self, pair: tuple[int, int], now_us: int) -> None:
        begin_us = self._cuts.pop(pair, None)
        ends = [self._lane_of.get(node_id) for node_id in pair]
        if begin_us is not None and ends[0] is not None and ends[1] is not None:
            self._out.cuts.append((begin_us, now_us, ends[0], ends[1]))

    def _close_all(self) -> None:
        now_us = self._out.end_us
        for lane in range(len(self._hosts)):
            self._end_life(lane, now_us)
        self._end_split(now_us)
        for pair in tuple(self._cuts):
            self._end_cut(pair, now_us)
        self._out.bands.sort(key=lambda band: (band.lane, band.begin_us))
        self._out.bars.sort(key=lambda bar: (bar.lane, bar.begin_us))


def _glyph(line: Line) -> str:
    errno = line.detail.get("errno")
    if line.kind == "check":
        return "violation"
    if line.kind in {"step", "call"} and errno:
        return "failed"
    if line.kind == "verb":
        return "verb"
    if line.kind == "report" and line.detail.get("severity") == "error":
        return "error"
    return _GLYPHS.get((line.kind, line.what), "")
