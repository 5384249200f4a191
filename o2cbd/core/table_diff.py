"""Two node tables side by side, value by value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Row(Protocol):
    """A node of a table, wherever that stands."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def num(self) -> int:
        """Its o2cb number."""
        ...

    @property
    def address(self) -> str:
        """Its IPv4 address."""
        ...

    @property
    def port(self) -> int:
        """Its o2net port."""
        ...


_One = TypeVar("_One", bound=Row)
_Other = TypeVar("_Other", bound=Row)


def value_of(row: Row, value: str) -> str | int:
    """Return one of `VALUES`."""
    match value:
        case "name":
            return row.name
        case "num":
            return row.num
        case "address":
            return row.address
        case _:
            return row.port


VALUES = ("name", "num", "address", "port")

_SAME = ("name", "num", "address")
"""By what two rows are found to be one node, the first that fits."""


def pairs(
    one: Iterable[_One], other: Iterable[_Other]
) -> tuple[list[tuple[_One, _Other]], list[_One], list[_Other]]:
    """Find the rows that are about one node: by name, else by num, else by address.

    In neither table two nodes have one name.

    Returns:
        The pairs in the order of `one`, and what is left over of each.
    """
    left = {row.name: row for row in one}
    there = {row.name: row for row in other}
    names = tuple(left)
    found: dict[str, tuple[_One, _Other]] = {}
    for value in _SAME:
        by_value = {value_of(row, value): row for row in there.values()}
        for row in tuple(left.values()):
            match = by_value.pop(value_of(row, value), None)
            if match is not None:
                found[row.name] = (left.pop(row.name), there.pop(match.name))
    return (
        [found[name] for name in names if name in found],
        list(left.values()),
        list(there.values()),
    )


def differing(one: Row, other: Row) -> tuple[str, ...]:
    """Return those of `VALUES` that are not the same."""
    return tuple(value for value in VALUES if value_of(one, value) != value_of(other, value))
