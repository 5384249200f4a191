"""Every scenario that once showed a bug, in the daemon or in the fakes, is good now."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakecluster.scenario.file import read_scenario, scenario_text
from fakecluster.scenario.run import Outcome, run

BASE = Path(__file__).parents[1] / "bug_base"
FILES = sorted(BASE.glob("*.toml"))


def test_there_are_some() -> None:
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_good_now(path: Path) -> None:
    result = run(read_scenario(path))
    assert (result.outcome, result.findings) == (Outcome.GOOD, ())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_stands_there_in_the_one_way(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    still_said = "".join(line for line in lines if not line.startswith("depth = "))
    assert scenario_text(read_scenario(path)) == still_said
