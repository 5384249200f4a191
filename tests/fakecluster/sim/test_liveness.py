"""The judge of rest: it blames what has no excuse, and nothing that has one."""

import errno
from collections.abc import Callable

import pytest

from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import Topology
from fakecluster.sim.world import World
from o2cbd.core.model import State
from o2cbd.core.rules import Rules

SECOND_US = 1_000_000
TIMINGS = Timings(token_ms=1000, consensus_ms=1200)


def _started(nodes: int = 3, rules: Rules | None = None) -> World:
    world = World(Topology.of(nodes), timings=TIMINGS, dead_threshold=5, rules=rules)
    for node_id in range(1, nodes + 1):
        world.start(node_id)
    assert world.settle() == []
    return world


def _freeze(world: World, node_id: int) -> None:
    """Let a daemon do nothing more and say what it said last, as a broken one would."""
    world.host(node_id).daemon.wake = lambda: None  # type: ignore[method-assign]
    world.host(node_id).daemon._wake_at = lambda due_us: None  # type: ignore[method-assign]


def _findings(world: World) -> list[str]:
    return world.judge().findings()


def _remove_entry(world: World) -> None:
    world.drop_node(1, "node2")


def _add_entry(world: World) -> None:
    world.place_node(1, "old", num=9, address="10.9.9.9", port=7777)


def _add_half(world: World) -> None:
    world.drop_node(1, "node2")
    world.place_node(1, "node2", port=7777)


def _wrong_address(world: World) -> None:
    world.drop_node(1, "node2")
    world.place_node(1, "node2", num=2, address="10.9.9.9", port=7777)


def _not_local(world: World) -> None:
    world.drop_node(1, "node1")
    world.place_node(1, "node1", num=1, address="10.0.0.1", port=7777)


def _no_cluster(world: World) -> None:
    world.host(1).model.power_cycle()


def _lost_member(world: World) -> None:
    world.kill(3)
    world.run_for(10 * SECOND_US)


def _gone_manager(world: World) -> None:
    world.cman_crash(1)


def _stopped_manager(world: World) -> None:
    world.cman_stop(1)


def _no_configfs(world: World) -> None:
    world.unmount_configfs(1)


def _foreign(world: World) -> None:
    world.host(1).model.power_cycle()
    world.place_cluster(1, "foreign")


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (_remove_entry, "node2 is missing, and nothing keeps that so"),
        (_add_entry, "old should not be there, and nothing keeps that so"),
        (_add_half, "node2 is not right, and nothing keeps that so"),
        (_wrong_address, "node2 is not right, and nothing keeps that so"),
        (_not_local, "node1 is not local, and nothing keeps that so"),
        (_no_cluster, "there is no cluster, and nothing keeps that so"),
        (_lost_member, "its manager has the members"),
        (_gone_manager, "there is no manager: it should be lost or waiting and is synced"),
        (_stopped_manager, "the manager is stopped: it should be stuck or lost and is synced"),
        (_no_configfs, "there is no configfs: it should be waiting and is synced"),
        (_foreign, "the cluster foreign is in the way, and it does not say so"),
    ],
)
def test_a_daemon_that_does_nothing_is_blamed(act: Callable[[World], None], words: str) -> None:
    world = _started()
    _freeze(world, 1)
    act(world)

    assert [text for text in _findings(world) if text.startswith(f"node 1: {words}")] != []


@pytest.mark.parametrize(
    "act",
    [
        _remove_entry,
        _add_entry,
        _add_half,
        _wrong_address,
        _not_local,
        _no_cluster,
        _lost_member,
        _gone_manager,
        _stopped_manager,
        _no_configfs,
        _foreign,
    ],
)
def test_a_daemon_that_works_makes_good_or_has_an_excuse(act: Callable[[World], None]) -> None:
    world = _started()
    act(world)

    assert world.settle() == []


def test_an_excuse_must_be_told() -> None:
    world = _started()
    _freeze(world, 1)
    world.pin(1, "old")
    _add_entry(world)

    said = [text for text in _findings(world) if text.startswith("node 1: old")]
    assert said == [
        "node 1: old should not be there: what keeps it so is pinned, and it says nothing"
    ]


