"""How rings form where more than one thing happens: silence, joins, one-way cuts, pauses."""

from __future__ import annotations

import pytest

from fakecluster.cman.engine import Sockets
from fakecluster.cman.timings import Timings
from fakecluster.testing.cman_engine import EngineHarness, Recorder
from o2cbd.core.rules import SECOND_US

DETECTION_US = 8_500_000
REGROUP_US = 5_500_000


def _views(rig: EngineHarness) -> dict[int, tuple[int, ...]]:
    states = [rig.engine.state(node_id) for node_id in rig.engine.ids]
    return {state.node_id: state.members for state in states if state.running}


def _times(recorder: Recorder, since_us: int) -> list[int]:
    return sorted({time_us - since_us for time_us, _ in recorder.timed()})


def test_views_differ_between_hosts_while_a_ring_goes_round() -> None:
    rig = EngineHarness(3).up()
    rig.engine.kill(3)
    found = set()
    while rig.timeline.run_next():
        found.add((rig.engine.state(1).members, rig.engine.state(2).members))
    assert ((1, 2), (1, 2, 3)) in found
    assert _views(rig) == {1: (1, 2), 2: (1, 2)}


def test_a_cut_that_mends_before_the_token_is_missed_goes_unnoticed() -> None:
    rig = EngineHarness(3).up()
    seen = rig.listen(1)
    before = seen.client.get_cluster()
    rig.engine.cut(3, 1)
    rig.run(2 * SECOND_US)
    rig.engine.mend(3, 1)
    rig.run()
    assert (seen.received, seen.client.get_cluster()) == ([], before)


def test_a_later_silence_begins_its_own_time() -> None:
    """A mended cut leaves no shorter fuse behind."""
    rig = EngineHarness(3).up()
    seen = rig.listen(1)
    rig.engine.cut(3, 1)
    rig.run(2 * SECOND_US)
    rig.engine.mend(3, 1)
    rig.run(2 * SECOND_US)
    began_us = rig.now_us()
    rig.engine.kill(3)
    rig.run()
    assert _times(seen, began_us) == [DETECTION_US]


def test_cuts_between_all_but_neighbours_matter_once_somebody_dies() -> None:
    """The token goes round meanwhile; then those who agree find each other, and nothing flaps."""
    rig = EngineHarness(4).up()
    rig.engine.cut(1, 3)
    rig.engine.cut(2, 4)
    rig.run()
    assert _views(rig) == dict.fromkeys((1, 2, 3, 4), (1, 2, 3, 4))
    rig.engine.kill(2)
    rig.run()
    views = _views(rig)
    rig.run()
    assert _views(rig) == views == {1: (1, 2, 3, 4), 3: (3, 4), 4: (3, 4)}


def test_a_message_goes_round_a_cut_that_the_token_does_not_meet() -> None:
    """Whoever has it sends it again."""
    rig = EngineHarness(3).up()
    rig.engine.cut(2, 1)
    rig.engine.kill_node(2, 1)
    rig.run(SECOND_US)
    assert not rig.engine.state(1).running
    rig.run()
    rig.engine.heal()
    rig.up()
    seen = rig.listen(1)
    rig.engine.cut(2, 1)
    rig.engine.leave(2)
    rig.run(SECOND_US)
    assert (_views(rig), seen.notices()) == ({1: (1, 3), 3: (1, 3)}, [1])


def test_a_joiner_that_nobody_hears_waits() -> None:
    """It hears the others, who do not hear it: it is a member of nothing until they do."""
    rig = EngineHarness(3)
    rig.engine.start(1)
    rig.engine.start(2)
    rig.run()
    for other in (1, 2):
        rig.engine.cut(3, other)
    rig.engine.start(3)
    rig.run()
    assert (_views(rig)[3], rig.engine.state(3).sockets) == ((), Sockets.ABSENT)
    rig.engine.partition([[1, 2]])
    rig.run()
    assert _views(rig) == {1: (1, 2), 2: (1, 2), 3: (3,)}
    rig.engine.heal()
    rig.run()
    assert _views(rig) == dict.fromkeys((1, 2, 3), (1, 2, 3))


