"""The rows of a kernel run wherever a python3 is: they need each other and its library alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

CONFORMANCE = Path(__file__).parents[2] / "fakecluster" / "conformance"
ROWS = sorted(CONFORMANCE.glob("configfs_*.py"))


def test_the_rows_are_where_they_are_looked_for() -> None:
    assert "configfs_rows.py" in {path.name for path in ROWS}


@pytest.mark.parametrize("path", ROWS, ids=lambda path: path.name)
def test_rows_import_nothing_that_is_installed(path: Path) -> None:
    own = {f"fakecluster.conformance.{one.stem}" for one in ROWS}
    found = set()
    for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(one, ast.Import):
            found |= {name.name.partition(".")[0] for name in one.names}
        elif isinstance(one, ast.ImportFrom) and one.module not in own:
            assert one.module is not None
            found.add(one.module.partition(".")[0])
    assert found - sys.stdlib_module_names == set()
