"""What makes two runs of one seed differ is nowhere in the fakes; the linter bans the rest of it.

Between interpreters and versions only `random()`, `getrandbits` and `randrange` draw alike; `hash`
of a text and `id` differ from process to process.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FAKES = Path(__file__).parents[2] / "fakecluster"
BUILTINS = {"hash", "id"}
DRAWS = {
    *("shuffle", "sample", "choice", "choices", "uniform", "triangular", "randint", "randbytes"),
    *("gauss", "normalvariate", "lognormvariate", "expovariate", "betavariate", "gammavariate"),
    *("vonmisesvariate", "paretovariate", "weibullvariate", "binomialvariate"),
}


def unrepeatable(source: str) -> list[str]:
    """Return the calls in a source that would not give the same again, with their lines."""
    found = []
    for one in ast.walk(ast.parse(source)):
        if not isinstance(one, ast.Call):
            continue
        match one.func:
            case ast.Name(id=name) if name in BUILTINS:
                found.append(f"{one.lineno}: {name}")
            case ast.Attribute(attr=name) if name in DRAWS:
                found.append(f"{one.lineno}: {name}")
            case _:
                pass
    return found


def test_the_fakes_are_where_they_are_looked_for() -> None:
    assert (FAKES / "sim" / "world.py").is_file()


@pytest.mark.parametrize(
    "path", sorted(FAKES.rglob("*.py")), ids=lambda path: str(path.relative_to(FAKES))
)
def test_nothing_that_differs_from_run_to_run(path: Path) -> None:
    assert unrepeatable(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("source", ["hash('a')", "{id(x): 1}", "rng.shuffle(nodes)"])
def test_each_kind_is_seen(source: str) -> None:
    assert len(unrepeatable(source)) == 1


def test_drawing_that_repeats_is_fine() -> None:
    assert unrepeatable("rng.random(); rng.getrandbits(8); rng.randrange(3)") == []
