"""The written schema of a trace, as data: which kinds of lines there are and what they hold.

`docs/trace.md` says the same for people; a test holds the two together. The format grows by kinds
and fields, so that a reader lets pass what it does not know; `problems` with `strict` does not, and
that is what tests of writers use.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from o2cbd.core.records import SCHEMA, ids_of

Row = Mapping[str, object]
"""One line, parsed."""

MAX_HOST = 2**32 - 1


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_ids(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        ids_of(value)
    except ValueError:
        return False
    return True


def _is_errno(value: object) -> bool:
    """A symbol, the digits of an errno that has none, or nothing."""
    if not isinstance(value, str):
        return False
    return not value or value in _SYMBOLS or value.isdecimal()


_SYMBOLS: Final = frozenset(errno.errorcode.values())

TYPES: Final[Mapping[str, Callable[[object], bool]]] = {
    "text": lambda value: isinstance(value, str),
    "text or null": lambda value: value is None or isinstance(value, str),
    "int": _is_int,
    "int or null": lambda value: value is None or _is_int(value),
    "bool": lambda value: isinstance(value, bool),
    "bool or null": lambda value: value is None or isinstance(value, bool),
    "ints": lambda value: isinstance(value, list) and all(map(_is_int, value)),
    "ids": _is_ids,
    "errno": _is_errno,
}
"""What a field can be. `ids` is a text such as `1-3,7`; `errno` a symbol, empty for none."""

COMMON: Final[Mapping[str, str]] = {
    "t_us": "int",
    "seq": "int",
    "host": "int",
    "kind": "text",
    "what": "text",
}
"""On every line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What lines of one kind, and one `what`, hold beside the common fields."""

    fields: Mapping[str, str] = field(default_factory=dict)
    """Required: the type by name."""
    optional: Mapping[str, str] = field(default_factory=dict)
    open: bool = False
    """Any other field may stand there too."""


_ERRNO = Shape(fields={"errno": "errno"})
_STEP = Shape(
    fields={"node": "text or null", "errno": "errno", "text": "text", "took_us": "int"},
    optional={
        "num": "int",
        "address": "text",
        "port": "int",
        "attribute": "text",
        "value": "text",
    },
)
_PENDING = Shape(
    fields={
        "step": "text",
        "node": "text or null",
        "why": "text",
        "errno": "errno",
        "text": "text",
        "reason": "text",
    },
    optional={"done": "bool"},
)
_HOLD = Shape(fields={"by": "text"})
_VOTE = Shape(fields={"reason": "text", "forced": "bool"})
_END = Shape(fields={"code": "int", "lines": "int", "violations": "int"})

ANY: Final = "*"
"""Stands for every `what` that is not named."""

SHAPES: Final[Mapping[str, Mapping[str, Shape]]] = {
    "verb": {ANY: Shape(open=True)},
    "cman": {
        "connected": Shape(),
        "unreachable": _ERRNO,
        "gone": _ERRNO,
        "unread": _ERRNO,
        "view": Shape(
            fields={
                "members": "ids",
                "quorate": "bool or null",
                "two_node": "bool",
                "joined": "ints",
                "incarnations": "ints",
                "left": "ints",
            }
        ),
        ANY: Shape(fields={"detail": "text"}),
    },
    "message": {ANY: Shape(fields={"to": "ids", "arrives_us": "int"})},
    "call": {ANY: Shape(fields={"path": "text", "value": "text", "errno": "errno"})},
    "notice": {
        "state-change": Shape(fields={"quorate": "bool"}),
        "config-change": Shape(fields={"version": "int"}),
        "shutdown-asked": Shape(fields={"forced": "bool", "removed": "bool"}),
    },
    "table": {"unread": _ERRNO},
    "step": dict.fromkeys(("create-cluster", "set-attribute", "add-node", "remove-node"), _STEP),
    "pending": {"begin": _PENDING, "end": _PENDING},
    "hold": {"begin": _HOLD, "end": _HOLD, "unusable": _ERRNO},
    "vote": {"yes": _VOTE, "no": _VOTE},
    "daemon": {
        "start": Shape(),
        "killed": Shape(),
        "stop-asked": Shape(),
        "forget-asked": Shape(fields={"node": "text"}),
        "exit": Shape(fields={"code": "int"}),
    },
    "report": {ANY: Shape(fields={"severity": "text", "text": "text"})},
    "check": {ANY: Shape(fields={"text": "text"})},
    "end": {"good": _END, "crash": _END, "liveness": _END, "safety": _END},
}
"""Every kind but the header's, and what happens in it."""

