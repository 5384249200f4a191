"""Random slips: which there are, and that the same seed draws the same ones."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from fakecluster.mutants import operators
from fakecluster.mutants.install import compiled
from fakecluster.mutants.operators import candidates, draw_mutants, find_mutant, slips
from fakecluster.mutants.trees import difference, targets, tree_of


def slipped(source: str) -> list[tuple[str, str]]:
    """Return every slip of a function's source: the operator, and what it becomes."""
    source = ast.unparse(ast.parse(source))
    found = []
    for at in range(len(list(slips("x", ast.parse(source))))):
        tree = ast.parse(source)
        _, (operator, change) = list(slips("x", tree))[at]
        change()
        found.append((operator, ast.unparse(tree)))
    return found


@pytest.mark.parametrize(
    ("source", "operator", "becomes"),
    [
        ("x = 1 if a() else 2", "negate-condition", "x = 1 if not a() else 2"),
        ("x = 1 if not a else 2", "negate-condition", "x = 1 if a else 2"),
        ("x = [a for a in b if a]", "negate-condition", "x = [a for a in b if not a]"),
        ("x = a == b", "opposite", "x = a != b"),
        ("x = a not in b", "opposite", "x = a in b"),
        ("x = a <= b", "boundary", "x = a < b"),
        ("x = a and b", "and-or", "x = a or b"),
        ("x = a and b and c", "drop-operand", "x = a and c"),
        ("x = True", "constant", "x = False"),
        ("x = 7", "constant", "x = 8"),
        ("x = Why.HELD", "enum-member", "x = Why.FAILED"),
        ("def f():\n    g()", "drop-statement", "def f():\n    pass"),
        ("def f():\n    a.b = 1", "drop-statement", "def f():\n    pass"),
        (
            "def f() -> int:\n    g()\n    return 2",
            "return-early",
            "def f() -> int:\n    return 0\n",
        ),
        ("f(a, b, c)", "swap-arguments", "f(b, a, c)"),
        ("x = min(a)", "twin-function", "x = max(a)"),
        ("x = sorted(a, key=b)", "twin-function", "x = list(a)"),
        ("x = a - b", "arithmetic", "x = a + b"),
    ],
)
def test_each_operator(
    source: str, operator: str, becomes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operators, "_enums", lambda: {"Why": ["HELD", "FAILED"]})
    assert any(name == operator and text.startswith(becomes) for name, text in slipped(source)), (
        slipped(source)
    )


@pytest.mark.parametrize(
    "source",
    [
        "import a",
        'def f():\n    """Say 1."""',
        "def f(a: int = None) -> int: ...",
        "@dataclass(frozen=True)\nclass C: pass",
        "class OsFiles:\n    x = 1",
        "if TYPE_CHECKING:\n    x = 1",
    ],
)
def test_what_is_no_behaviour_is_left_alone(source: str) -> None:
    assert slipped(source) == []


@pytest.mark.parametrize("module", targets())
def test_every_slip_of_the_daemon_is_a_change_that_compiles(module: str) -> None:
    """The names are unique, and lead back."""
    before = ast.unparse(tree_of(module))
    found = candidates(module)
    assert max(Counter(one.name for one in found).values(), default=1) == 1
    for one in found[:: max(1, len(found) // 5)]:
        assert find_mutant(one.name) == one
        ((name, tree),) = one.trees().items()
        compiled(name, tree)
        assert ast.unparse(tree) != before
        assert difference(name, tree).startswith(f"--- {one.file}")


def test_the_whole_simulated_daemon_is_changed() -> None:
    """Where the import of a part changes, the mutants follow."""
    packages = {module.rpartition(".")[0] for module in targets()}
    assert packages == {"o2cbd", "o2cbd.core", "o2cbd.configfs", "o2cbd.membership"}
    assert sum(len(candidates(module)) for module in targets()) > 1000


def test_a_seed_draws_the_same_mutants_and_none_twice() -> None:
    drawn = draw_mutants(50, 3)
    assert drawn == draw_mutants(50, 3)
    assert drawn != draw_mutants(50, 4)
    assert drawn[:20] == draw_mutants(20, 3)
    assert len({one.name for one in drawn}) == 50


@pytest.mark.parametrize("name", ["", "nothing", "o2cbd/agent.py:1:1:none", "fakecluster/x.py:1"])
def test_a_name_of_no_mutant_leads_nowhere(name: str) -> None:
    assert find_mutant(name) is None
