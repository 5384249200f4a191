"""A daemon that is not o2cbd, right or with its first version's mistake: the example's."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "your-daemon"
RIGHT = "(members, quorate) == self.known:"
WRONG = "self.known and members == self.known[0]:"


@pytest.fixture
def leader_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Imports the example's daemon, with or without the mistake that its README puts back."""

    def load(*, mistaken: bool) -> Any:
        monkeypatch.setattr(sys, "path", [str(EXAMPLE), *sys.path])
        text = (EXAMPLE / "leader.py").read_text(encoding="utf-8")
        if mistaken:
            assert RIGHT in text
            text = text.replace(RIGHT, WRONG)
        module = types.ModuleType("leader")
        exec(compile(text, "leader.py", "exec"), module.__dict__)  # noqa: S102 - our own file
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
