"""Every behaviour row has its tests, and docs/rows.md names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.rows import (
    LATER,
    ONE_HOST,
    ROOT,
    behaviour,
    marked_by_row,
    marked_tests,
    page,
    scenarios_by_row,
)

ROWS = behaviour()
WAITING = {row for row, text in ROWS.items() if text.startswith(LATER)}


def test_the_page_is_current() -> None:
    """Else: `python -m tests.house.rows --write docs/rows.md`."""
    assert (ROOT / "docs/rows.md").read_text(encoding="utf-8") == page()


def test_each_row_that_is_due_has_a_test() -> None:
    assert set(ROWS) - WAITING - set(marked_by_row()) == set()


def test_no_test_or_scenario_names_an_unknown_row() -> None:
    """A row that is dropped or renamed shows here, and so does one that waits and has tests."""
    assert set(marked_by_row()) - set(ROWS) == set()
    assert set(scenarios_by_row()) - set(ROWS) == set()
    assert (set(marked_by_row()) | set(scenarios_by_row())) & WAITING == set()


def test_only_rows_of_a_single_host_have_no_scenario() -> None:
    assert set(ROWS) - WAITING - set(scenarios_by_row()) == set(ONE_HOST.split())


def test_markers_are_read_as_pytest_reads_them(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        '@pytest.mark.row("b", "c")\n@pytest.mark.process\n@pytest.mark.row("d")\n'
        "def test_x():\n    pass\n\n\ndef test_y():\n    pass\n"
    )
    (found,) = marked_tests(tmp_path)
    assert (found.file, found.name, found.rows) == ("test_a.py", "test_x", ("b", "c", "d"))


def test_a_row_that_stands_twice_is_refused(tmp_path: Path) -> None:
    twice = tmp_path / "behaviour.md"
    twice.write_text("| `a` | one |\n| `b` | two |\n| `a` | three |\n")
    with pytest.raises(ValueError, match=r"behaviour\.md has two rows a"):
        behaviour(twice)
