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
    found: str | int = getattr(row, value)
    return found


VALUES = ("name", "num", "address", "port")

_SAME = ("name", "num", "address")
"""By what two rows are found to be one node, the first that fits."""


def pairs(
    one: Iterable[_One], other: Iterable[_Other]
) -> tuple[list[tuple[_One, _Other]], list[_One], list[_Other]]:
    """Find the rows that are about one node: by name, else by num, else by address.

    Returns:
        The pairs in the order of `one`, and what is left over of each.
    """
    left, there = list(one), list(other)
    order = {id(row): place for place, row in enumerate(left)}
    found: list[tuple[_One, _Other]] = []
    for value in _SAME:
        by_value = {value_of(row, value): row for row in there}
        pairing = [
            (row, by_value[key]) for row in left if (key := value_of(row, value)) in by_value
        ]
        found += pairing
        taken = {id(row) for pair in pairing for row in pair}
        left = [row for row in left if id(row) not in taken]
        there = [row for row in there if id(row) not in taken]
    return sorted(found, key=lambda pair: order[id(pair[0])]), left, there


def differing(one: Row, other: Row) -> tuple[str, ...]:
    """Return those of `VALUES` that are not the same."""
    return tuple(value for value in VALUES if value_of(one, value) != value_of(other, value))