def test_a_join_waits_for_the_consensus_of_the_silent() -> None:
    """With a dead node still in the ring, a newcomer is in only after consensus, not at once."""
    rig = EngineHarness(4)
    for node_id in (1, 2, 3):
        rig.engine.start(node_id)
    rig.run()
    seen = rig.listen(1)
    rig.engine.kill(3)
    began_us = rig.now_us()
    rig.engine.start(4)
    rig.run()
    first_us = _times(seen, began_us)[0]
    assert REGROUP_US <= first_us < DETECTION_US
    assert seen.members() == (1, 2, 4)


def test_a_second_death_while_gathering_gets_its_consensus() -> None:
    """Both are gone in one change, not the second one without being waited for."""
    rig = EngineHarness(5).up()
    seen = rig.listen(1)
    began_us = rig.now_us()
    rig.engine.kill(4)
    rig.run(8 * SECOND_US)
    rig.engine.kill(5)
    rig.run()
    assert _times(seen, began_us) == [8 * SECOND_US + REGROUP_US]
    assert (seen.notices(), seen.members()) == ([1, 1], (1, 2, 3))


def test_a_leave_while_somebody_is_silent() -> None:
    """Both are gone in the end, each with its notice."""
    rig = EngineHarness(5).up()
    seen = rig.listen(1)
    rig.engine.kill(4)
    rig.engine.leave(5)
    rig.run()
    assert (seen.notices(), seen.members()) == ([1, 1], (1, 2, 3))


def test_a_leave_behind_a_partition_is_a_death_for_the_others() -> None:
    rig = EngineHarness(3).up()
    seen = rig.listen(1)
    rig.engine.partition([[1, 2], [3]])
    began_us = rig.now_us()
    rig.engine.leave(3)
    rig.run()
    assert (_times(seen, began_us), seen.members()) == ([DETECTION_US], (1, 2))


def test_everybody_at_once() -> None:
    rig = EngineHarness(9)
    for node_id in rig.engine.ids:
        rig.engine.start(node_id)
    rig.run()
    assert _views(rig) == dict.fromkeys(range(1, 10), tuple(range(1, 10)))


def test_a_joiner_that_dies_before_its_message_was_never_there() -> None:
    """No notice, and nobody lists it, although a ring had it."""
    rig = EngineHarness(2)
    rig.engine.start(1)
    rig.run()
    seen = rig.listen(1, confchg=True)
    rig.engine.start(2)
    while not seen.confchgs():
        assert rig.timeline.run_next()
    rig.engine.kill(2)
    rig.run()
    assert (seen.notices(), seen.members(), seen.entry(2).incarnation) == ([], (1,), 0)


def test_a_node_killed_while_it_boots_leaves_nothing() -> None:
    rig = EngineHarness(2)
    rig.engine.start(1)
    rig.engine.kill(1)
    rig.engine.start(1)
    rig.engine.start(2)
    rig.engine.leave(2)
    rig.run()
    assert _views(rig) == {1: (1,)}


def test_a_node_killed_while_it_looks_for_others_leaves_nothing() -> None:
    rig = EngineHarness(2)
    rig.engine.start(1)
    rig.run()
    seen = rig.listen(1, confchg=True)
    rig.engine.start(2)
    rig.run(25_000)
    rig.engine.kill(2)
    rig.run()
    assert seen.received == []


def test_a_node_stopped_while_it_boots_boots_when_it_goes_on() -> None:
    rig = EngineHarness(2).up()
    rig.engine.kill(2)
    rig.run()
    rig.engine.start(2)
    rig.engine.stop(2)
    rig.run()
    assert rig.engine.state(2).sockets is Sockets.ABSENT
    rig.engine.cont(2)
    rig.run()
    assert _views(rig) == {1: (1, 2), 2: (1, 2)}


def test_a_pause_across_a_partition_and_its_healing() -> None:
    rig = EngineHarness(3).up()
    rig.engine.stop(3)
    rig.engine.partition([[1], [2, 3]])
    rig.run()
    rig.engine.heal()
    rig.run()
    assert rig.listen(1).members() == (1, 2)
    rig.engine.cont(3)
    rig.run()
    assert _views(rig) == dict.fromkeys((1, 2, 3), (1, 2, 3))


