"""Changes of a function's syntax tree, described by what the code does and not by its lines.

An edit names a function, wherever in the daemon that stands, and what in it is changed: a
condition, an operand, a call, an argument, by the names that it reads. It must find one place.
"""

from __future__ import annotations

import ast
import copy
import enum
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from fakecluster.mutants.trees import (
    ROOT,
    Function,
    Spot,
    body_begins,
    is_declared,
    path_of,
    reached_with,
    spots,
    tree_of,
)

_OLD = "OLD"


class EditError(LookupError):
    """An edit does not find one place; the text says what there is, and what to write."""


class What(enum.Enum):
    """What of a function is changed."""

    CONDITION = "condition"
    """What is tested: by `if`, `while`, a comprehension, or as an operand of and, or, not."""
    OPERAND = "operand"
    """One operand of an and/or."""
    ELEMENT = "element"
    """One element of a list, tuple or set that is written out."""
    ARGUMENT = "argument"
    """The value of a keyword argument; the first word is the keyword."""
    ASSIGNED = "assigned value"
    """What is assigned; the first word is the target."""
    RETURNED = "returned value"
    STATEMENT = "statement"
    """A statement that has no body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an edit changes a tree, and how."""

    spot: Spot
    change: Callable[[], None]

    @property
    def statement(self) -> int | None:
        """The line of the statement that runs when the change can show; None: it always does."""
        return reached_with(self.spot)


@dataclass(frozen=True, slots=True)
class Replace:
    """Puts something else in the place of an expression or a statement of a function."""

    function: str
    what: What
    reads: str
    """Names, attributes, `Enum.MEMBER`s and constants that stand in it, separated by spaces."""
    becomes: str = ""
    """An expression, in which `OLD` is what was there; empty: it is dropped."""

    def __str__(self) -> str:
        """Return what is looked for."""
        return f"the {self.what.value} of {self.function} that reads {self.reads!r}"

    def places(self, found: Sequence[Spot]) -> list[Place]:
        """Return every place that fits and has no other such place in it."""
        words = self.reads.split()
        fitting = [spot for spot in found if _is_a(self.what, spot, words) and _reads(spot, words)]
        outer = {
            spot
            for spot in fitting
            if any(one is not spot and one.node in _all_of(spot) for one in fitting)
        }
        return [
            Place(spot=spot, change=functools.partial(self._change, spot))
            for spot in fitting
            if spot not in outer
        ]

    def _change(self, spot: Spot) -> None:
        parent, node = spot.slot.parent, spot.node
        if self.becomes:
            # In brackets, since an element may become several: `*(OLD, OLD)`.
            elements = ast.parse(f"[{self.becomes}]", mode="eval").body
            if not isinstance(elements, ast.List):
                raise TypeError(f"{self.becomes!r} is no expression")
            filled = _Filler(node).visit(elements.elts[0])
            spot.slot.put(ast.Expr(filled) if isinstance(node, ast.stmt) else filled)
        elif isinstance(node, ast.stmt):
            spot.slot.put(ast.Pass())
        elif isinstance(parent, ast.BoolOp):
            spot.slot.put(ast.Constant(isinstance(parent.op, ast.And)))
        else:
            getattr(parent, spot.slot.field).remove(node)


@dataclass(frozen=True, slots=True)
class Insert:
    """Puts statements at the beginning of a function."""

    function: str
    code: str

    def __str__(self) -> str:
        """Return what is looked for."""
        return f"the function {self.function}"

    def places(self, found: Sequence[Spot]) -> list[Place]:
        """Return the functions."""
        return [
            Place(spot=spot, change=functools.partial(self._change, spot.node))
            for spot in found
            if isinstance(spot.node, Function) and not is_declared(spot.node)
        ]

    def _change(self, function: Function) -> None:
        at = body_begins(function)
        function.body[at:at] = ast.parse(self.code).body


Edit = Replace | Insert
"""One change of one function, which has one place."""


class _Filler(ast.NodeTransformer):
    """Puts what was there where `OLD` stands."""

    def __init__(self, old: ast.AST) -> None:
        self._old = old

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Return what was there."""
        return copy.deepcopy(self._old) if node.id == _OLD else node


def _is_a(what: What, spot: Spot, words: Sequence[str]) -> bool:  # noqa: PLR0911 - one arm a kind
    parent, field, node = spot.slot.parent, spot.slot.field, spot.node
    operand = isinstance(parent, ast.BoolOp)
    match what:
        case What.CONDITION:
            tested = field in {"test", "ifs"} or operand
            tested = tested or (isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not))
            return tested and not isinstance(node, ast.BoolOp)
        case What.OPERAND:
            return operand
        case What.ELEMENT:
            return field == "elts"
        case What.ARGUMENT:
            return isinstance(parent, ast.keyword) and parent.arg == words[0]
        case What.ASSIGNED:
            return field == "value" and words[0] in {
                name
                for target in _targets_of(parent)
                for name in (getattr(target, "attr", ""), getattr(target, "id", ""))
            }
        case What.RETURNED:
            return isinstance(parent, ast.Return)
        case What.STATEMENT:
            return isinstance(node, ast.stmt) and not hasattr(node, "body")


def _targets_of(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else []


def _reads(spot: Spot, words: Sequence[str]) -> bool:
    skipped = words[1:] if isinstance(spot.slot.parent, ast.keyword | ast.Assign) else words
    return set(skipped) <= set(_words_of(spot.node)) or set(words) <= set(_words_of(spot.node))


def _words_of(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        match one:
            case ast.Name(id=name):
                yield name
            case ast.Attribute(attr=name, value=value):
                yield name
                if isinstance(value, ast.Name):
                    yield f"{value.id}.{name}"
            case ast.Constant(value=value):
                yield str(value)
            case ast.keyword(arg=str(name)):
                yield name
            case _:
                pass


def _all_of(spot: Spot) -> set[ast.AST]:
    return set(ast.walk(spot.node))


def find(edit: Edit, among: Sequence[str]) -> tuple[str, int]:
    """Return the module of the one place that an edit fits, and its place's index there.

    Raises:
        EditError: it fits none, or more than one.
    """
    fitting: list[tuple[str, int, Spot]] = []
    functions: list[str] = []
    for module in among:
        inside = in_function(spots(module, tree_of(module)), edit.function)
        here = {spot.node: spot for spot in inside if isinstance(spot.node, Function)}
        functions += [_where(spot) for spot in here.values()]
        fitting += [(module, at, one.spot) for at, one in enumerate(edit.places(inside))]
    if len(fitting) == 1:
        module, index, _ = fitting[0]
        return module, index
    if not functions:
        raise EditError(
            f"no function is called {edit.function}: name the one that does now what it did, as"
            " `name` or `Class.name`"
        )
    there = ", ".join(_where(spot) for *_, spot in fitting) or f"nothing in {', '.join(functions)}"
    raise EditError(
        f"{edit} must be one place, and is {there}: name what it reads now, with more words where"
        " there are several, or the function as `Class.name`"
    )


def in_function(found: Sequence[Spot], function: str) -> list[Spot]:
    """Return the nodes of a function, itself included; `a|b` is whichever of them there is."""
    names = function.split("|")
    return [
        spot
        for spot in found
        if any(spot.function == name or spot.function.endswith(f".{name}") for name in names)
    ]


def _where(spot: Spot) -> str:
    return f"{path_of(spot.module).relative_to(ROOT)}:{spot.line}"
