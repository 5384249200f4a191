"""Loads a changed daemon: modules whose syntax trees were changed, in place of those on disk.

The daemon's files stay as they are, and nothing in it knows of this. That must be done before its
modules are imported, so each mutant has a process of its own.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Mapping, Sequence
from types import CodeType, ModuleType
from typing import Final, Protocol

from fakecluster.mutants.trees import path_of

_DAEMON: Final = "o2cbd.agent"
"""Whoever has loaded this one has loaded a whole daemon."""


class Mutant(Protocol):
    """A changed daemon."""

    @property
    def name(self) -> str:
        """How it is called."""
        ...

    @property
    def statements(self) -> Sequence[tuple[str, int | None]]:
        """What is changed: modules and lines of statements; no line: it runs with every seed."""
        ...

    def trees(self) -> Mapping[str, ast.Module]:
        """Return the changed modules."""
        ...


class LoadedError(RuntimeError):
    """The daemon is loaded already, and what it was loaded with cannot be changed any more."""


def compiled(module: str, tree: ast.Module) -> CodeType:
    """Compile a changed tree of a module."""
    return compile(ast.fix_missing_locations(tree), str(path_of(module)), "exec")


def install(codes: Mapping[str, CodeType], names: Mapping[str, object] | None = None) -> None:
    """Let these modules be loaded from these codes, and their globals begin with these names.

    What a command line has loaded of them (texts, names) it keeps; the daemon gets them anew.

    Raises:
        LoadedError: the daemon is loaded already.
    """
    if _DAEMON in sys.modules:
        raise LoadedError(f"{_DAEMON} is loaded already")
    for module in codes:
        package, _, name = module.rpartition(".")
        if sys.modules.pop(module, None) is not None:
            delattr(sys.modules[package], name)
    sys.meta_path.insert(0, _Finder(codes, names or {}))


def install_mutant(mutant: Mutant) -> None:
    """Let this process load a mutant of the daemon.

    Raises:
        LoadedError: the daemon is loaded already.
    """
    install({module: compiled(module, tree) for module, tree in mutant.trees().items()})


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that are given, and leaves all others to the next finder."""

    def __init__(self, codes: Mapping[str, CodeType], names: Mapping[str, object]) -> None:
        self._codes = codes
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        code = self._codes.get(fullname)
        if code is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin, code, self._names)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Runs the code that it was given; no byte code is kept of it."""

    def __init__(
        self, fullname: str, path: str, code: CodeType, names: Mapping[str, object]
    ) -> None:
        super().__init__(fullname, path)
        self._code = code
        self._names = names

    def get_code(self, fullname: str) -> CodeType:
        """Return the code that was given."""
        del fullname
        return self._code

    def exec_module(self, module: ModuleType) -> None:
        """Run the code in the module."""
        module.__dict__.update(self._names)
        super().exec_module(module)
