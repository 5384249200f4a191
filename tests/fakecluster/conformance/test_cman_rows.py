"""What was seen of a real cman, row by row, on the simulator's cman; and the page about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakecluster.cman.standin import standin_library
from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import Topology
from fakecluster.conformance import cman_rows
from fakecluster.conformance.cman_page import engines_page
from fakecluster.conformance.cman_row import CmanRow
from fakecluster.conformance.cman_rows import (
    DIFFERENCES,
    ENGINES,
    GATE,
    ROWS,
    EngineDifference,
    complaint,
)
from fakecluster.conformance.cman_sim import SimCman

PAGE = Path("docs/engines.md")
ENGINE_TESTS = Path(__file__).parents[1] / "cman"
SIMULATORS = [engine for engine in ENGINES if engine != GATE]
BY_NAME = {row.name: row for row in ROWS}
NAMES = [row.name for row in ROWS if not row.library]
LIBRARY_NAMES = [row.name for row in ROWS if row.library]


def _make(engine: str, library: Path | None = None) -> Callable[[Topology], SimCman]:
    return lambda topology: SimCman(topology, ENGINES[engine], library=library)


@pytest.mark.parametrize("engine", SIMULATORS)
@pytest.mark.parametrize("name", NAMES)
def test_row(name: str, engine: str) -> None:
    """The sockets of the simulator's cman, in virtual time."""
    shown = BY_NAME[name].watch(_make(engine))
    assert complaint(BY_NAME[name], engine, shown) == ""


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("engine", SIMULATORS)
@pytest.mark.parametrize("name", LIBRARY_NAMES)
def test_library_row(name: str, engine: str) -> None:
    """The stand-in library on those sockets."""
    shown = BY_NAME[name].watch(_make(engine, standin_library()))
    assert shown is not None
    assert complaint(BY_NAME[name], engine, shown) == ""


def test_a_row_about_the_library_needs_one() -> None:
    [name, *_] = LIBRARY_NAMES
    assert BY_NAME[name].watch(_make("simulator as 3.1.8")) is None


def test_names_are_unique_and_what_is_not_acted_has_a_reason() -> None:
    assert len(BY_NAME) == len(ROWS)
    assert [row.name for row in ROWS if bool(row.act) is bool(row.why_not)] == []


RACES = {
    "connect-while-dying": "test_row_connect_while_dying",
    "D1-heal-in-steps": "test_row_heal_in_steps",
    "D16-rejoin-seen-away": "test_row_rejoin_seen_away",
}
"""Rows that nothing outside can bring about, each with the engine's test that shows it."""


def test_rows_that_are_not_acted_are_shown_by_the_engines_tests() -> None:
    assert set(RACES) == {row.name for row in ROWS if row.act is None}
    sources = [path.read_text("utf-8") for path in ENGINE_TESTS.rglob("test_*.py")]
    found = {
        name for text in sources for name in re.findall(r"^def (test_row_\w+)", text, re.MULTILINE)
    }
    assert set(RACES.values()) <= found


def test_differences_are_of_rows_and_engines_that_there_are() -> None:
    assert [one for one in DIFFERENCES if one.row not in BY_NAME or one.engine not in ENGINES] == []


def _row(*seen: str) -> CmanRow:
    both = {Profile.A: seen, Profile.B: seen}
    return replace(BY_NAME["join"], name="x", seen=both)


def test_what_an_engine_shows_is_right_or_is_complained_of() -> None:
    engine = "simulator as 3.1.8"
    assert complaint(_row("1", "2"), engine, "2") == ""
    assert complaint(_row(), engine, "anything") == ""
    assert complaint(_row("1"), engine, None) == ""
    assert complaint(_row("1"), engine, "3") == "x: '3', a real one shows '1'"


def test_a_listed_difference_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = "simulator as 3.1.8"
    listed = EngineDifference(row="x", engine=engine, shows=("3", "2"), reason="because")
    monkeypatch.setattr(cman_rows, "DIFFERENCES", (listed,))
    assert complaint(_row("1"), engine, "3") == ""
    assert complaint(_row("1", "2"), engine, "2") == ""
    assert complaint(_row("1"), engine, "4") == "x: '4', listed: '3 or 2'"
    assert "the listed difference is gone" in complaint(_row("1"), engine, "1")


def test_the_page_is_as_it_would_be_made_now() -> None:
    """If not: `python -m fakecluster.conformance.cman_page --write docs/engines.md`."""
    assert PAGE.read_text(encoding="utf-8") == engines_page()
