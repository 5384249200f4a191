"""Plants a bug: a module of the daemon is loaded with a few lines of its source changed.

The daemon's files stay as they are, and nothing in it knows of this. A bug must be planted before
its module is imported, so each bug has a process of its own. A change whose old lines are not there
exactly once is refused: then the daemon has changed, and the bug must be written anew.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

from fakecluster.planted.bugs import BUGS, Bug, Change


class UnknownBugError(LookupError):
    """There is no bug of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no bug {name!r}; there are: {', '.join(BUGS)}")


class PlantError(RuntimeError):
    """The bug does not fit the daemon's source, or its module is loaded already."""


def bug_of(name: str) -> Bug:
    """Return a bug by its name.

    Raises:
        UnknownBugError: there is none.
    """
    try:
        return BUGS[name]
    except KeyError:
        raise UnknownBugError(name) from None


def plant(name: str) -> None:
    """Plant a bug into this process.

    Raises:
        UnknownBugError: there is none of this name.
        PlantError: a module that it changes is loaded already.
    """
    by_module: dict[str, list[Change]] = {}
    for change in bug_of(name).changes:
        by_module.setdefault(change.module, []).append(change)
    late = sorted(set(by_module) & set(sys.modules))
    if late:
        raise PlantError(f"{name}: {', '.join(late)} is loaded already")
    sys.meta_path.insert(0, _Finder(name, by_module))


def changed_source(name: str, source: str, changes: Sequence[Change]) -> str:
    """Return a module's source with a bug in it.

    Raises:
        PlantError: what is to be changed is not there exactly once.
    """
    for change in changes:
        count = source.count(change.old)
        if count != 1:
            raise PlantError(
                f"{name}: in {change.module} these lines are there {count} times, not once:\n"
                f"{change.old}"
            )
        source = source.replace(change.old, change.new)
    return source


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that a bug changes, and leaves all others to the next finder."""

    def __init__(self, name: str, changes: dict[str, list[Change]]) -> None:
        self._name = name
        self._changes = changes

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        changes = self._changes.get(fullname)
        if changes is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            raise PlantError(f"{self._name}: there is no module {fullname}")
        spec.loader = _Loader(fullname, spec.origin, self._name, changes)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles the changed source; no bytecode is kept of it."""

    def __init__(self, fullname: str, path: str, name: str, changes: Sequence[Change]) -> None:
        super().__init__(fullname, path)
        self._name = name
        self._changes = changes

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        source = Path(self.path).read_text(encoding="utf-8")
        return compile(changed_source(self._name, source, self._changes), self.path, "exec")
