"""A membership source without a quorum provider: the same readings, but for quorum."""

from __future__ import annotations

import pytest

from fakecluster.oracles.audited_source import SourceWithoutQuorum
from fakecluster.testing.cman_engine import EngineHarness
from o2cbd.core.model import Quorum
from o2cbd.membership.interface import MembershipSource


@pytest.fixture
def source() -> MembershipSource:
    return EngineHarness(1).up().source(1)


def test_nobody_knows_of_quorum(source: MembershipSource) -> None:
    assert source.snapshot().quorum is Quorum.QUORATE
    without = SourceWithoutQuorum(source)
    assert without.snapshot().quorum is Quorum.UNKNOWN
    assert without.snapshot().members == source.snapshot().members


def test_the_same_reading_stays_the_same_value(source: MembershipSource) -> None:
    without = SourceWithoutQuorum(source)
    assert without.snapshot() is without.snapshot()


def test_all_else_is_the_sources_own(source: MembershipSource) -> None:
    without = SourceWithoutQuorum(source)
    assert without.fileno() == source.fileno()
    assert without.dispatch() == ()
    without.close()
    assert len(source.dispatch()) == 0
