"""The daemon's sources as syntax trees, and every place in them that a mutant can change."""

from __future__ import annotations

import ast
import difflib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

_BEGINNINGS: Final = ("o2cbd.agent", "o2cbd.configfs.tree", "o2cbd.membership.cman")
"""What a simulated daemon is put together from; what they import is simulated too."""
_ROOMS: Final = ("o2cbd.agent", "o2cbd.core.", "o2cbd.configfs.", "o2cbd.membership.")
_REPLACED: Final = frozenset({"OsFiles"})
"""Classes that a simulation replaces by fakes: no drawn history runs them."""
_TEXT_KEYWORDS: Final = frozenset({"reason", "detail", "text"})
_TEXT_MODULES: Final = frozenset(
    {"o2cbd.core.reports", "o2cbd.core.trace_recorder", "o2cbd.core.changes"}
)
"""What only reports: nothing is decided there."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@functools.cache
def targets() -> tuple[str, ...]:
    """Return the names of the modules that mutants change, sorted: the simulated daemon's."""
    found: set[str] = set()
    left = list(_BEGINNINGS)
    while left:
        module = left.pop()
        if module in found or not module.startswith(_ROOMS) or not path_of(module).is_file():
            continue
        found.add(module)
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                left += [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
    return tuple(sorted(found))


def path_of(module: str) -> Path:
    """Return where a target's source is."""
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


@functools.cache
def source_of(module: str) -> str:
    """Return a target's source."""
    return path_of(module).read_text(encoding="utf-8")


def tree_of(module: str) -> ast.Module:
    """Return a new tree of a target: to be changed."""
    return ast.parse(source_of(module))


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a node hangs in its tree."""

    parent: ast.AST
    field: str
    index: int | None = None

    def put(self, node: ast.AST) -> None:
        """Hang another node there."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One node of a module, and what is around it."""

    module: str
    node: ast.AST
    slot: Slot
    function: str
    """`name`, or `Class.name`; empty outside of functions."""
    statement: int | None
    """The line of the innermost statement of a function's body; None outside of functions."""
    text: bool
    """The node makes text for people, and decides nothing."""

    @property
    def line(self) -> int:
        """The line of the node, 0 where it has none."""
        return getattr(self._seen, "lineno", 0)

    @property
    def column(self) -> int:
        """Its column, counted from 0."""
        return getattr(self._seen, "col_offset", 0)

    @property
    def _seen(self) -> ast.AST:
        return self.node.target if isinstance(self.node, ast.comprehension) else self.node


def spots(module: str, tree: ast.Module) -> list[Spot]:
    """Return every node that a mutant may change, parents first, in the order of the source.

    Annotations, decorators, imports, docstrings and what a simulation replaces are left out.
    """
    return list(_Walk(module).children(tree, "", None, text=module in _TEXT_MODULES))


class _Walk:
    def __init__(self, module: str) -> None:
        self._module = module

    def children(
        self, parent: ast.AST, function: str, statement: int | None, *, text: bool
    ) -> Iterator[Spot]:
        for field, value in ast.iter_fields(parent):
            if field in {"annotation", "returns", "decorator_list", "bases", "type_params"}:
                continue
            if isinstance(value, ast.AST):
                yield from self._node(value, Slot(parent, field), function, statement, text=text)
            elif isinstance(value, list):
                for index, one in enumerate(value):
                    if isinstance(one, ast.AST):
                        slot = Slot(parent, field, index)
                        yield from self._node(one, slot, function, statement, text=text)

    def _node(
        self, node: ast.AST, slot: Slot, function: str, statement: int | None, *, text: bool
    ) -> Iterator[Spot]:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.expr_context) or _is_docstring(node):
            return
        if isinstance(node, ast.ClassDef) and node.name in _REPLACED:
            return
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.stmt) and function:
            statement = node.lineno
        text = text or isinstance(node, ast.JoinedStr)
        text = text or (isinstance(node, ast.keyword) and node.arg in _TEXT_KEYWORDS)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            outer = slot.parent.name if isinstance(slot.parent, ast.ClassDef) else ""
            function = f"{outer}.{node.name}" if outer else node.name
        yield Spot(
            module=self._module,
            node=node,
            slot=slot,
            function=function,
            statement=statement,
            text=text,
        )
        yield from self.children(node, function, statement, text=text)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str | type(...))
    )


def body_begins(function: Function) -> int:
    """Return where a function's body begins, behind its docstring."""
    return 1 if _is_docstring(function.body[0]) else 0


def is_declared(function: Function) -> bool:
    """Return whether a function is only declared: a protocol's, whose body is `...`."""
    return _is_docstring(function.body[-1])


def reached_with(spot: Spot) -> int | None:
    """Return the line of the statement that runs when a change at a spot can make a difference.

    None: it runs when the module is loaded.
    """
    if isinstance(spot.node, Function) and not is_declared(spot.node):
        return spot.node.body[body_begins(spot.node)].lineno
    return spot.statement


def difference(module: str, changed: ast.Module) -> str:
    """Return a unified diff from a target to a changed tree of it, without comments."""
    before = ast.unparse(tree_of(module)).splitlines()
    after = ast.unparse(changed).splitlines()
    name = str(path_of(module).relative_to(ROOT))
    lines = difflib.unified_diff(before, after, name, name, lineterm="", n=1)
    return "\n".join("@@" if line.startswith("@@") else line for line in lines)