def test_a_holder_must_be_told_of() -> None:
    world = _started()
    _freeze(world, 1)
    world.hold(1)
    _remove_entry(world)

    assert _findings(world) == ["node 1: node2 is missing, somebody holds, and it does not say so"]


def test_what_waits_for_nothing_is_blamed() -> None:
    world = _started()
    world.pin(1, "node3")
    world.leave(3)
    assert world.settle() == []
    _freeze(world, 1)
    world.unpin(1, "node3")
    world.drop_node(1, "node3")

    said = [text for text in _findings(world) if text.startswith("node 1")]
    assert "node 1: it waits to RemoveNode node3, and nothing is to be done there" in said


def test_an_attribute_that_is_not_kept_is_blamed() -> None:
    world = _started(1, Rules(attributes={"idle_timeout_ms": "40000"}))
    _freeze(world, 1)
    world.host(1).model.write_value("/cluster/o2/idle_timeout_ms", b"31000")

    assert _findings(world) == ["node 1: idle_timeout_ms is 31000, should be 40000"]


def test_attribute_that_waits_without_a_reason_is_blamed() -> None:
    world = _started(1, Rules(attributes={"idle_timeout_ms": "40000"}))
    world.host(1).model.write_value("/cluster/o2/idle_timeout_ms", b"31000")
    world.fault(1, "write:idle_timeout_ms", errno.EIO, count=None)
    world.run_for(40 * SECOND_US)
    assert _findings(world) == []
    _freeze(world, 1)
    world.mend_calls(1)

    assert _findings(world) == [
        "node 1: idle_timeout_ms is 31000, should be 40000, and nothing keeps that so"
    ]


@pytest.mark.parametrize("value", ["10000", "20000"])
def test_an_attribute_that_the_kernel_refuses_beside_another_waits_rightly(value: str) -> None:
    """idle_timeout_ms must be above what somebody has written to keepalive_delay_ms."""
    world = _started(1, Rules(attributes={"idle_timeout_ms": value}))
    world.host(1).model.write_value("/cluster/o2/idle_timeout_ms", b"31000")
    world.host(1).model.write_value("/cluster/o2/keepalive_delay_ms", b"20000")
    world.run_for(40 * SECOND_US)

    assert _findings(world) == []


def test_a_shutdown_that_is_never_decided_is_blamed() -> None:
    world = _started(1)
    _freeze(world, 1)
    world.shutdown(1)

    assert "node 1: a shutdown was asked and never decided" in _findings(world)
    world.run_for(10 * SECOND_US)
    assert world.shutdown_result(1) is not None


def test_a_host_whose_calls_are_to_fail_is_not_judged_yet() -> None:
    world = _started()
    _freeze(world, 1)
    world.fault(1, "mkdir", errno.EIO, count=None)
    _remove_entry(world)

    assert _findings(world) == []


def test_who_ended_a_daemon_is_answerable_for_it() -> None:
    world = _started()
    world.daemon_kill(1)
    _remove_entry(world)

    assert _findings(world) == []
    assert world.host(1).status is None


def test_rest_is_reached_only_once_the_manager_has_noticed() -> None:
    world = _started()
    world.kill(3)

    assert world.settle() == []
    assert world.table(1) == ("node1", "node2")


def test_what_never_comes_to_rest_is_reported_at_the_bound() -> None:
    world = _started()
    _freeze(world, 1)
    _remove_entry(world)
    began_us = world.now_us()

    assert world.settle(20 * SECOND_US) != []
    assert world.now_us() - began_us == 20 * SECOND_US
    status = world.host(1).status
    assert status is not None
    assert status.state is State.SYNCED


def test_a_manager_that_stopped_before_it_listened_is_waited_for() -> None:
    world = World(Topology.of(2), timings=TIMINGS)
    world.start(2)
    world.cman_stop(2)
    world.run_for(40 * SECOND_US)

    assert _findings(world) == []


def test_a_hold_keeps_nothing_where_all_waits_for_something_else() -> None:
    world = _started(2)
    world.pin(1, "node2")
    world.leave(2)
    world.run_for(60 * SECOND_US)
    world.hold(1)
    world.run_for(60 * SECOND_US)

    assert _findings(world) == []
