"""The table row -> scenario -> test is whole, and every test in it exists."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

from fakecluster.arms.page import SUITE, scenarios
from o2cbd.core.phase import LEGAL, Phase

ROOT = Path(__file__).parents[2]
LATER = "*later*"
NO_SCENARIO = "—"

# Every row that is due.
ROWS = """
level-triggered one-pass resync
start-wait start-adopt not-a-member not-configfs foreign-cluster cluster-name own-node all-reasons
manager-lost manager-stuck read-fails sigterm kill-9 second-instance ocfs2-tools ready check-live
static-members static-watched static-bad-file takeover diff export
scope-members scope-configured port num nameless address address-by-subnet-or-ring
address-families another-id
left-out duplicates incarnation stale-entry half-made
order never add-fails add-waits local-retry local-wrong replace pinned back-again inquorate two-node
minority unsettled quorum-unknown hold errno fingerprint
vote-once vote-facts vote-forced vote-no-teardown vote-again
semaphore-key semaphore-mutex semaphore-look semaphore-removed semaphore-unusable semaphore-foreign
semaphore-command
semaphore-names flush
"""

# Every row that one host alone shows best, so that it has no scenario.
ROWS_OF_ONE_HOST = """
one-pass not-configfs second-instance ocfs2-tools ready check-live quorum-unknown
address-families another-id
static-members static-watched static-bad-file takeover diff export flush
semaphore-key semaphore-mutex semaphore-unusable semaphore-foreign semaphore-names
all-reasons num nameless
"""

# Every row that waits, by name: nothing else may.
ROWS_LATER = """
fingerprint-alert presence-socket metrics reload
"""


def table(path: str, section: str = "") -> list[list[str]]:
    """Return the rows of a page's tables, or of one section's, whose first cell is code."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if section:
        text = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = (line for line in text.splitlines() if line.startswith("| `"))
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


BEHAVIOUR = {row[0].strip("` "): row[1] for row in table("docs/behaviour.md")}
DESIGN = {
    row[0].strip("` "): row[1:] for row in table("docs/design.md", "Behaviour: row, scenario, test")
}
IDS = [
    (name, one.strip("`"))
    for name, (_, tests) in DESIGN.items()
    if tests != LATER
    for one in tests.split("<br>")
]


@functools.cache
def defined_in(path: str) -> frozenset[str]:
    """Return the names of the tests that a file defines."""
    module = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (one for one in ast.walk(module) if isinstance(one, ast.FunctionDef))
    return frozenset(one.name for one in functions if one.name.startswith("test_"))


def test_no_row_is_missing_in_either_page() -> None:
    expected = {*ROWS.split(), *ROWS_LATER.split()}
    assert expected == set(BEHAVIOUR)
    assert expected == set(DESIGN)


def test_rows_stand_in_the_same_order_in_both_pages() -> None:
    assert list(BEHAVIOUR) == list(DESIGN)


def test_no_cell_is_empty() -> None:
    assert all(BEHAVIOUR.values())
    for name, (scenario, tests) in DESIGN.items():
        assert scenario, name
        assert tests, name


def test_only_the_named_rows_wait_for_later() -> None:
    assert {name for name, text in BEHAVIOUR.items() if text.startswith(LATER)} == set(
        ROWS_LATER.split()
    )
    assert {name for name, (_, tests) in DESIGN.items() if tests == LATER} == set(
        ROWS_LATER.split()
    )


@pytest.mark.parametrize(("row", "test_id"), IDS, ids=[f"{row}-{one}" for row, one in IDS])
def test_each_test_of_the_table_exists(row: str, test_id: str) -> None:
    path, _, name = test_id.partition("::")
    assert (ROOT / path).is_file(), f"{row}: {path} is not there"
    assert name in defined_in(path), f"{row}: {path} has no test {name}"


def test_each_scenario_of_the_table_is_one_and_names_its_row() -> None:
    rows = {
        f"{SUITE}/test_{each.file}.py::test_{each.name.replace(' ', '_')}": each.rows.split(", ")
        for each in scenarios(ROOT / SUITE)
    }
    named = {name: row[0].strip("`") for name, row in DESIGN.items() if row[0] != NO_SCENARIO}
    assert {name: test_id for name, test_id in named.items() if test_id not in rows} == {}
    assert {
        name: rows[test_id] for name, test_id in named.items() if name not in rows[test_id]
    } == {}


def test_only_rows_without_hosts_have_no_scenario() -> None:
    without = {name for name, row in DESIGN.items() if row[0] == NO_SCENARIO}
    assert without == {*ROWS_LATER.split(), *ROWS_OF_ONE_HOST.split()}


def test_the_pages_drawing_of_the_phases_is_true() -> None:
    drawn = {
        Phase(phase.strip("` ")): set(re.findall(r"\w+", kinds))
        for phase, kinds in table("docs/design.md", "Phases and events")
    }
    legal = {phase: {kind.__name__ for kind in kinds} for phase, kinds in LEGAL.items()}
    assert legal == drawn
