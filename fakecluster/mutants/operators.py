"""Random mutants: small slips that anybody can make, at any place of the daemon.

An operator looks at one node and says which slips are possible there.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fakecluster.mutants.trees import (
    ROOT,
    Function,
    Slot,
    Spot,
    body_begins,
    is_declared,
    path_of,
    reached_with,
    spots,
    targets,
    tree_of,
)
from fakecluster.streams import rng_for

Change = Callable[[], None]
"""Changes the tree of the spot that it was made for."""
Slip = tuple[str, Change]
"""The operator's name, and the change."""

_OPPOSITE: Final[Mapping[type[ast.cmpop], type[ast.cmpop]]] = MappingProxyType(
    {
        ast.Eq: ast.NotEq,
        ast.NotEq: ast.Eq,
        ast.Is: ast.IsNot,
        ast.IsNot: ast.Is,
        ast.In: ast.NotIn,
        ast.NotIn: ast.In,
    }
)
_BOUNDARY: Final[Mapping[type[ast.cmpop], type[ast.cmpop]]] = MappingProxyType(
    {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
)
_ARITHMETIC: Final[Mapping[type[ast.operator], type[ast.operator]]] = MappingProxyType(
    {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult}
)
_TWINS: Final[Mapping[str, str]] = MappingProxyType(
    {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "reversed": "list"}
)
_EMPTY: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "None": ("None",),
        "bool": ("True", "False"),
        "str": ("''",),
        "int": ("0",),
        "list": ("[]",),
        "tuple": ("()",),
        "set": ("set()",),
        "frozenset": ("frozenset()",),
        "dict": ("{}",),
        "Mapping": ("{}",),
        "Sequence": ("()",),
        "Effects": ("[]",),
        "Iterator": ("",),
    }
)
"""What a function that returns a type may return at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slipped:
    """One possible random mutant."""

    name: str
    """`FILE:LINE:COLUMN:OPERATOR`; it leads to the mutant again in the same source."""
    module: str
    index: int
    """Which of the module's."""
    line: int
    function: str
    operator: str
    statement: int | None
    """Line of the statement that must run for it to matter; None: always."""
    text: bool
    """It changes what is said, and nothing that is done."""

    @property
    def file(self) -> str:
        """The module's file, from the root of the sources."""
        return str(path_of(self.module).relative_to(ROOT))

    @property
    def statements(self) -> Sequence[tuple[str, int | None]]:
        """What is changed: the module, and the line of the statement."""
        return ((self.module, self.statement),)

    def trees(self) -> Mapping[str, ast.Module]:
        """Return the module's tree with the slip in it, by the module's name."""
        tree = tree_of(self.module)
        _, (_, change) = list(slips(self.module, tree))[self.index]
        change()
        return {self.module: tree}


@functools.cache
def candidates(module: str) -> tuple[Slipped, ...]:
    """Return every random mutant of a module, in the order of its source."""
    file = path_of(module).relative_to(ROOT)
    found: dict[str, Slipped] = {}
    for index, (spot, (operator, _)) in enumerate(slips(module, tree_of(module))):
        place = f"{file}:{spot.line}:{spot.column}:{operator}"
        name = place
        while name in found:
            name = f"{name}+"
        found[name] = Slipped(
            name=name,
            module=module,
            index=index,
            line=spot.line,
            function=spot.function,
            operator=operator,
            statement=reached_with(spot),
            text=spot.text,
        )
    return tuple(found.values())


def draw_mutants(count: int, seed: int) -> list[Slipped]:
    """Draw some of all random mutants, none twice, all alike; always the same ones for a seed."""
    left = [one for module in targets() for one in candidates(module)]
    rng = rng_for(seed, "mutants")
    return [left.pop(rng.randrange(len(left))) for _ in range(min(count, len(left)))]


def find_mutant(name: str) -> Slipped | None:
    """Return the random mutant of a name; None: there is none in the sources as they are."""
    file = name.partition(":")[0]
    module = file.removesuffix(".py").replace("/", ".")
    if module not in targets():
        return None
    return next((one for one in candidates(module) if one.name == name), None)


def slips(module: str, tree: ast.Module) -> Iterator[tuple[Spot, Slip]]:
    """Yield every slip that is possible in a tree, in the order of its source."""
    for spot in spots(module, tree):
        for operator in _OPERATORS:
            for slip in operator(spot):
                yield spot, slip


# --- the operators ------------------------------------------------------------------------------


