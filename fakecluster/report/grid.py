"""The terminal grid: one line an event, one column a node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from fakecluster.report.words import plain, shown, who, words
from fakecluster.trace.events import Line
from o2cbd.core.records import Header

SPACED_MAX: Final = 15
"""So many nodes have a column of two characters; more are set without gaps."""
COLUMNS_MAX: Final = 64
"""So many columns at most; more nodes share them."""

OFF, NO_MANAGER, UNKNOWN, QUORATE, INQUORATE, WAITS, HELD = " ", "o", "?", "|", ":", "P", "H"
"""How a node stands, the later ones cover the earlier ones where nodes share a column."""
_RANK: Final = {state: rank for rank, state in enumerate("? |o:PH")}

_MARKS: Final[Mapping[tuple[str, str], str]] = {
    ("step", "add-node"): "+",
    ("step", "remove-node"): "-",
    ("step", "create-cluster"): "*",
    ("step", "set-attribute"): "*",
    ("vote", "yes"): "Y",
    ("vote", "no"): "N",
    ("notice", "shutdown-asked"): "a",
    ("pending", "begin"): "p",
    ("pending", "end"): "d",
    ("hold", "begin"): "h",
    ("hold", "end"): "r",
    ("cman", "view"): "m",
    ("cman", "gone"): "x",
    ("check", "violation"): "!",
}

LEGEND: Final = """\
columns: | quorate  : inquorate  ? no quorum known  o without its manager  P something is pending
         H held by another  (blank) no daemon
marks:   + node added  - node removed  * other step  X failed  m other members  x manager gone
         p d pending begins, ends  h r hold begins, ends  a asked for a vote  Y N voted
         > done by the scenario  ! VIOLATION  . anything else"""

QUIET_KINDS: Final = frozenset({"message", "call", "notice"})
"""Not printed unless they are asked for; a question for a vote is."""


class Grid:
    """Follows the state of every node and renders one line after the other."""

    def __init__(self, header: Header, lines: Sequence[Line] = ()) -> None:
        """Make it for these nodes, and those that only the lines know."""
        ids = {node_id: name for node_id, name in header.nodes if node_id}
        for line in lines:
            if line.host and line.host not in ids:
                ids[line.host] = f"node {line.host}"
        self._names = ids
        self._index = {node_id: number for number, node_id in enumerate(sorted(ids))}
        self._states = [OFF] * len(ids)
        self._views = [OFF] * len(ids)
        self._pending: list[set[tuple[object, object]]] = [set() for _ in ids]
        self._held = [False] * len(ids)
        self._origin_us: int | None = None
        self._share = -(-len(ids) // COLUMNS_MAX) or 1
        self._gap = " " if len(ids) <= SPACED_MAX else ""
        self._width = max((len(plain(name)) for name in ids.values()), default=0)
        self._width = min(max(self._width, len("cluster")), 16)
        if header.arm == "daemon" and lines:
            self._origin_us = lines[0].t_us

    def head(self) -> Iterator[str]:
        """Return the legend and the columns' names."""
        yield from LEGEND.splitlines()
        if self._share > 1:
            yield f"         a column stands for {self._share} nodes, and shows the worst of them"
        ids = sorted(self._names)
        indent = " " * 14
        firsts = ids[:: self._share]
        digits = max((len(str(one)) for one in firsts), default=0)
        for place in range(digits):
            cells = (str(one).rjust(digits)[place] for one in firsts)
            yield (indent + self._gap.join(cells)).rstrip()

    def line(self, line: Line) -> str:
        """Take one line in and render it."""
        if self._origin_us is None:
            self._origin_us = line.t_us
        self._follow(line)
        seconds, micros = divmod(line.t_us - self._origin_us, 1_000_000)
        cells = self._cells()
        at = self._index.get(line.host)
        if at is not None:
            cells[at // self._share] = mark(line)
        elif line.host == 0 and line.kind == "verb":
            cells = ["=" for _ in cells]
        name = who(line, self._names)[: self._width]
        row = self._gap.join(cells)
        return f"{seconds:6d}.{micros:06d} {row}  {name:<{self._width}} {words(line)}".rstrip()

    def _cells(self) -> list[str]:
        if self._share == 1:
            return list(self._states)
        return [
            max(self._states[first : first + self._share], key=_RANK.__getitem__)
            for first in range(0, len(self._states), self._share)
        ]

    def _follow(self, line: Line) -> None:
        at = self._index.get(line.host)
        if at is None:
            return
        match line.kind, line.what:
            case "cman", "view":
                self._views[at] = _quorum(line.detail.get("quorate"))
            case ("cman", "gone") | ("daemon", "start"):
                self._views[at] = NO_MANAGER
            case "daemon", "killed" | "exit":
                self._views[at] = OFF
                self._pending[at].clear()
                self._held[at] = False
            case "pending", what:
                key = (line.detail.get("step"), line.detail.get("node"))
                change = self._pending[at].add if what == "begin" else self._pending[at].discard
                change(key)
            case "hold", "begin" | "end":
                self._held[at] = line.what == "begin"
        self._states[at] = self._state(at)

    def _state(self, at: int) -> str:
        if self._views[at] == OFF:
            return OFF
        if self._held[at]:
            return HELD
        return WAITS if self._pending[at] else self._views[at]


def _quorum(quorate: object) -> str:
    if quorate is None:
        return UNKNOWN
    return QUORATE if quorate else INQUORATE


def mark(line: Line) -> str:
    """Return the character that stands for what happened."""
    if line.kind == "check":
        return "!"
    if line.kind in {"step", "call"} and line.detail.get("errno"):
        return "X"
    if line.kind == "verb":
        return ">"
    return _MARKS.get((line.kind, line.what), ".")


def is_loud(line: Line) -> bool:
    """True for what is printed without being asked for."""
    if line.kind == "call":
        return bool(line.detail.get("errno"))
    return line.kind not in QUIET_KINDS or line.what == "shutdown-asked"


def grid(
    header: Header, lines: Sequence[Line], kinds: frozenset[str] | None = None
) -> Iterator[str]:
    """Render a whole trace.

    Args:
        header: the trace's.
        lines: in order.
        kinds: print only these; None: everything but what is quiet.
    """
    made = Grid(header, lines)
    yield from made.head()
    for line in lines if kinds else shown(lines):
        text = made.line(line)
        if is_loud(line) if kinds is None else line.kind in kinds:
            yield text
