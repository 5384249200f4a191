"""The manual's page on scenario files says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fakecluster.scenario.file import parse_scenario, scenario_text
from fakecluster.scenario.page import main, with_table
from fakecluster.scenario.run import Outcome, run

PAGE = Path(__file__).parents[3] / "docs" / "exploration.md"


def test_the_verbs_are_all_there() -> None:
    """If not: `python -m fakecluster.scenario.page docs/exploration.md`."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page


def test_the_table_is_made_anew_in_its_place(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    old = tmp_path / "page.md"
    old.write_text(page.replace("| `heal` |", "| `hail` |"), encoding="utf-8")
    main([str(old)])
    assert old.read_text(encoding="utf-8") == page


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        with_table("# Nothing\n")


def test_the_example_runs_and_is_canonical() -> None:
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    scenario = parse_scenario(found[1])
    assert scenario_text(scenario) == found[1]
    assert run(scenario).outcome is Outcome.GOOD