def negated(test: ast.expr) -> ast.expr:
    """Return the opposite of a condition."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    return ast.UnaryOp(op=ast.Not(), operand=test)


def _negate_condition(spot: Spot) -> Iterator[Slip]:
    node = spot.node
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        tests = [(Slot(node, "test"), node.test)]
    elif isinstance(node, ast.comprehension):
        tests = [(Slot(node, "ifs", at), test) for at, test in enumerate(node.ifs)]
    else:
        return
    for slot, test in tests:
        if not (isinstance(test, ast.Compare) and type(test.ops[0]) in _OPPOSITE):
            yield "negate-condition", functools.partial(slot.put, negated(test))


def _comparison(spot: Spot) -> Iterator[Slip]:
    node = spot.node
    if not isinstance(node, ast.Compare):
        return
    for at, op in enumerate(node.ops):
        for name, table in (("opposite", _OPPOSITE), ("boundary", _BOUNDARY)):
            other = table.get(type(op))
            if other is not None:
                yield name, functools.partial(Slot(node, "ops", at).put, other())


def _and_or(spot: Spot) -> Iterator[Slip]:
    node = spot.node
    if not isinstance(node, ast.BoolOp):
        return
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield "and-or", functools.partial(Slot(node, "op").put, other)
    for at in range(len(node.values)):
        yield "drop-operand", functools.partial(spot.slot.put, without_operand(node, at))


def without_operand(node: ast.BoolOp, at: int) -> ast.expr:
    """Return an and/or without one of its operands."""
    left = [value for index, value in enumerate(node.values) if index != at]
    return left[0] if len(left) == 1 else ast.BoolOp(op=node.op, values=left)


def _constant(spot: Spot) -> Iterator[Slip]:
    node = spot.node
    if not isinstance(node, ast.Constant):
        return
    if isinstance(node.value, bool):
        yield "constant", functools.partial(spot.slot.put, ast.Constant(not node.value))
    elif isinstance(node.value, int):
        other = 0 if node.value == 1 else node.value + 1
        yield "constant", functools.partial(spot.slot.put, ast.Constant(other))


@functools.cache
def _enums() -> Mapping[str, Sequence[str]]:
    """Return the members of each enumeration of the targets, by its name."""
    found: dict[str, Sequence[str]] = {}
    for module in targets():
        for node in tree_of(module).body:
            if isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(b) for b in node.bases):
                found[node.name] = [
                    target.id
                    for one in node.body
                    if isinstance(one, ast.Assign)
                    for target in one.targets
                    if isinstance(target, ast.Name) and not target.id.startswith("_")
                ]
    return found


def _enum_member(spot: Spot) -> Iterator[Slip]:
    node = spot.node
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        return
    members = _enums().get(node.value.id, ())
    if node.attr in members and len(members) > 1:
        other = members[(members.index(node.attr) + 1) % len(members)]
        new = ast.Attribute(value=node.value, attr=other, ctx=ast.Load())
        yield "enum-member", functools.partial(spot.slot.put, new)


def _drop_statement(spot: Spot) -> Iterator[Slip]:
    node = spot.node
    match node:
        case ast.Expr(value=ast.Call()) | ast.Delete() | ast.Raise() | ast.Continue() | ast.Break():
            droppable = True
        case ast.Assign(targets=targets_):
            droppable = not any(isinstance(one, ast.Name | ast.Tuple) for one in targets_)
        case ast.AugAssign():
            droppable = True
        case ast.Return():
            droppable = not isinstance(spot.slot.parent, Function)
        case _:
            droppable = False
    if droppable and spot.function:
        yield "drop-statement", functools.partial(spot.slot.put, ast.Pass())


def _return_early(spot: Spot) -> Iterator[Slip]:
    node = spot.node
    if not isinstance(node, Function) or node.returns is None or is_declared(node):
        return
    returns = ast.unparse(node.returns)
    optional = returns.endswith(" | None")
    kind = "None" if optional else returns.partition("[")[0].rpartition(".")[2]
    at = body_begins(node)
    for value in _EMPTY.get(kind, ()):
        text = f"return {value}".rstrip()
        if ast.unparse(node.body[at]) != text:
            early = functools.partial(node.body.insert, at, ast.parse(text).body[0])
            yield "return-early", early


def _call(spot: Spot) -> Iterator[Slip]:
    node = spot.node
    if not isinstance(node, ast.Call):
        return
    if len(node.args) >= 2 and not any(isinstance(one, ast.Starred) for one in node.args[:2]):
        swapped = [node.args[1], node.args[0], *node.args[2:]]
        new = ast.Call(func=node.func, args=swapped, keywords=node.keywords)
        yield "swap-arguments", functools.partial(spot.slot.put, new)
    twin = _TWINS.get(node.func.id) if isinstance(node.func, ast.Name) else None
    if twin is not None and node.args:
        keywords = [] if twin == "list" else node.keywords
        call = ast.Call(func=ast.Name(twin, ast.Load()), args=node.args, keywords=keywords)
        yield "twin-function", functools.partial(spot.slot.put, call)


def _operation(spot: Spot) -> Iterator[Slip]:
    node = spot.node
    if not isinstance(node, ast.BinOp) or type(node.op) not in _ARITHMETIC:
        return
    if any(isinstance(one, ast.JoinedStr) for one in (node.left, node.right)):
        return
    other = _ARITHMETIC[type(node.op)]()
    yield "arithmetic", functools.partial(Slot(node, "op").put, other)


_OPERATORS: Final[Sequence[Callable[[Spot], Iterator[Slip]]]] = (
    _negate_condition,
    _comparison,
    _and_or,
    _constant,
    _enum_member,
    _drop_statement,
    _return_early,
    _call,
    _operation,
)
