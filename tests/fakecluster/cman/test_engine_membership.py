"""What membership and its notices were seen to do."""

from __future__ import annotations

import pytest

from fakecluster.cman.constants import CmanState, LeaveReason
from fakecluster.cman.timings import Profile
from fakecluster.testing.cman_engine import QUIET_US, EngineHarness, Recorder
from o2cbd.core.rules import SECOND_US

DETECTION_US = 8_500_000
"""With a token time-out of 3 s and 5 s of consensus, as measured."""


def _join_counts(profile: Profile) -> set[int]:
    counts = set()
    for seed in range(20):
        rig = EngineHarness(2, profile=profile, seed=seed)
        rig.engine.start(1)
        rig.run()
        seen = rig.listen(1)
        rig.engine.start(2)
        rig.run()
        counts.add(len(seen.notices()))
    return counts


def test_join_notices_with_draws() -> None:
    """Always two with 3.0.12, two or three with 3.1.8."""
    assert _join_counts(Profile.A) == {2}
    assert _join_counts(Profile.B) == {2, 3}


def test_a_leave_while_a_link_is_cut_for_a_moment() -> None:
    """The link mends before anybody is missed: nothing but the leave remains."""
    rig = EngineHarness(3).up()
    seen = rig.listen(1)
    rig.engine.cut(1, 2)
    rig.engine.leave(2)
    rig.run(SECOND_US)
    assert rig.engine.state(2).running
    rig.engine.heal()
    rig.run()
    assert (seen.members(), seen.notices()) == ((1, 3), [1])


def test_a_leaver_is_no_member_before_the_notice() -> None:
    """A reading for another reason sees the departure early; the notice then brings nothing new."""
    rig = EngineHarness(3).up()
    seen = rig.listen(1)
    rig.engine.leave(3)
    rig.run(1000)
    assert (seen.entry(3).state, seen.notices()) == (CmanState.LEAVING, [])
    rig.run()
    assert (seen.entry(3).state, seen.notices()) == (CmanState.DEAD, [1])


def test_a_leaver_does_not_count_itself_in() -> None:
    """While it leaves, the node itself is not in its own list of members."""
    rig = EngineHarness(3).up()
    seen = rig.listen(3)
    rig.engine.leave(3)
    rig.run(1000)
    assert seen.members() == (1, 2)


def test_death_notices_with_draws() -> None:
    """Three at times with 3.1.8."""
    counts = set()
    for seed in range(40):
        rig = EngineHarness(3, profile=Profile.B, seed=seed).up()
        seen = rig.listen(1)
        rig.engine.kill(3)
        rig.run()
        counts.add(len(seen.notices()))
    assert counts == {1, 3}


Moment = tuple[int, tuple[int, ...]]


def _quorate_views(rig: EngineHarness, node_id: int) -> list[Moment]:
    """Let the cluster come to rest; return each quorate view of a node, and since when."""
    found: list[Moment] = []
    end_us = rig.now_us() + QUIET_US
    while (due_us := rig.timeline.next_due_us()) is not None and due_us <= end_us:
        rig.timeline.run_next()
        state = rig.engine.state(node_id)
        if state.quorate and (not found or found[-1][1] != state.members):
            found.append((rig.now_us(), state.members))
    return found


@pytest.mark.parametrize("node_id", [1, 2])
def test_row_heal_in_steps(node_id: int) -> None:
    """Of three that were alone two find each other first, now and then: quorate, without one."""
    lasted: list[int] = []
    for seed in range(40):
        rig = EngineHarness(3, seed=seed).up()
        rig.engine.partition([[1], [2], [3]])
        rig.run()
        rig.engine.heal()
        views = _quorate_views(rig, node_id)
        assert views[-1][1] == (1, 2, 3)
        if len(views) > 1:
            lasted.append(views[1][0] - views[0][0])
            assert len(views[0][1]) == 2
    assert 5 < len(lasted) < 35
    assert max(lasted) <= 160_000  # the third ring is late, and so is its message


def test_a_heal_without_draws_is_one_step() -> None:
    rig = EngineHarness(3).up()
    rig.engine.partition([[1], [2], [3]])
    rig.run()
    rig.engine.heal()
    assert [members for _, members in _quorate_views(rig, 2)] == [(1, 2, 3)]


def test_row_rejoin_seen_away() -> None:
    """Kill -9 and an instant start: now and then the node is seen to be away in between."""
    lasted: list[int] = []
    for seed in range(20):
        rig = EngineHarness(3, seed=seed).up()
        rig.engine.crash(3)
        rig.engine.start(3)
        views = _quorate_views(rig, 1)
        away = [(at, views[i + 1][0]) for i, (at, who) in enumerate(views) if who == (1, 2)]
        lasted += [back - gone for gone, back in away]
    assert any(6_000 <= each <= 80_000 for each in lasted)
    assert any(each < 2_000 for each in lasted)


def test_a_short_pause_goes_unnoticed() -> None:
    """Less than the token time-out: nothing changes and nobody is told."""
    rig = EngineHarness(3).up()
    seen = rig.listen(1)
    before = seen.client.get_all_members()
    rig.engine.stop(3)
    rig.run(2 * SECOND_US)
    rig.engine.cont(3)
    rig.run()
    assert (seen.notices(), seen.client.get_all_members()) == ([], before)


def _reason(seen: Recorder, node_id: int) -> LeaveReason:
    return seen.client.get_node_extra(node_id).leave_reason


def test_a_leaver_that_waits_for_a_ring_may_blink_in_3_0_12() -> None:
    """Drawn: in the eyes of the others it leaves and joins before it goes; it sees nothing."""
    blinked = set()
    for seed in range(20):
        rig = EngineHarness(4, profile=Profile.A, seed=seed).up()
        seen, leaver = rig.listen(1, confchg=True), rig.listen(2)
        rig.engine.crash(4)
        rig.run(SECOND_US // 2)
        rig.engine.leave(2)
        rig.run()
        [first, last] = seen.confchgs()
        assert (first.left, first.joined) in {((4,), ()), ((2, 4), (2,))}
        assert (last.left, leaver.notices(), seen.members()) == ((2,), [1], (1, 3))
        blinked.add(len(first.joined))
    assert blinked == {0, 1}
