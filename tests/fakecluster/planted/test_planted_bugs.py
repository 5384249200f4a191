"""What judges the daemon is judged: each planted bug is caught, as the table says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecluster.planted.bugs import BUGS, Bug, Change
from fakecluster.planted.hunt import SEEDS_MAX, Caught, hunt, table
from fakecluster.planted.plant import PlantError, UnknownBugError, bug_of, changed_source, plant

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "planted-bugs.md"
ROW = re.compile(r"^\| `(?P<name>[^`]+)` .* \| (?P<seed>\d+) \| [^|]+ \|$", re.MULTILINE)

ROWS = {row["name"]: row for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))}


def test_the_table_has_every_bug_caught_within_its_bound() -> None:
    assert list(ROWS) == list(BUGS)
    assert len(BUGS) >= 10
    assert max(int(row["seed"]) for row in ROWS.values()) < SEEDS_MAX


@pytest.mark.parametrize("name", sorted(BUGS))
def test_its_seed_catches_it_as_the_table_says(name: str) -> None:
    """If not: `python -m fakecluster.planted --write docs/planted-bugs.md`."""
    row = ROWS[name]
    assert hunt(name, [int(row["seed"])]).row() == row.group()


def test_the_page_is_what_is_written() -> None:
    page = PAGE.read_text(encoding="utf-8")
    head = table([])
    assert page.startswith(head)
    assert page.removeprefix(head).splitlines() == [row.group() for row in ROWS.values()]


def test_without_a_bug_nothing_is_caught() -> None:
    """The process that hunts is the same; only the plant is missing."""
    code = (
        "import fakecluster.planted.one as one; one.plant = lambda _name: None; one.main('', '0,1')"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout == '{"seed": null}\n'


def test_what_is_not_caught_is_said() -> None:
    row = Caught(name="votes-yes", seed=None).row()
    assert "**not caught**" in row


@pytest.mark.parametrize("name", sorted(BUGS))
def test_a_bug_fits_the_source(name: str) -> None:
    for module in {change.module for change in BUGS[name].changes}:
        path = ROOT / f"{module.replace('.', '/')}.py"
        changes = [change for change in BUGS[name].changes if change.module == module]
        source = path.read_text(encoding="utf-8")
        compile(changed_source(name, source, changes), module, "exec")


@pytest.fixture
def meta_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    finders = list(sys.meta_path)
    monkeypatch.setattr(sys, "meta_path", finders)
    yield finders
    monkeypatch.undo()


@pytest.mark.usefixtures("meta_path")
def test_a_module_that_is_loaded_already_is_refused() -> None:
    import o2cbd.core.shutdown  # noqa: F401, PLC0415 - it must be loaded

    with pytest.raises(PlantError, match=r"o2cbd\.core\.shutdown is loaded already"):
        plant("votes-yes")


def test_an_unknown_bug_is_refused() -> None:
    with pytest.raises(UnknownBugError, match="there is no bug 'none'; there are: "):
        bug_of("none")


@pytest.mark.parametrize("source", ["b = 1\n", "a = 1\na = 1\n"])
def test_lines_that_are_not_there_once_are_refused(source: str) -> None:
    change = Change(module="x", old="a = 1\n", new="a = 2\n")
    with pytest.raises(PlantError, match="not once"):
        changed_source("bug", source, [change])


def test_only_the_modules_of_the_bug_are_changed(
    meta_path: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A package of ours with two modules, one of which a bug changes."""
    (tmp_path / "victim").mkdir()
    for name in ("__init__", "one", "two"):
        (tmp_path / "victim" / f"{name}.py").write_text("VALUE = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    bug = Bug(
        about="",
        original=False,
        changes=(Change(module="victim.one", old="VALUE = 1", new="VALUE = 2"),),
    )
    monkeypatch.setattr("fakecluster.planted.plant.BUGS", {"test": bug})
    plant("test")
    assert len(sys.meta_path) == len(meta_path)
    try:
        from victim import one, two  # type: ignore[import-not-found]  # noqa: PLC0415

        assert (one.VALUE, two.VALUE) == (2, 1)
        assert not list((tmp_path / "victim").glob("__pycache__/one*"))
    finally:
        for name in ("victim", "victim.one", "victim.two"):
            sys.modules.pop(name, None)
