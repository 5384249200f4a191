"""The records of a trace: what happened, one JSON object a line, the same words everywhere.

The daemon's flight recorder and the simulator write the same format (docs/trace.md). A record holds
no float, process id, path of this machine or text of an error: errnos stand by their symbol.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field

from o2cbd.core.frozen import frozen

SCHEMA = 1
"""Of the format; it grows by fields and kinds, and changes only when one of them means another
thing."""

Value = str | int | bool | None | list[int]
"""What a field of a record can be."""

TraceItem = tuple[str, str, dict[str, Value]]
"""A record without its place and time: the kind, what happened, and the fields of that kind."""


@frozen
class Record:
    """One thing that happened."""

    t_us: int
    """Of the trace's own clock; only differences mean anything."""
    seq: int
    """The order of what happened, also within one microsecond."""
    host: int
    """The node id of where it happened; 0: the cluster, or not known yet."""
    kind: str
    what: str
    detail: Mapping[str, Value] = field(default_factory=dict)
    """The fields of this kind; they cannot hide the five above."""

    def as_json(self) -> str:
        """Return the record as it stands in a trace file."""
        row = {
            **self.detail,
            "t_us": self.t_us,
            "seq": self.seq,
            "host": self.host,
            "kind": self.kind,
            "what": self.what,
        }
        return json.dumps(row, sort_keys=True, ensure_ascii=True)


@frozen
class Header:
    """What a trace is of: its first line."""

    cluster: str
    nodes: tuple[tuple[int, str], ...]
    """Id and name of every node that has a lane, sorted by id."""
    arm: str
    """What ran: `sim`, `process` ..., or `daemon` for the flight recorder of one."""
    seed: int | None = None
    """The run's; None where nothing was drawn."""
    rules: Mapping[str, str] = field(default_factory=dict)
    """What the operator decided, as far as it matters for what is seen."""
    options: Mapping[str, Value] = field(default_factory=dict)
    """Whatever else a run needs to be repeated."""
    utc: str | None = None
    """RFC 3339: the moment at which `t_us` was 0; None in virtual time."""
    lost: int = 0
    """So many records before the first one were not kept."""

    def as_json(self) -> str:
        """Return the line as it stands in a trace file."""
        row = {
            "t_us": 0,
            "seq": 0,
            "host": 0,
            "kind": "header",
            "what": "trace",
            "schema": SCHEMA,
            "cluster": self.cluster,
            "nodes": [{"id": node_id, "name": name} for node_id, name in self.nodes],
            "arm": self.arm,
            "seed": self.seed,
            "rules": dict(self.rules),
            "options": dict(self.options),
            "utc": self.utc,
            "lost": self.lost,
        }
        return json.dumps(row, sort_keys=True, ensure_ascii=True)


def ranges(ids: Iterable[int]) -> str:
    """Spell ids in a short way: `1-3,7`; the empty text for none."""
    parts: list[str] = []
    first = last = None
    for node_id in sorted(set(ids)):
        if last is not None and node_id == last + 1:
            last = node_id
            continue
        if first is not None:
            parts.append(_range(first, last))
        first = last = node_id
    if first is not None:
        parts.append(_range(first, last))
    return ",".join(parts)


def _range(first: int, last: int | None) -> str:
    return str(first) if last in {None, first} else f"{first}-{last}"


def ids_of(text: str) -> tuple[int, ...]:
    """Read back what `ranges` spelled, sorted.

    Raises:
        ValueError: it is not spelled so.
    """
    found: list[int] = []
    for part in text.split(",") if text else []:
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"{text!r} is no list of ids")
        top = int(last) if dash else int(first)
        if top - int(first) > _MAX_RANGE or top < int(first):
            raise ValueError(f"{text!r} is no list of ids")
        found.extend(range(int(first), top + 1))
    return tuple(found)


_MAX_RANGE = 65_536
"""No cluster is larger, and a hostile file must not fill the memory."""
