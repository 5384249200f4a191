"""Counts what a daemon does: which of its statements run, and how many turns it takes.

A mutant can only show in a history that runs the statement that it changes; and one that turns for
ever must be ended at the same turn on every machine, so turns are counted and not seconds.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

from fakecluster.mutants.trees import Function, body_begins, is_declared

_REACHED: Final = "_mutants_reached"
_TURN: Final = "_mutants_turn"


class HungError(BaseException):
    """The daemon takes turns without end; nothing of the daemon's may catch it."""


class Meter:
    """What one history makes a daemon do."""

    def __init__(self) -> None:
        self.reached: set[tuple[str, int]] = set()
        """Statements by module and line."""
        self.turns = 0
        """Loops' turns and calls of functions."""
        self.bound: int | None = None

    def begin(self, bound: int | None = None) -> None:
        """Begin another history; it may take that many turns."""
        self.reached.clear()
        self.turns, self.bound = 0, bound

    def names(self) -> Mapping[str, object]:
        """Return what metered modules call, by the names they call it by."""
        return {_REACHED: self._reached, _TURN: self._turn}

    def _reached(self, module: str, line: int) -> None:
        self.reached.add((module, line))

    def _turn(self) -> None:
        self.turns += 1
        if self.bound is not None and self.turns > self.bound:
            raise HungError


def count_turns(tree: ast.Module) -> None:
    """Change a tree so that every call of a function and every turn of a loop is counted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.While | ast.For):
            node.body.insert(0, _call(_TURN))
        elif isinstance(node, Function) and not is_declared(node):
            node.body.insert(body_begins(node), _call(_TURN))


def note_reached(module: str, tree: ast.Module) -> None:
    """Change a tree so that every statement in a function notes that it runs."""
    functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
    inner = {node for one in functions for node in ast.walk(one) if node is not one}
    for function in functions:
        if function not in inner and not is_declared(function):
            _note_in(module, function, body_begins(function))


def _note_in(module: str, node: ast.AST, begins: int = 0) -> None:
    for field in ("body", "orelse", "finalbody"):
        statements = getattr(node, field, None)
        if not isinstance(statements, list):
            continue
        noted: list[ast.stmt] = statements[:begins]
        for one in statements[begins:]:
            noted += [_call(_REACHED, module, one.lineno), one]
            _note_in(module, one, body_begins(one) if isinstance(one, Function) else 0)
        setattr(node, field, noted)
        begins = 0
    for field in ("handlers", "cases"):
        for one in getattr(node, field, ()):
            _note_in(module, one)


def _call(name: str, *args: str | int) -> ast.stmt:
    constants: list[ast.expr] = [ast.Constant(arg) for arg in args]
    return ast.Expr(ast.Call(func=ast.Name(name, ast.Load()), args=constants, keywords=[]))
