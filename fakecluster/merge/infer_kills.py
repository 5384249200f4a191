"""Infer where a daemon was SIGKILLed: it leaves no record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fakecluster import verbs
from fakecluster.merge.daemon_log import SYSTEMD
from fakecluster.trace.events import Line

_DEADLY = frozenset({verbs.Kill.word, verbs.DaemonKill.word})
"""Verbs that end a daemon at once."""
_NOT_ITS_OWN = frozenset({"verb", "check", "end", "message"})
"""Kinds of records that are not a daemon's."""


def infer_kills(lines: Sequence[Line]) -> list[Line]:
    """Return the lines with a `daemon killed` wherever one is missing.

    A daemon that was killed by a verb ends there or after its last record, whichever is later. One
    that starts again without having ended was killed before: it ends there.

    Args:
        lines: of all hosts, in order of time; `seq` is not looked at.
    """
    killed_after: dict[int, list[Line]] = {}
    killed_before: dict[int, list[Line]] = {}
    for host in sorted({line.host for line in lines} - {0}):
        for place, after in _kills([n for n, one in enumerate(lines) if one.host == host], lines):
            at = lines[place]
            killed = Line(t_us=at.t_us, seq=0, host=host, kind="daemon", what="killed")
            (killed_after if after else killed_before).setdefault(place, []).append(killed)
    out: list[Line] = []
    for place, line in enumerate(lines):
        out += [*killed_before.get(place, ()), line, *killed_after.get(place, ())]
    return out


def _kills(places: Sequence[int], lines: Sequence[Line]) -> Iterator[tuple[int, bool]]:
    """Yield at which lines a host's daemon was killed, and whether after (True) or before."""
    alive = False
    last: int | None = None
    deadly: int | None = None
    for place in places:
        line = lines[place]
        if line.kind == "verb":
            deadly = place if line.what in _DEADLY and alive and deadly is None else deadly
        elif (line.kind, line.what) == ("daemon", "start"):
            if alive:
                yield (place, False) if deadly is None else (max(deadly, last or 0), True)
            alive, deadly = True, None
        elif line.kind == "daemon" and line.what in {"exit", "killed"}:
            alive, deadly = False, None
        elif line.kind not in _NOT_ITS_OWN and not _of_another(line):
            alive = alive or last is None
        if line.kind not in _NOT_ITS_OWN:
            last = place
    if alive and deadly is not None:
        yield max(deadly, last or 0), True


def _of_another(line: Line) -> bool:
    """Return whether it is the cluster manager's or systemd's record."""
    if line.kind == "cman":
        return "detail" in line.detail
    return (line.kind, line.what) == ("report", SYSTEMD)
