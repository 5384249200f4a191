"""Imports point one way: no module can be reached from itself, and chains of packages are short.

A room is what stands directly below a root package: a package in it, or a module.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("o2cbd", "fakecluster", "integration", "benchmarks")

MOST_ROOMS = 10
"""In a chain of rooms of `fakecluster` and below; lower it whenever that is possible."""


def modules() -> dict[str, Path]:
    """Return every module of the house by its name."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(source: str, known: Mapping[str, object]) -> Iterator[str]:
    """Yield the modules among the known ones that a source imports, wherever in it that stands.

    An import for type checkers alone, or within a function, is an arrow like any other.
    """
    for one in ast.walk(ast.parse(source)):
        if isinstance(one, ast.Import):
            yield from (name.name for name in one.names if name.name in known)
        elif isinstance(one, ast.ImportFrom):
            assert one.level == 0, "imports are absolute"
            above = one.module or ""
            for name in one.names:
                below = f"{above}.{name.name}"
                if below in known:
                    yield below
                elif above in known:
                    yield above


def circle(arrows: Mapping[str, set[str]]) -> list[str]:
    """Return a circle of arrows, empty when there is none."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def arrows_of(known: Mapping[str, Path]) -> dict[str, set[str]]:
    """Return what each module imports of the house."""
    return {
        name: set(imported(path.read_text(encoding="utf-8"), known)) - {name}
        for name, path in known.items()
    }


def rooms_of(arrows: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return what each room imports of other rooms."""
    found: dict[str, set[str]] = {}
    for name, targets in arrows.items():
        here = room_of(name)
        found.setdefault(here, set()).update(map(room_of, targets - {name}))
    return {room: targets - {room} for room, targets in found.items()}


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def longest_chain(rooms: Mapping[str, set[str]], first: str) -> list[str]:
    """Return the longest chain from a room down; those that reach each other count as one place."""
    below: dict[str, set[str]] = {room: set() for room in rooms}
    for room in rooms:
        waiting = [room]
        while waiting:
            for target in rooms[waiting.pop()] - below[room]:
                below[room].add(target)
                waiting.append(target)
    chains: dict[str, list[str]] = {}

    def chain(room: str) -> list[str]:
        if room not in chains:
            rest = [chain(each) for each in sorted(below[room]) if room not in below[each]]
            chains[room] = [room, *max(rest, key=len, default=[])]
        return chains[room]

    return max((chain(room) for room in sorted(rooms) if room.startswith(first)), key=len)


def test_chains_of_rooms_are_short() -> None:
    chain = longest_chain(rooms_of(arrows_of(modules())), "fakecluster")
    assert len(chain) <= MOST_ROOMS, " > ".join(chain)


def test_the_longest_chain_is_found_past_a_circle() -> None:
    rooms = {"a": {"b"}, "b": {"c", "d"}, "c": {"b"}, "d": {"e"}, "e": set(), "z": {"a"}}
    assert longest_chain(rooms, "a") == ["a", "b", "d", "e"]


def test_no_module_can_be_reached_from_itself() -> None:
    known = modules()
    arrows = arrows_of(known)
    assert sum(len(targets) for targets in arrows.values()) > len(known)
    assert circle(arrows) == []


@pytest.mark.parametrize(
    "source",
    [
        "import o2cbd.a",
        "from o2cbd import a",
        "from o2cbd.a import thing",
        "if TYPE_CHECKING:\n    from o2cbd.a import thing",
        "def f():\n    from o2cbd.a import thing",
    ],
)
def test_every_kind_of_import_counts(source: str) -> None:
    assert list(imported(source, {"o2cbd": "", "o2cbd.a": ""})) == ["o2cbd.a"]


def test_a_circle_is_seen() -> None:
    found = circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})
    assert sorted(set(found)) == ["a", "b", "c"]
    assert circle({"a": {"b"}, "b": set()}) == []
