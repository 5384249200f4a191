"""A module's tests are where a reader looks: `tests/<package>/test_<module>.py`.

What would be too long for one file has its aspect behind the module's name. Where a file is about a
package as a whole, the package's name stands in the module's place.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MIRRORED = ("o2cbd", "fakecluster", "integration")

EXCEPTIONS: dict[str, str] = {}
"""Files that are named otherwise, each with the reason."""

FILES = sorted(
    path.relative_to(ROOT)
    for package in MIRRORED
    for path in (ROOT / "tests" / package).rglob("test_*.py")
)


def subjects(directory: Path) -> set[str]:
    """Return the names that a test file may begin with: modules, packages, the package itself."""
    package = ROOT.joinpath(*directory.parts[1:])
    found = {one.stem for one in package.glob("*.py")} - {"__init__", "__main__"}
    return found | {one.parent.name for one in package.glob("*/__init__.py")} | {package.name}


def is_named_after_a_subject(path: Path) -> bool:
    """Whether a test file's name begins with one of its directory's subjects."""
    words = path.stem.removeprefix("test_").split("_")
    names = {"_".join(words[:count]) for count in range(1, len(words) + 1)}
    return bool(names & subjects(path.parent))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_file_is_named_after_what_it_tests(path: Path) -> None:
    assert is_named_after_a_subject(path) is (path.as_posix() not in EXCEPTIONS)


def test_exceptions_are_files() -> None:
    assert EXCEPTIONS.keys() <= {path.as_posix() for path in FILES}


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("test_view", True),
        ("test_controller_start", True),
        ("test_table_diff", True),
        ("test_core", True),
        ("test_table", False),
        ("test_viewer", False),
    ],
)
def test_a_name_is_a_module_a_module_and_an_aspect_or_the_package(name: str, is_one: bool) -> None:
    assert is_named_after_a_subject(Path(f"tests/o2cbd/core/{name}.py")) is is_one
