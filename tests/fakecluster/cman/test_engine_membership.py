"""What membership and its notices were seen to do."""

from __future__ import annotations

import pytest

from fakecluster.cman.constants import CmanState, LeaveReason
from fakecluster.cman.engine import Sockets
from fakecluster.cman.errors import RequestRefusedError
from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import Topology
from fakecluster.testing.cman_engine import QUIET_US, EngineHarness, Recorder
from o2cbd.core.rules import SECOND_US

DETECTION_US = 8_500_000
"""With a token time-out of 3 s and 5 s of consensus, as measured."""


def test_row_join_notices(profile: Profile) -> None:
    """Two notices on the others, at two times."""
    rig = EngineHarness(3, profile=profile)
    rig.engine.start(1)
    rig.engine.start(2)
    rig.run()
    seen = rig.listen(1)
    rig.engine.start(3)
    rig.run()
    times = [time_us for time_us, _ in seen.timed()]
    assert seen.notices() == [1, 1]
    assert times[0] < times[1]


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


@pytest.mark.parametrize("removed", [False, True])
def test_row_clean_leave_notices(profile: Profile, removed: bool) -> None:
    """One notice, at once."""
    rig = EngineHarness(3, profile=profile).up()
    seen = rig.listen(1)
    began_us = rig.now_us()
    rig.engine.leave(3, removed=removed)
    rig.run()
    [(at_us, quorate)] = seen.timed()
    assert quorate == 1
    assert at_us - began_us < 50_000
    assert seen.members() == (1, 2)


