"""The manual's page about the scenarios is made, and current."""

from pathlib import Path

import pytest

from fakecluster.arms.broken import broken_story
from fakecluster.arms.page import SUITE, not_on, page, scenarios
from fakecluster.arms.values import ARMS, MISSING
from fakecluster.capabilities import Capability

ROOT = Path(__file__).parents[3]


def test_the_page_is_current() -> None:
    """Else: `python -m fakecluster.arms.page --write docs/scenarios.md`."""
    written = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    assert page(ROOT / SUITE) == written


def test_every_scenario_names_rows_that_there_are() -> None:
    behaviour = (ROOT / "docs" / "behaviour.md").read_text(encoding="utf-8")
    named = {row for each in scenarios(ROOT / SUITE) for row in each.rows.split(", ")}
    assert {row for row in named if f"| `{row}` |" not in behaviour} == set()


def test_at_least_forty_scenarios_and_each_with_a_name_of_its_own() -> None:
    found = [(each.file, each.name) for each in scenarios(ROOT / SUITE)]
    assert len(found) == len(set(found))
    assert len(found) >= 40


def test_a_scenario_without_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text('def test_b(make):\n    """Nothing."""\n')
    with pytest.raises(ValueError, match="test_a::test_b: its docstring must begin with rows"):
        list(scenarios(tmp_path))


def test_needs_are_read_and_tests_of_the_suite_itself_are_not(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "@needs(Capability.ANY_ID, Capability.TWO_NODE)\n"
        '@other\ndef test_b(make):\n    """row: about."""\n'
        "def test_of_the_suite(request):\n    pass\n"
    )
    (found,) = scenarios(tmp_path)
    assert found.needs == (Capability.ANY_ID, Capability.TWO_NODE)
    assert (found.name, found.rows, found.about) == ("b", "row", "about.")


def test_a_missing_capability_is_shown_with_its_arms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_a.py").write_text(
        '@needs(Capability.ANY_ID)\ndef test_b(make):\n    """row: about."""\n'
    )
    (found,) = scenarios(tmp_path)
    for arm in ARMS:
        monkeypatch.setitem(MISSING, arm, {})
    assert not_on(found) == "—"
    for arm, why in (("sim", "no ids"), ("process", "few ids"), ("vm-cman", "no ids")):
        monkeypatch.setitem(MISSING, arm, {Capability.ANY_ID: why})
    assert not_on(found) == "`sim`, `vm-cman`: no ids<br>`process`: few ids"


def test_a_broken_daemon_is_told_from_what_was_expected_to_the_line_that_runs_it_again() -> None:
    lines = broken_story("tests/x.py::test_y").splitlines()
    assert lines[0] == "expected for a while that host 3, alone and inquorate, keeps all"
    assert "  host 3: synced, not quorate, members 3" in lines
    assert "  node 3: rmdir of node1 without quorum" in lines
    assert lines[-1] == "run it again: pytest 'tests/x.py::test_y' --arm sim"