HEADER: Final[Mapping[str, str]] = {
    "schema": "int",
    "cluster": "text",
    "arm": "text",
    "seed": "int or null",
    "utc": "text or null",
    "lost": "int",
}
"""Beside `nodes`, `rules` and `options`, which `header_problems` looks into."""

_ADDRESS_IN_MEMORY = re.compile(r"0x[0-9a-f]{6,}")


def problems(row: Row, *, strict: bool = False) -> list[str]:
    """Return what is wrong with a line that is not the header; empty when nothing is."""
    found = [
        f"{name} is no {kind}" for name, kind in COMMON.items() if not TYPES[kind](row.get(name))
    ]
    if found:
        return found
    found += [f"{name} is {row[name]}" for name in ("t_us", "seq", "host") if _negative(row[name])]
    shapes = SHAPES.get(str(row["kind"]))
    if shapes is None:
        return [*found, f"kind {row['kind']!r} is unknown"] if strict else found
    shape = shapes.get(str(row["what"]), shapes.get(ANY))
    if shape is None:
        unknown = f"{row['kind']} {row['what']!r} is unknown"
        return [*found, unknown] if strict else found
    found += _shape_problems(row, shape)
    if strict:
        found += _strict_problems(row, shape)
    return found


def _negative(value: object) -> bool:
    return isinstance(value, int) and value < 0


def _shape_problems(row: Row, shape: Shape) -> list[str]:
    found = [f"{name} is missing" for name in shape.fields if name not in row]
    for name, kind in {**shape.fields, **shape.optional}.items():
        if name in row and not TYPES[kind](row[name]):
            found.append(f"{name} is no {kind}")
    return found


def _strict_problems(row: Row, shape: Shape) -> list[str]:
    known = {*COMMON, *shape.fields, *shape.optional}
    found = [] if shape.open else [f"{name} is unknown" for name in row if name not in known]
    for name, value in row.items():
        if isinstance(value, float):
            found.append(f"{name} is a float")
        elif isinstance(value, list) and not TYPES["ints"](value):
            found.append(f"{name} is no ints")
        elif isinstance(value, dict):
            found.append(f"{name} is an object")
        elif isinstance(value, str) and _ADDRESS_IN_MEMORY.search(value):
            found.append(f"{name} holds an address in memory")
    return found


def header_problems(row: Row) -> list[str]:
    """Return what is wrong with the first line; empty when nothing is."""
    if row.get("kind") != "header":
        return ["the first line is no header"]
    if row.get("schema") != SCHEMA:
        return [f"schema {row.get('schema')!r} is not {SCHEMA}"]
    found = [
        f"{name} is no {kind}" for name, kind in HEADER.items() if not TYPES[kind](row.get(name))
    ]
    found += [f"{name} is no object" for name in ("rules", "options") if not _is_map(row.get(name))]
    nodes = row.get("nodes")
    if not isinstance(nodes, list) or not all(map(_is_node, nodes)):
        found.append("nodes is no list of objects with id and name")
    elif len({node["id"] for node in nodes}) != len(nodes):
        found.append("nodes holds an id twice")
    return found


def _is_map(value: object) -> bool:
    return isinstance(value, dict)


def _is_node(value: object) -> bool:
    return (
        isinstance(value, dict)
        and _is_int(value.get("id"))
        and 0 <= value["id"] <= MAX_HOST
        and isinstance(value.get("name"), str)
    )
