"""Says in words what a line of a trace is about."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from fakecluster.trace.events import Line

_QUORATE: Final = {True: "quorate", False: "inquorate"}


def words(line: Line) -> str:
    """Return what happened, on one line and without anything that moves a terminal's cursor."""
    said = _SAY.get(line.kind, _any)(line)
    return plain(said)


_REPORTED: Final = {
    ("cman", "unreachable"): "manager-awaited",
    ("cman", "connected"): "manager-reached",
}
"""Lines whose report says the same, and its name."""


def shown(lines: Sequence[Line]) -> list[Line]:
    """Leave out the lines whose report, which follows them, says the same."""
    return [
        line
        for line, after in itertools.zip_longest(lines, lines[1:])
        if after is None
        or (after.host, after.kind) != (line.host, "report")
        or after.what != _REPORTED.get((line.kind, line.what))
    ]


def plain(text: str) -> str:
    """Escape what is not to be printed as it is: control characters, undecodable bytes."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def _text(line: Line) -> str:
    return str(line.detail.get("text", line.what))


def _verb(line: Line) -> str:
    parts = [_pair(name, value) for name, value in line.detail.items()]
    return " ".join(["==", line.what, *(part for part in parts if part)])


def _pair(name: str, value: object) -> str:
    if value is True:
        return name
    return "" if value in {False, None, ""} else str(value)


def _cman(line: Line) -> str:
    detail = line.detail
    if line.what == "view":
        quorate = detail.get("quorate")
        state = _QUORATE[quorate] if isinstance(quorate, bool) else "no quorum known"
        return f"members {detail.get('members') or 'none'}, {state}"
    if line.what in {"unreachable", "gone", "unread"}:
        said = {
            "unreachable": "the manager cannot be reached",
            "gone": "the manager is gone",
            "unread": "cannot read the membership",
        }
        return f"{said[line.what]} {_errno(line)}".rstrip()
    return f"cman {line.what} {detail.get('detail', '')}".rstrip()


def _errno(line: Line) -> str:
    return f"[{line.detail['errno']}]" if line.detail.get("errno") else ""


def _call(line: Line) -> str:
    value = line.detail.get("value")
    shown = f" = {value}" if value else ""
    name = line.what.partition(":")[0]
    return f"{name} {line.detail.get('path', '')}{shown} {_errno(line)}".rstrip()


def _step(line: Line) -> str:
    errno = _errno(line)
    return f"failed: {_text(line)} {errno}" if errno else f"done: {_text(line)}"


def _pending(line: Line) -> str:
    if line.what == "begin":
        why = f"{line.detail.get('why', '')} {_errno(line)}".strip()
        return f"pending: {_text(line)}: {line.detail.get('reason') or why} ({why})"
    end = "done" if line.detail.get("done") else "no longer wanted"
    return f"no longer pending: {_text(line)}: {end}"


def _hold(line: Line) -> str:
    said = {
        "begin": "another process holds the semaphore",
        "end": "the hold is over",
        "unusable": "the semaphore cannot be used",
    }
    return f"{said.get(line.what, line.what)} {_errno(line)}".rstrip()


def _vote(line: Line) -> str:
    forced = ", forced" if line.detail.get("forced") else ""
    return f"votes {line.what}{forced}: {line.detail.get('reason', '')}"


def _notice(line: Line) -> str:
    if line.what == "shutdown-asked":
        forced = ", forced" if line.detail.get("forced") else ""
        return f"asked: may the cluster shut down?{forced}"
    parts = [line.what, *(f"{name} {value}" for name, value in line.detail.items())]
    return f"notice {', '.join(parts)}".lower()


def _message(line: Line) -> str:
    return f"{line.what} to {line.detail.get('to', '')}"


def _check(line: Line) -> str:
    return f"VIOLATION: {_text(line)}"


def _daemon(line: Line) -> str:
    extra = line.detail.get("node", line.detail.get("code", ""))
    return f"daemon {line.what} {extra}".rstrip()


def _end(line: Line) -> str:
    return f"end: {line.what}, {line.detail.get('violations', 0)} violations"


def _any(line: Line) -> str:
    parts = [f"{name} {value}" for name, value in line.detail.items()]
    return " ".join([line.kind, line.what, *parts])


_SAY: Final[Mapping[str, Callable[[Line], str]]] = {
    "verb": _verb,
    "cman": _cman,
    "call": _call,
    "step": _step,
    "pending": _pending,
    "hold": _hold,
    "vote": _vote,
    "notice": _notice,
    "message": _message,
    "report": _text,
    "check": _check,
    "daemon": _daemon,
    "table": lambda line: f"cannot read configfs {_errno(line)}",
    "end": _end,
}


def who(line: Line, names: Mapping[int, str]) -> str:
    """Return whose line it is."""
    return plain(names.get(line.host, f"node {line.host}")) if line.host else "cluster"


def event_text(line: Line) -> str:
    """Say one line with its time, for the story of a failure."""
    where = f"host {line.host}" if line.host else "cluster"
    return f"{line.t_us / 1_000_000:11.6f}  {where:<9} {words(line)}"
