"""Faults of notices."""

from __future__ import annotations

import pytest

from fakecluster.cman.constants import Reason
from fakecluster.cman.engine import NoticeFault, OperationError
from fakecluster.testing.cman_engine import EngineHarness, Recorder
from o2cbd.core.rules import SECOND_US


@pytest.fixture
def rig() -> EngineHarness:
    return EngineHarness(3).up()


def _change(rig: EngineHarness, count: int) -> list[int]:
    """Let `count` notices arise on node 1, with args 1, 0, 1 ...; return when they did.

    Node 2 is told to; there they are twice as many.
    """
    times = []
    for number in range(count):
        rig.admin(2).client.set_votes(1, 1 if number % 2 else 200)
        rig.run(10_000)
        times.append(rig.now_us())
    return times


def _versions(rig: EngineHarness, seen: Recorder, count: int) -> list[int]:
    for _ in range(count):
        rig.engine.reconfigure()
        rig.run(10_000)
    return seen.notices(Reason.CONFIG_UPDATE)


def test_lost(rig: EngineHarness) -> None:
    seen = rig.listen(1)
    rig.engine.fault_notices(1, NoticeFault.DROP, count=2)
    _change(rig, 3)
    assert len(seen.notices()) == 1


def test_doubled(rig: EngineHarness) -> None:
    seen = rig.listen(1)
    rig.engine.fault_notices(1, NoticeFault.DUPLICATE)
    _change(rig, 2)
    assert len(seen.notices()) == 3


def test_only_one_node_is_hit(rig: EngineHarness) -> None:
    other = rig.listen(3)
    rig.engine.fault_notices(1, NoticeFault.DROP)
    _change(rig, 1)
    assert len(other.notices()) == 1


def test_late_and_what_follows_waits_behind(rig: EngineHarness) -> None:
    """It is a stream: nothing overtakes."""
    seen = rig.listen(1)
    rig.engine.fault_notices(1, NoticeFault.DELAY, delay_us=SECOND_US)
    began_us = rig.now_us()
    rig.engine.reconfigure()
    rig.run(100_000)
    rig.engine.reconfigure()
    rig.run(100_000)
    assert seen.received == []
    rig.run()
    times = {time_us for time_us, _ in seen.received}
    assert seen.notices(Reason.CONFIG_UPDATE) == [2, 3]
    assert times == {began_us + 50 + SECOND_US}


def test_of_two_late_ones_the_second_waits_for_the_first(rig: EngineHarness) -> None:
    seen = rig.listen(1)
    rig.engine.fault_notices(1, NoticeFault.DELAY, delay_us=3 * SECOND_US)
    rig.engine.fault_notices(1, NoticeFault.DELAY, delay_us=SECOND_US)
    began_us = rig.now_us()
    rig.engine.reconfigure()
    rig.run(2 * SECOND_US)
    assert seen.received == []
    rig.run()
    assert [type(d).__name__ for _, d in seen.received] == ["Notice", "Notice"]
    assert {time_us for time_us, _ in seen.received} == {began_us + 50 + 3 * SECOND_US}


def test_coalesced(rig: EngineHarness) -> None:
    """Held until all are there, then all at once, in order."""
    seen = rig.listen(1)
    rig.engine.fault_notices(1, NoticeFault.COALESCE, count=4)
    assert _versions(rig, seen, 1) == []
    assert _versions(rig, seen, 1) == [2, 3]
    assert len({time_us for time_us, _ in seen.received}) == 1


def test_coalesced_but_not_for_ever(rig: EngineHarness) -> None:
    """What never gets company goes out after the time, and later ones are as ever."""
    seen = rig.listen(1)
    rig.engine.fault_notices(1, NoticeFault.COALESCE, count=9, delay_us=SECOND_US)
    assert _versions(rig, seen, 1) == []
    rig.run(2 * SECOND_US)
    assert seen.notices(Reason.CONFIG_UPDATE) == [2]


def test_one_alone_coalesces_with_nothing(rig: EngineHarness) -> None:
    seen = rig.listen(1)
    rig.engine.fault_notices(1, NoticeFault.COALESCE)
    _change(rig, 1)
    assert len(seen.notices()) == 1


def test_faults_queue_up(rig: EngineHarness) -> None:
    seen = rig.listen(1)
    rig.engine.fault_notices(1, NoticeFault.DROP)
    rig.engine.fault_notices(1, NoticeFault.DUPLICATE)
    assert len(_change(rig, 2)) == 2
    assert len(seen.notices()) == 2


def test_the_shutdown_question_is_never_touched(rig: EngineHarness) -> None:
    seen = rig.listen(1)
    rig.engine.fault_notices(1, NoticeFault.DROP)
    rig.engine.fault_notices(1, NoticeFault.DUPLICATE)
    rig.admin(1).shutdown()
    assert seen.notices(Reason.TRY_SHUTDOWN) == [0]


def test_what_is_held_dies_with_the_daemon(rig: EngineHarness) -> None:
    seen = rig.listen(1)
    rig.engine.fault_notices(1, NoticeFault.DELAY)
    _change(rig, 1)
    rig.engine.crash(1)
    rig.run()
    assert seen.received == []


@pytest.mark.parametrize("bad", [{"count": 0}, {"delay_us": -1}])
def test_nonsense_is_refused(rig: EngineHarness, bad: dict[str, int]) -> None:
    with pytest.raises(OperationError, match="count"):
        rig.engine.fault_notices(1, NoticeFault.DROP, **bad)
