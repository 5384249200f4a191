"""The events of a trace that can be compared with another run of the scenario.

Times differ between any two runs, and so do the manager's inner doings, messages, calls, notices
and the log's sentences: they are no comparable events. What a daemon saw, decided and did is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fakecluster import verbs
from fakecluster.report.words import words
from fakecluster.trace.events import Line
from o2cbd.core.records import Header, Value

Key = tuple[object, ...]

_NOT_OF_THE_STORY: Final = frozenset(
    {verbs.SetRules.word, verbs.Boot.word, verbs.DAEMON_CRASHED, verbs.FENCED_ITSELF}
)
"""Verbs of one arm's making: settings stand in files elsewhere; a crash or a fencing is a
consequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerbEvent:
    """One thing that the scenario did."""

    index: int
    """Of the trace's lines."""
    host: int
    what: str
    detail: Mapping[str, Value]
    text: str

    @property
    def key(self) -> Key:
        """Equal where two runs did the same to the same host."""
        return (self.host, self.what)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparableEvent:
    """One thing that a host's daemon saw, decided or did."""

    index: int
    """Of the trace's lines."""
    host: int
    t_us: int
    """Since the trace's first line."""
    key: Key
    """Equal where two runs did the very same."""
    about: Key
    """Equal where they did the same with another outcome."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One trace, as far as it can be compared."""

    header: Header
    lines: tuple[Line, ...]
    verbs: tuple[VerbEvent, ...]
    moves: tuple[ComparableEvent, ...]

    def at_us(self, index: int) -> int:
        """Return when a line was, since the first one."""
        return self.lines[index].t_us - self.lines[0].t_us


def story_of(header: Header, lines: Sequence[Line]) -> ComparedRun:
    """Tell verbs and comparable events of a trace."""
    verbs: list[VerbEvent] = []
    moves: list[ComparableEvent] = []
    view: dict[int, Key] = {}
    for index, line in enumerate(lines):
        if line.kind == "verb":
            if line.what not in _NOT_OF_THE_STORY:
                verbs.append(_verb(index, line))
            continue
        keys = _keys(line)
        if keys is None:
            continue
        key, about = keys
        if about == ("view",):
            # Only the incarnations changed, or the manager was reached again.
            if view.get(line.host) == key:
                continue
            view[line.host] = key
        elif line.kind == "daemon" and line.what == "start":
            view.pop(line.host, None)
        t_us = line.t_us - lines[0].t_us
        moves.append(
            ComparableEvent(
                index=index, host=line.host, t_us=t_us, key=key, about=about, text=words(line)
            )
        )
    return ComparedRun(header=header, lines=tuple(lines), verbs=tuple(verbs), moves=tuple(moves))


def _verb(index: int, line: Line) -> VerbEvent:
    return VerbEvent(
        index=index,
        host=line.host,
        what=line.what,
        detail={name: value for name, value in line.detail.items() if value is not None},
        text=words(line).removeprefix("== "),
    )


def _keys(line: Line) -> tuple[Key, Key] | None:  # noqa: PLR0911 - one arm a kind
    """Return a move's key, and what it is about; None: it is no move."""
    get = line.detail.get
    match line.kind:
        case "step":
            about: Key = ("step", line.what, get("node"), get("attribute"))
            values = (get("num"), get("address"), get("port"), get("value"))
            return (*about, *values, get("errno")), about
        case "pending":
            about = ("pending", line.what, get("step"), get("node"))
            outcome = (get("why"), get("errno")) if line.what == "begin" else (get("done"),)
            return (*about, *outcome), about
        case "vote":
            return ("vote", line.what, get("forced")), ("vote",)
        case "hold" | "table":
            return (line.kind, line.what, get("errno")), (line.kind, line.what)
        case "daemon":
            about = ("daemon", line.what)
            return (*about, get("code"), get("node")), about
        case "cman" if line.what == "view":
            return ("view", get("members"), get("quorate")), ("view",)
        case "cman" if line.what in {"connected", "gone", "unread"}:
            # Not `unreachable`: whether a daemon or its manager is up first is a race everywhere.
            return ("cman", line.what, get("errno")), ("cman", line.what)
    return None


def spoken_as(
    header: Header, lines: Iterable[Line], same: Mapping[str, str]
) -> tuple[Header, tuple[Line, ...]]:
    """Return a trace with names and addresses as the other one has them.

    Args:
        header: of the trace.
        lines: of the trace.
        same: what is said here, and what the other says for it: a whole name or address, or the
            beginning of addresses (`10.77.0` for `10.0.0`).
    """
    if not same:
        return header, tuple(lines)
    found = re.compile(
        "|".join(
            rf"(?<![\w.-]){re.escape(one)}(?![\w-])" for one in sorted(same, key=len, reverse=True)
        )
    )

    def said(text: str) -> str:
        return found.sub(lambda hit: same[hit[0]], text)

    def value_said(value: Value) -> Value:
        return said(value) if isinstance(value, str) else value

    nodes = tuple((node_id, said(name)) for node_id, name in header.nodes)
    return (
        replace(header, cluster=said(header.cluster), nodes=nodes),
        tuple(
            replace(line, detail={name: value_said(one) for name, one in line.detail.items()})
            for line in lines
        ),
    )
