"""What holds whatever happens to a cluster."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakecluster.cman.answers import Delivery
from fakecluster.cman.engine import OperationError
from fakecluster.cman.errors import RequestRefusedError
from fakecluster.cman.timings import Profile
from fakecluster.testing.cman_engine import EngineHarness, Recorder
from o2cbd.core.rules import SECOND_US

NODES = (1, 2, 3, 4)
NODE = st.sampled_from(NODES)
Act = tuple[str, int, int]
ACTS: dict[str, Callable[[EngineHarness, int, int], None]] = {
    "start": lambda rig, i, _: rig.engine.start(i),
    "kill": lambda rig, i, _: rig.engine.kill(i),
    "crash": lambda rig, i, j: rig.engine.crash(i, dying_us=j * 1000),
    "stop": lambda rig, i, _: rig.engine.stop(i),
    "cont": lambda rig, i, _: rig.engine.cont(i),
    "leave": lambda rig, i, j: rig.engine.leave(i, removed=j == 1),
    "kill_node": lambda rig, i, j: rig.engine.kill_node(i, j),
    "cut": lambda rig, i, j: rig.engine.cut(i, j),
    "mend": lambda rig, i, j: rig.engine.mend(i, j),
    "split": lambda rig, i, j: rig.engine.partition([[i], [j]] if i != j else [[i]]),
    "heal": lambda rig, _i, _j: rig.engine.heal(),
    "update": lambda rig, i, _: rig.engine.reconfigure(lagging=[i]),
    "address": lambda rig, i, j: rig.engine.set_address(i, [f"10.{j}.0.{i}"], now=j == 1),
    "wait": lambda rig, i, j: rig.run(i * SECOND_US * j),
    "blink": lambda rig, i, j: rig.run(i * j * 7001),
}
SCRIPTS = st.lists(st.tuples(st.sampled_from(sorted(ACTS)), NODE, NODE), max_size=25)
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _play(
    rig: EngineHarness, script: list[Act], after_each: Callable[[], None] = lambda: None
) -> None:
    for name, one, other in script:
        try:
            ACTS[name](rig, one, other)
        except (OperationError, RequestRefusedError):
            continue
        after_each()


def _mend_all(rig: EngineHarness) -> None:
    rig.engine.heal()
    for node_id in NODES:
        if rig.engine.is_stopped(node_id):
            rig.engine.cont(node_id)
        rig.engine.mend_config(node_id)
    rig.run(3 * 60 * SECOND_US)


@SLOW
@given(SCRIPTS, st.sampled_from(Profile), st.integers(0, 9))
def test_after_healing_all_agree(script: list[Act], profile: Profile, seed: int) -> None:
    """All that run are members of each other, and nothing is left to happen."""
    rig = EngineHarness(len(NODES), profile=profile, seed=seed)
    _play(rig, script)
    _mend_all(rig)
    states = [rig.engine.state(i) for i in NODES]
    running = tuple(state.node_id for state in states if state.running)
    assert [state.members for state in states if state.running] == [running] * len(running)
    assert len({state.generation for state in states if state.running}) <= 1
    assert len({state.quorate for state in states if state.running}) <= 1
    rig.run()
    assert rig.timeline.next_due_us() is None


@SLOW
@given(SCRIPTS, st.integers(0, 9))
def test_incarnations_only_grow(script: list[Act], seed: int) -> None:
    """For one process of one observer, no incarnation and no jointime goes back."""
    rig = EngineHarness(len(NODES), seed=seed).up()
    last: dict[tuple[int, int], tuple[int, int, int]] = {}

    def look() -> None:
        for observer in NODES:
            state = rig.engine.state(observer)
            if not state.is_member or state.stopped or rig.connect_errno(observer):
                continue
            daemon = rig.engine.daemon_of(observer)
            assert daemon is not None
            for entry in rig.engine.connect(observer).get_all_members():
                now = (daemon.boot, entry.incarnation, entry.jointime_us)
                before = last.get((observer, entry.node_id), (daemon.boot, 0, 0))
                if before[0] == now[0]:
                    assert (now[1] >= before[1], now[2] >= before[2]) == (True, True)
                last[observer, entry.node_id] = now

    _play(rig, script, look)


@SLOW
@given(SCRIPTS, st.sampled_from(Profile), st.integers(0, 9))
def test_the_same_operations_give_the_same_log(
    script: list[Act], profile: Profile, seed: int
) -> None:
    logs = []
    for _ in range(2):
        rig = EngineHarness(len(NODES), profile=profile, seed=seed)
        _play(rig, script)
        rig.run()
        logs.append(rig.log)
    assert logs[0] == logs[1]


@SLOW
@given(SCRIPTS)
def test_two_disjoint_views_are_never_both_quorate(script: list[Act]) -> None:
    """Without `remove` (an operator's lie to quorum), whatever the cuts and deaths."""
    rig = EngineHarness(len(NODES)).up()

    def look() -> None:
        quorate = [
            frozenset(state.members)
            for state in map(rig.engine.state, NODES)
            if state.running and state.quorate and not state.stopped
        ]
        assert all(one & other for one in quorate for other in quorate)

    _play(rig, [act for act in script if act[0] != "leave"], look)


@SLOW
@given(SCRIPTS)
def test_who_reads_at_each_notice_ends_with_the_truth(script: list[Act]) -> None:
    """No change of the members goes without a notice after it (kill orders and goodbyes, which are
    seen before their notice, included)."""
    rig = EngineHarness(len(NODES)).up()
    last_read: dict[int, tuple[int, ...]] = {}
    recorders: dict[int, Recorder] = {}

    def reads(node_id: int) -> Callable[[Delivery], None]:
        def read(_: Delivery) -> None:
            last_read[node_id] = rig.engine.state(node_id).members

        return read

    for node_id in NODES:
        last_read[node_id] = rig.engine.state(node_id).members
        rig.engine.connect(node_id, deliver=reads(node_id)).start_notification()
        recorders[node_id] = rig.listen(node_id)
    _play(rig, script)
    _mend_all(rig)
    for node_id, recorder in recorders.items():
        if recorder.closed_us is None:
            assert last_read[node_id] == recorder.members()


@pytest.mark.parametrize("count", [1, 2, 255])
def test_a_cluster_of_any_size_comes_up(count: int) -> None:
    rig = EngineHarness(count)
    for node_id in rig.engine.ids:
        rig.engine.start(node_id)
    rig.run()
    assert {rig.engine.state(i).members for i in rig.engine.ids} == {rig.engine.ids}
