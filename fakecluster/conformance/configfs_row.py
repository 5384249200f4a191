"""What a row of the configfs conformance is: operations, and what each must answer.

Standard library only, and plain data: the same rows run against the model, through pyfakefs, over
FUSE, and inside a guest on a real kernel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Steps = list[tuple["Op", str]]
"""Operations with the answer that each must give."""

OK = "ok"
C = "cluster/rows"
"""The cluster that rows make."""
THRESHOLD = f"{C}/heartbeat/dead_threshold"
MODE = f"{C}/heartbeat/mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One operation; its answer is `ok`, an errno's symbol, or `=` and what was read."""

    call: str
    """A key of `configfs_operator.CALLS`, or `host` for an action of the host's."""
    path: str = ""
    """From the root of the configfs, without a leading slash."""
    data: str = ""
    """What is written, byte by byte as Latin-1; a mode; an argument."""
    to: str = ""
    """The other path of a rename or link."""
    handle: str = ""
    """Under which name an open file, a watch or an inode is remembered."""
    not_root: bool = False
    """Done as somebody who is not root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigfsRow:
    """One row of what a real kernel was seen to do."""

    name: str
    """A stable slug: `values/num-255`."""
    table: str
    """The heading it stands under, `source` for what was only read in kernel sources."""
    needs: frozenset[str]
    """Capabilities without which it cannot be run, see `CAPABILITIES`."""
    operations: tuple[Op, ...]
    expected: tuple[str, ...]
    """One answer for each operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What a row gave."""

    name: str
    table: str
    status: str
    """`agrees`, `differs` or `not-run`."""
    expected: tuple[str, ...]
    got: tuple[str, ...]
    why: str = ""
    """The first difference, or what was missing."""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


CAPABILITIES = {
    "root": "the caller is root",
    "not-root": "the caller can act as somebody who is not root",
    "empty-write": "an empty write(2) reaches the file system",
    "inotify": "watches can be set",
    "statfs": "statfs(2) reaches the file system",
    "bind": "the host's ports can be taken, freed and looked at",
    "second-address": "the host can be given an address and lose it",
    "mounted": "a volume can be mounted and unmounted",
    "live": "the kernel's map of live nodes can be read",
    "heartbeat": "other nodes can be made to heartbeat",
    "peers": "other nodes can be connected over o2net",
}
"""What a place where rows run may offer, and what each means."""


def row(name: str, table: str, *parts: Steps, needs: Iterable[str] = ()) -> ConfigfsRow:
    """Put a row together."""
    steps = [step for part in parts for step in part]
    return ConfigfsRow(
        name=name,
        table=table,
        needs=frozenset(needs),
        operations=tuple(op for op, _ in steps),
        expected=tuple(answer for _, answer in steps),
    )


# ---- operations


def mkdir(path: str, answer: str = OK, *, not_root: bool = False) -> Steps:
    """Make a directory."""
    return [(Op(call="mkdir", path=path, not_root=not_root), answer)]


def rmdir(path: str, answer: str = OK, *, not_root: bool = False) -> Steps:
    """Remove a directory."""
    return [(Op(call="rmdir", path=path, not_root=not_root), answer)]


def put(path: str, data: str, answer: str = OK, *, not_root: bool = False) -> Steps:
    """Open for writing, write once, close."""
    return [(Op(call="put", path=path, data=data, not_root=not_root), answer)]


def get(path: str, value: str, *, not_root: bool = False) -> Steps:
    """Open, read whole, close; the value is expected with its newline."""
    return [(Op(call="get", path=path, not_root=not_root), f"={value}")]


def do(call: str, path: str, answer: str = OK, **details: Any) -> Steps:
    """Do any other operation."""
    return [(Op(call=call, path=path, **details), answer)]


def host(action: str, argument: str = "", answer: str = OK) -> Steps:
    """Let the host do something: see `configfs_operator.HostActions`."""
    return [(Op(call="host", path=action, data=argument), answer)]


# ---- what many rows begin with


def cluster() -> Steps:
    """Make the cluster."""
    return mkdir(C)


def at(name: str, attribute: str = "") -> str:
    """Return the path of a node, or of an attribute of it."""
    return f"{C}/node/{name}/{attribute}".rstrip("/")


def addressed(name: str, *, port: str = "7777", address: str = "10.77.0.1") -> Steps:
    """Make a node with port and address, without a num."""
    return [
        *mkdir(at(name)),
        *put(at(name, "ipv4_port"), port),
        *put(at(name, "ipv4_address"), address),
    ]


def complete(name: str, num: int, *, address: str = "", port: str = "7777") -> Steps:
    """Make a complete node; its address is unique to its num unless one is given."""
    return [
        *addressed(name, port=port, address=address or f"10.77.0.{num + 1}"),
        *put(at(name, "num"), str(num)),
    ]


def local_node(name: str, num: int, *, address: str = "127.0.0.1", port: str = "7777") -> Steps:
    """Make a complete node and let it be the local one."""
    return [*complete(name, num, address=address, port=port), *put(at(name, "local"), "1")]


def lines(name: str, **values: str) -> Steps:
    """Read attributes of a node back; values without their newline."""
    return [
        step
        for attribute, value in values.items()
        for step in get(at(name, attribute), f"{value}\n")
    ]


def named(rows: Sequence[ConfigfsRow]) -> dict[str, ConfigfsRow]:
    """Return the rows by name.

    Raises:
        ValueError: a name is there twice.
    """
    found = {each.name: each for each in rows}
    if len(found) != len(rows):
        twice = sorted({each.name for each in rows if list(rows).count(each) > 1})
        raise ValueError(f"rows with one name: {twice}")
    return found
