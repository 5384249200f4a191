"""The core imports nothing that could do, wait, draw or log."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "o2cbd" / "core"
PURE = {
    *("__future__", "collections", "collections.abc", "dataclasses", "enum", "errno", "functools"),
    *("bisect", "hashlib", "itertools", "json", "operator", "re", "types", "typing"),
}


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(one, ast.Import):
            found |= {name.name for name in one.names}
        elif isinstance(one, ast.ImportFrom):
            assert one.level == 0, "imports are absolute"
            found.add(one.module or "")
    return found


@pytest.mark.parametrize("path", sorted(CORE.glob("*.py")), ids=lambda path: path.name)
def test_a_module_of_the_core_imports_the_core_and_pure_modules_only(path: Path) -> None:
    core = {name for name in imported(path) if name.split(".")[:2] == ["o2cbd", "core"]}
    assert imported(path) - core <= PURE


def test_the_core_is_where_it_is_looked_for() -> None:
    assert (CORE / "controller.py").is_file()


@pytest.mark.parametrize("path", sorted(CORE.glob("*.py")), ids=lambda path: path.name)
def test_a_module_of_the_core_opens_and_prints_nothing(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        one.id
        for one in ast.walk(tree)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)
    }
    # frozen.py says what the hash of a value is.
    impure = {"open", "print", "input", "exec", "eval", "id", "hash"}
    assert names & impure <= ({"hash"} if path.name == "frozen.py" else set())
