"""The names that others import: there, typed, described, and cheap until they are used."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fakecluster

STUB = Path(fakecluster.__file__).with_suffix(".pyi")


def test_importing_the_package_imports_nothing_else_of_the_house() -> None:
    program = (
        "import sys, fakecluster\n"
        "print(*sorted(one for one in sys.modules if one.startswith(('fakecluster', 'o2cbd'))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["fakecluster"]


def test_the_stub_has_the_very_names_and_places() -> None:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    found = {
        name.name: one.module
        for one in tree.body
        if isinstance(one, ast.ImportFrom)
        for name in one.names
    }
    (public,) = (one.value for one in tree.body if isinstance(one, ast.Assign))
    assert found == vars(fakecluster)["_HOME"]
    assert sorted(found) == ast.literal_eval(public) == sorted(fakecluster.__all__)


@pytest.mark.parametrize(
    "name",
    [
        *("Cluster", "DaemonUnderTest", "Host", "NodeConfig", "ServedHost", "Timings", "Topology"),
        *("DrawnHistory", "serve", "simulate"),
    ],
)
def test_a_public_name_is_described(name: str) -> None:
    about = inspect.getdoc(getattr(fakecluster, name))
    assert about is not None
    assert len(about) > 10
    assert name in dir(fakecluster)


def test_what_is_not_public_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        _ = fakecluster.Nonsense  # type: ignore[attr-defined]


def test_serve_is_the_function_whatever_was_imported_before() -> None:
    program = "import fakecluster.server.child, fakecluster; print(fakecluster.serve.__module__)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "fakecluster.clusters.real"


def test_the_page_names_what_a_cluster_has() -> None:
    page = Path(__file__).parents[2] / "docs" / "test-your-daemon.md"
    rows = re.findall(
        r"^\| (?:what can be done|time|what there is) \| (.*?) \|$", page.read_text(), re.MULTILINE
    )
    words = {one for row in rows for code in re.findall(r"`([^`]+)`", row) for one in code.split()}
    names = {word.partition("(")[0] for word in words if re.match(r"[a-z_]+(\(|$)", word)}
    assert len(names) > 25
    missing = {name for name in names - {"sim"} if not hasattr(fakecluster.Cluster, name)}
    assert missing == set()
