"""Scripted gates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakecluster.gate.scripted_gate import ScriptedGate


@pytest.fixture
def gate() -> Iterator[ScriptedGate]:
    """Three nodes, all members, seen from node 1."""
    made = ScriptedGate().up()
    yield made
    made.world.close()