def test_a_paused_node_sees_the_others_leave_and_join() -> None:
    """When it goes on it learns that it was without them, and that they are back."""
    rig = EngineHarness(3).up()
    seen = rig.listen(3, confchg=True)
    before = seen.entry(1).incarnation
    rig.engine.stop(3)
    rig.run()
    rig.engine.cont(3)
    rig.run()
    [change] = seen.confchgs()
    assert (change.left, change.joined) == ((1, 2), (1, 2))
    assert seen.entry(1).incarnation > before


def test_the_last_of_a_ring_is_stopped_while_all_others_go() -> None:
    """What nobody could decide meanwhile is decided when it goes on."""
    rig = EngineHarness(4).up()
    seen = rig.listen(1)
    rig.engine.crash(2)
    rig.engine.crash(3)
    rig.engine.leave(4)
    rig.engine.stop(1)
    rig.run(SECOND_US)
    rig.engine.cont(1)
    rig.run()
    assert (seen.members(), len(seen.notices())) == ((1,), 3)


def test_a_goodbye_that_a_stopped_node_heard() -> None:
    rig = EngineHarness(2).up()
    seen = rig.listen(1)
    rig.engine.leave(2)
    rig.engine.stop(1)
    rig.run()
    rig.engine.cont(1)
    rig.run()
    assert (seen.members(), seen.notices()) == ((1,), [0])


def test_a_message_waits_for_a_link_that_mends_in_time() -> None:
    """The ring outlives a short cut, and so does what was sent in it."""
    rig = EngineHarness(3).up()
    seen = rig.listen(1)
    rig.engine.cut(3, 1)
    rig.engine.kill_node(1, 3)
    rig.run(SECOND_US)
    rig.engine.cut(1, 2)
    rig.run(SECOND_US)
    assert (rig.engine.state(3).running, seen.members()) == (True, (1, 2))
    rig.engine.heal()
    assert not rig.engine.state(3).running
    rig.run()
    assert (seen.members(), seen.notices()) == ((1, 2), [1])


def test_a_message_dies_with_its_ring() -> None:
    rig = EngineHarness(3).up()
    rig.engine.cut(3, 1)
    rig.engine.kill_node(1, 3)
    rig.run()
    rig.engine.heal()
    rig.run()
    assert _views(rig) == dict.fromkeys((1, 2, 3), (1, 2, 3))


def test_a_paused_node_may_be_killed() -> None:
    """A kill order waits in its queue; power off does not wait."""
    rig = EngineHarness(3).up()
    rig.engine.stop(3)
    rig.engine.kill_node(1, 3)
    rig.run(SECOND_US)
    assert rig.engine.state(3).running
    rig.engine.cont(3)
    assert not rig.engine.state(3).running
    rig.engine.stop(2)
    rig.engine.kill(2)
    rig.run()
    assert _views(rig) == {1: (1,)}


def test_a_kill_order_does_not_cross_a_partition() -> None:
    rig = EngineHarness(3).up()
    rig.engine.partition([[1, 2], [3]])
    rig.engine.kill_node(1, 3)
    rig.run()
    assert rig.engine.state(3).members == (3,)


def test_ring_sequences_survive_restarts() -> None:
    """A node that was alone never falls back to a sequence that it had."""
    rig = EngineHarness(1).up()
    incarnations = []
    for _ in range(3):
        incarnations.append(rig.listen(1).entry(1).incarnation)
        rig.engine.kill(1)
        rig.engine.start(1)
        rig.run()
    assert incarnations == sorted(set(incarnations))


@pytest.mark.parametrize(("token_ms", "consensus_ms"), [(100, 100), (10_000, 12_000)])
def test_detection_follows_the_timings(token_ms: int, consensus_ms: int) -> None:
    rig = EngineHarness(2, timings=Timings(token_ms=token_ms, consensus_ms=consensus_ms)).up()
    seen = rig.listen(1)
    began_us = rig.now_us()
    rig.engine.kill(2)
    rig.run()
    at_least_us = (token_ms + consensus_ms) * 1000
    [at_us] = _times(seen, began_us)
    assert at_least_us <= at_us <= at_least_us + token_ms * 1000 // 6 + 1000


def test_a_commit_time_of_its_own() -> None:
    timings = Timings(token_ms=100, consensus_ms=200, commit_ms=7)
    assert (timings.regroup_us, timings.detection_us) == (207_000, 307_000)