def test_row_leave_after_a_crash(profile: Profile) -> None:
    """The leaver waits for the ring without the dead one, and sees that one go first."""
    rig = EngineHarness(3, profile=profile).up()
    seen, leaver = rig.listen(1), rig.listen(2)
    rig.engine.crash(3)
    rig.run(SECOND_US // 2)
    rig.engine.leave(2)
    rig.run(6 * SECOND_US)
    assert (rig.engine.state(2).running, seen.members()) == (True, (1, 2, 3))
    rig.run()
    assert (leaver.notices(), seen.notices()) == ([1], [1, 0])
    assert not rig.engine.state(2).running


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


def test_row_death_notices(profile: Profile) -> None:
    """One notice after token time-out and consensus."""
    rig = EngineHarness(3, profile=profile).up()
    seen = rig.listen(1)
    began_us = rig.now_us()
    rig.engine.kill(3)
    rig.run(8 * SECOND_US)
    assert (seen.notices(), seen.members()) == ([], (1, 2, 3))
    rig.run()
    assert (seen.timed(), seen.members()) == ([(began_us + DETECTION_US, 1)], (1, 2))


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


def test_row_merge_notices(profile: Profile) -> None:
    """Two notices a node, nobody killed, a new incarnation and jointime of those who came back."""
    rig = EngineHarness(3, profile=profile).up()
    rig.engine.partition([[1, 2], [3]])
    rig.run()
    seen, isolated = rig.listen(1), rig.listen(3)
    before, own_before = seen.entry(3), isolated.entry(3)
    rig.engine.heal()
    rig.run()
    after = seen.entry(3)
    assert (seen.notices(), isolated.notices()) == ([1, 1], [1, 1, 1, 1])
    assert after.incarnation > before.incarnation
    assert after.jointime_us > before.jointime_us
    assert isolated.entry(3) == own_before
    assert [rig.engine.state(i).members for i in (1, 2, 3)] == [(1, 2, 3)] * 3
    assert [s for _, s in rig.seen_sockets if s is not Sockets.LISTENING] == []


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


def test_row_fast_rejoin(profile: Profile) -> None:
    """Leave and join come within 2 ms: a reader sees only incarnation and jointime change."""
    rig = EngineHarness(3, profile=profile).up()
    seen = rig.listen(1)
    before = seen.entry(3)
    rig.engine.crash(3)
    rig.engine.start(3)
    rig.run()
    times = [time_us for time_us, _ in seen.timed()]
    after = seen.entry(3)
    assert len(times) == 3
    assert times[-1] - times[0] <= 2000
    assert after.incarnation > before.incarnation
    assert after.jointime_us > before.jointime_us
    assert (after.is_member, after.name, after.address) == (True, before.name, before.address)


def test_row_kill_order(profile: Profile) -> None:
    """The killer alone knows at once, without a notice; one notice everywhere after detection."""
    rig = EngineHarness(3, profile=profile).up()
    killer, other, victim = rig.listen(1), rig.listen(2), rig.listen(3)
    began_us = rig.now_us()
    rig.admin(1).client.kill_node(3)
    assert (killer.entry(3).is_member, other.entry(3).is_member) == (False, True)
    rig.run(8 * SECOND_US)
    assert (killer.notices(), other.notices(), other.members()) == ([], [], (1, 2, 3))
    assert victim.closed_us is not None
    assert victim.closed_us - began_us < 1000
    rig.run()
    assert (killer.notices(), other.notices(), other.members()) == ([1], [1], (1, 2))
    [(at_us, _)] = other.timed()
    assert DETECTION_US <= at_us - began_us < 10 * SECOND_US


def test_row_confchg_order(profile: Profile) -> None:
    """Before the notices of a join, after those of a leave."""
    rig = EngineHarness(3, profile=profile).up()
    seen = rig.listen(1, confchg=True)
    rig.engine.leave(3)
    rig.run()
    assert seen.kinds() == ["Notice", "Confchg"]
    assert [(c.members, c.left, c.joined) for c in seen.confchgs()] == [((1, 2), (3,), ())]
    seen.forget()
    rig.engine.start(3)
    rig.run()
    assert seen.kinds() == ["Confchg", "Notice", "Notice"]
    assert [(c.members, c.left, c.joined) for c in seen.confchgs()] == [((1, 2, 3), (), (3,))]


def test_row_spurious_dispatch(profile: Profile) -> None:
    """A dispatch may find nothing, before and after something came."""
    rig = EngineHarness(2, profile=profile).up()
    source = rig.source(1)
    assert source.dispatch() == ()
    rig.engine.leave(2)
    rig.run()
    assert len(source.dispatch()) == 1
    assert source.dispatch() == ()


def _reason(seen: Recorder, node_id: int) -> LeaveReason:
    return seen.client.get_node_extra(node_id).leave_reason


def test_row_leave_reasons(profile: Profile) -> None:
    """None for leave and death, 3 for remove, 1 on the killer; 3.1.8 forgets it on a rejoin."""
    rig = EngineHarness(Topology.of(5), profile=profile).up()
    killer, other = rig.listen(1), rig.listen(2)
    rig.engine.leave(3)
    rig.run()
    rig.engine.kill(4)
    rig.run()
    rig.engine.kill_node(1, 5)
    rig.run()
    assert [_reason(killer, i) for i in (3, 4, 5)] == [
        LeaveReason.DOWN,
        LeaveReason.DOWN,
        LeaveReason.KILLED,
    ]
    assert _reason(other, 5) is LeaveReason.DOWN
    rig.up()
    rig.engine.leave(3, removed=True)
    rig.run()
    assert (_reason(killer, 3), _reason(other, 3)) == (LeaveReason.REMOVED, LeaveReason.REMOVED)
    rig.up()
    kept = profile is Profile.A
    assert _reason(killer, 3) is (LeaveReason.REMOVED if kept else LeaveReason.DOWN)
    assert _reason(killer, 5) is (LeaveReason.KILLED if kept else LeaveReason.DOWN)


def test_row_one_way_cut(profile: Profile) -> None:
    """Only the ring's next hop matters: who is not heard there is dropped, and is not told."""
    rig = EngineHarness(3, profile=profile).up()
    seen = [rig.listen(i) for i in (1, 2, 3)]
    for speaker, listener in ((2, 1), (1, 3)):
        rig.engine.cut(speaker, listener)
        rig.run(20 * SECOND_US)
    assert [each.received for each in seen] == [[], [], []]
    rig.engine.heal()
    rig.engine.cut(1, 2)
    rig.run()
    assert [each.notices() for each in seen] == [[], [1], [1]]
    assert [each.members() for each in seen] == [(1, 2, 3), (2, 3), (2, 3)]
    assert seen[0].client.is_quorate()
    rig.engine.heal()
    rig.run()
    assert [each.members() for each in seen] == [(1, 2, 3)] * 3
    assert seen[0].notices() == [1, 0, 1, 1, 1, 1]  # both were away, and are back


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


def test_row_unreachable_votes(profile: Profile) -> None:
    """What would leave nobody quorate is refused, and nothing changes."""
    rig = EngineHarness(3, profile=profile).up()
    seen, admin = rig.listen(3), rig.admin(1).client
    before = seen.client.get_extra_info()
    with pytest.raises(RequestRefusedError, match="EINVAL"):
        admin.set_expected_votes(9)
    rig.engine.kill(3)
    rig.run()
    seen = rig.listen(1)
    with pytest.raises(RequestRefusedError, match="EINVAL"):
        admin.set_votes(2, 0)
    rig.run()
    after = seen.client.get_extra_info()
    assert (after.expected_votes, after.quorum) == (before.expected_votes, before.quorum) == (3, 2)
    assert (seen.notices(), after.total_votes) == ([], 2)
