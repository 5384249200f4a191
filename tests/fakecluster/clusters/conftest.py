"""A daemon that is not o2cbd, right or with its first version's mistake: that of the example."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "your-daemon"


@pytest.fixture
def leader_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Imports a version of the example's daemon: `.` or `before`."""

    def load(version: str) -> Any:
        monkeypatch.setattr(sys, "path", [str(EXAMPLE), *sys.path])
        spec = importlib.util.spec_from_file_location("leader", EXAMPLE / version / "leader.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules.pop("libcman", None)
        return module.Leader

    return load


@pytest.fixture
def one_leader() -> Callable[[Any], None]:
    """The example's invariant."""

    def check(cluster: Any) -> None:
        for node in cluster.working:
            leader = cluster.read(node, "leader")
            right = str(min(cluster.members(node))) if cluster.quorate(node) else ""
            assert leader == right, f"node {node}: {leader!r}, not {right!r}"

    return check
