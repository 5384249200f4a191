"""Imports point one way: no module can be reached from itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("o2cbd", "fakecluster", "integration", "benchmarks")


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


def test_no_module_can_be_reached_from_itself() -> None:
    known = modules()
    arrows = {
        name: set(imported(path.read_text(encoding="utf-8"), known)) - {name}
        for name, path in known.items()
    }
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
