"""What a row of the configfs conformance is: operations, and what each must answer.

Standard library only, and plain data: the same rows run against the model, through pyfakefs, over
FUSE, and inside a guest on a real kernel.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

OK = "ok"
CLUSTER = "cluster/rows"
"""The cluster that rows make."""

_WORDS = re.compile(r'"[^"]*"|\S+')
_REPEATED = re.compile(r"\{(.)\*(\d+)\}")
_FIELDS = {
    "put": ("path", "data"),
    "put-truncating": ("path", "data"),
    "put-appending": ("path", "data"),
    "chmod": ("path", "data"),
    "open": ("path", "handle", "data"),
    "read": ("handle",),
    "write": ("handle", "data"),
    "rewind": ("handle",),
    "watch": ("path", "handle"),
    "events": ("handle",),
    "remember-inode": ("path", "handle"),
    "compare-inode": ("path", "handle"),
    "rename": ("path", "to"),
    "symlink": ("path", "to"),
    "link": ("path", "to"),
    "host": ("path", "data"),
}
"""Which fields of an `Op` the words behind a call are; of other calls its path."""


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


def rows(prefix: str, table: str, *, text: str, begin: str = "") -> tuple[ConfigfsRow, ...]:
    """Read the rows of an observed table.

    A row is `slug [needs]: operations`, and lines that are indented go on with it. See `row` for
    the operations.

    Args:
        prefix: of the rows' names.
        table: the heading that they stand under.
        text: the rows.
        begin: operations that every row begins with.
    """
    found = []
    for each in re.split(r"\n(?=\S)", text.strip()):
        head, _, operations = each.partition(":")
        slug, *needs = head.replace("[", " ").replace("]", " ").split()
        found.append(row(f"{prefix}/{slug}", table, f"{begin};{operations}", needs=needs))
    return tuple(found)


def row(name: str, table: str, text: str, *, needs: Iterable[str] = ()) -> ConfigfsRow:
    r"""Read one row.

    Operations have semicolons between them: a call with its words, then ` -> ` and the errno with
    which it fails, or ` = ` and what it answers (of `get` without the newline). `nobody` before a
    call makes it that of somebody who is not root. A word in double quotes may have blanks and
    escapes, and `{x*64}` is 64 times an x.

    Paths are below the cluster's `node`; those that begin with `C` are below the cluster, and
    those that begin with a slash are whole. Three calls are several operations:

    - `cluster` makes the cluster;
    - `node NAME [NUM] [address=A] [port=P]` makes a node with port and address, and its num;
    - `local NAME NUM [address=A] [port=P]` makes it the local one, too.
    """
    steps = [
        step for part in text.split(";") if part.strip() for step in _steps(" ".join(part.split()))
    ]
    return ConfigfsRow(
        name=name,
        table=table,
        needs=frozenset(needs),
        operations=tuple(op for op, _ in steps),
        expected=tuple(answer for _, answer in steps),
    )


def _steps(text: str) -> Iterator[tuple[Op, str]]:
    """Read one part of a row: operations with the answer that each must give."""
    asked, fails, symbol = text.partition(" -> ")
    asked, answers, value = asked.partition(" = ")
    not_root = asked.startswith("nobody ")
    call, *words = map(_word, _WORDS.findall(asked.removeprefix("nobody ")))
    if call == "cluster":
        yield Op(call="mkdir", path=CLUSTER), OK
    elif call in {"node", "local"}:
        yield from _node(words, local=call == "local")
    else:
        names = _FIELDS.get(call, ("path",))
        if len(words) > len(names):
            raise ValueError(f"{call} takes no more words than {names}: {text}")
        fields = dict(zip(names, words, strict=False))
        for name in {"path", "to"} & fields.keys() if call != "host" else ():
            fields[name] = _path(fields[name])
        answer = f"={_word(value)}" if answers else OK
        if call == "get" and value != '""':
            answer += "\n"
        yield Op(call=call, not_root=not_root, **fields), symbol if fails else answer


def _node(words: Sequence[str], *, local: bool) -> Iterator[tuple[Op, str]]:
    name, *nums = (word for word in words if "=" not in word)
    given = dict(word.split("=") for word in words if "=" in word)
    usual = "127.0.0.1" if local else f"10.77.0.{int(nums[0]) + 1}" if nums else "10.77.0.1"
    values = {
        "ipv4_port": given.get("port", "7777"),
        "ipv4_address": given.get("address", usual),
    }
    if nums:
        values["num"] = nums[0]
    if local:
        values["local"] = "1"
    yield Op(call="mkdir", path=_path(name)), OK
    for attribute, value in values.items():
        yield Op(call="put", path=_path(f"{name}/{attribute}"), data=value), OK


def _word(text: str) -> str:
    word = str(ast.literal_eval(text)) if text.startswith('"') else text
    return _REPEATED.sub(lambda found: found[1] * int(found[2]), word)


def _path(text: str) -> str:
    if text.startswith("/"):
        return text[1:]
    first, slash, rest = text.partition("/")
    return f"{CLUSTER}{slash}{rest}" if first == "C" else f"{CLUSTER}/node/{text}"


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
