"""The modules of the checkout that a guest is given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

GUEST_DIRECTORY: Final = "/usr/lib/guest"
"""Where a guest's agent looks for modules."""
INSIDE: Final = "integration.inside"

_ROOT: Final = Path(__file__).parents[1]
_GIVEN: Final = ("fakecluster", "integration")
"""The daemon is in its package."""


def module_files(*names: str) -> list[tuple[str, Path]]:
    """Modules by their full names, and what they import: (name below `GUEST_DIRECTORY`, path)."""
    found: dict[Path, None] = {}
    waiting = list(names)
    while waiting:
        for path in _files(waiting.pop()):
            if path not in found:
                found[path] = None
                waiting += _imported(path)
    return sorted((str(path.relative_to(_ROOT)), path) for path in found)


def inside(*names: str) -> list[tuple[str, Path]]:
    """The same of modules of `INSIDE`."""
    return module_files(*(f"{INSIDE}.{name}" for name in names))


def _files(name: str) -> Iterator[Path]:
    """A module's file and its packages'; nothing of what is no module of those that are given."""
    parts = name.split(".")
    if parts[0] not in _GIVEN:
        return
    for count in range(1, len(parts) + 1):
        place = _ROOT.joinpath(*parts[:count])
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                yield path


def _imported(path: Path) -> Iterator[str]:
    """The names that a module imports; whether one is a module or in one is not told apart."""
    for one in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(one, ast.Import):
            yield from (name.name for name in one.names)
        elif isinstance(one, ast.ImportFrom):
            yield from (f"{one.module}.{name.name}" for name in one.names)
