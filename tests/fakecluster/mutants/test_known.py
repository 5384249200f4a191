"""Every known bug fits the daemon as it is, and is noticed as the page says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fakecluster.mutants.edits import EditError, Replace, What
from fakecluster.mutants.install import compiled
from fakecluster.mutants.known import KNOWN, SEEDS_EACH, KnownBug
from fakecluster.mutants.trees import tree_of

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([^`]+)` .* \| (\d+) \| [^|]+ \|$", re.MULTILINE)
SEEDS = {name: int(seed) for name, seed in ROW.findall(PAGE)}


def test_every_bug_is_noticed_within_its_bound() -> None:
    assert list(SEEDS) == list(KNOWN)
    assert len(KNOWN) >= 30
    assert max(SEEDS.values()) < SEEDS_EACH


@pytest.mark.process
@pytest.mark.timeout(600)
def test_the_page_is_what_its_seeds_give() -> None:
    """If not: `python -m fakecluster.commands.mutants_page --write docs/mutants.md`.

    The daemon of this process cannot be changed. One other process has all bugs, each in a fork:
    as much as the tests with daemons, and no newer Python breaks it.
    """
    seeds = ",".join(str(seed) for seed in sorted(set(SEEDS.values())))
    done = subprocess.run(
        [sys.executable, "-m", "fakecluster.commands.mutants_page", "--seeds", seeds],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.splitlines(), done.stderr) == (PAGE.splitlines(), "")


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_bug_changes_the_source(name: str) -> None:
    bug = KNOWN[name]
    changed = bug.trees()
    assert {module for module, _ in bug.statements} == set(changed)
    for module, tree in changed.items():
        compiled(module, tree)
        assert ast.unparse(tree) != ast.unparse(tree_of(module))


def broken(edit: Replace) -> str:
    bug = KnownBug(name="a-bug", about="", original=False, edits=(edit,))
    with pytest.raises(EditError) as caught:
        bug.trees()
    return str(caught.value)


def test_an_edit_of_a_function_that_is_gone_says_what_to_write() -> None:
    text = broken(Replace("Agent.gone", What.CONDITION, "holder", "True"))
    assert text.startswith("a-bug: no function is called Agent.gone: name the one that does now")
    assert text.endswith("(fakecluster/mutants/known.py)")


def test_an_edit_that_finds_nothing_says_where_it_looked() -> None:
    text = broken(Replace("Agent._take_hold", What.CONDITION, "gone", "True"))
    assert "the condition of Agent._take_hold that reads 'gone' must be one place" in text
    assert "nothing in o2cbd/agent.py:" in text


def test_an_edit_that_finds_several_places_says_which() -> None:
    text = broken(Replace("gate", What.OPERAND, "removal"))
    assert text.count("o2cbd/core/removals.py:") > 1
    assert "with more words where there are several" in text
