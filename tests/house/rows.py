"""`python -m tests.house.rows [--write FILE]`: the manual's page of behaviour rows and their tests.

A test names the rows that it holds by `@pytest.mark.row("vote-once")`, a scenario by the beginning
of its docstring. Run it in the project's directory.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fakecluster.arms.page import scenarios

ROOT = Path(__file__).parents[2]
LATER = "*later*"
"""How the text of a row begins that is not built yet."""

ONE_HOST = """
one-pass not-configfs second-instance ocfs2-tools ready check-live quorum-unknown
address-families another-id
static-members static-watched static-bad-file takeover diff export flush
semaphore-key semaphore-mutex semaphore-unusable semaphore-foreign semaphore-names
all-reasons num nameless
"""
"""Rows that need no scenario: a single host, or a real cluster manager alone, shows them best."""

_HEAD = """\
# Behaviour rows and their tests

<!-- Made by `python -m tests.house.rows --write docs/rows.md`; a test holds it true. -->

Each row of [behaviour.md](behaviour.md) with the scenarios ([scenarios.md](scenarios.md)) and tests
(below `tests/`) that hold it. A test names its rows by `@pytest.mark.row("vote-once")`, a scenario
by the beginning of its docstring. A dash: no scenario, since a single host shows the row best.

| row | scenarios | tests |
|---|---|---|
"""

_ROW = re.compile(r"^\| `(?P<name>[\w-]+)` \| (?P<text>.+) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class MarkedTest:
    """One test and the rows that its markers name."""

    file: str
    name: str
    rows: tuple[str, ...]


def behaviour(page: Path = ROOT / "docs/behaviour.md") -> dict[str, str]:
    """Return the text of each behaviour row by its name, in the order of the page.

    Raises:
        ValueError: a name stands in two rows.
    """
    rows: dict[str, str] = {}
    for found in _ROW.finditer(page.read_text(encoding="utf-8")):
        if found["name"] in rows:
            raise ValueError(f"{page.name} has two rows {found['name']}")
        rows[found["name"]] = found["text"]
    return rows


def marked_tests(tests: Path = ROOT / "tests") -> Iterator[MarkedTest]:
    """Read the tests that name rows, by file and in the order of each file."""
    for path in sorted(tests.rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if "mark.row(" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and (rows := _rows(node)):
                yield MarkedTest(path.relative_to(tests).as_posix(), node.name, rows)


def _rows(node: ast.FunctionDef) -> tuple[str, ...]:
    return tuple(
        ast.literal_eval(argument)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.row"
        for argument in decorator.args
    )


def scenarios_by_row(suite: Path = ROOT / "tests/scenarios") -> dict[str, list[str]]:
    """Return the scenarios that name each row, as `FILE: NAME`."""
    found: dict[str, list[str]] = {}
    for each in scenarios(suite):
        for row in each.rows.split(", "):
            found.setdefault(row, []).append(f"{each.file}: {each.name}")
    return found


def marked_by_row() -> dict[str, dict[str, list[str]]]:
    """Return the names of the tests that name each row, by row and file."""
    found: dict[str, dict[str, list[str]]] = {}
    for test in marked_tests():
        for row in test.rows:
            found.setdefault(row, {}).setdefault(test.file, []).append(test.name)
    return found


def _tests_cell(tests: Mapping[str, list[str]]) -> str:
    return "<br>".join(f"{file}: {', '.join(names)}" for file, names in tests.items())


def page() -> str:
    """Return the whole page."""
    by_scenario, by_test = scenarios_by_row(), marked_by_row()
    lines = [
        f"| `{row}` | {LATER} | {LATER} |\n"
        if text.startswith(LATER)
        else f"| `{row}` | {'<br>'.join(by_scenario.get(row, ['—']))} "
        f"| {_tests_cell(by_test.get(row, {})) or '—'} |\n"
        for row, text in behaviour().items()
    ]
    return _HEAD + "".join(lines)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="else it goes to stdout")
    options = parser.parse_args()
    if options.write is None:
        sys.stdout.write(page())
    else:
        options.write.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
