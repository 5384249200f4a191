"""Faults of a world beside the scenarios, their other tests: counts, times, and their end."""

import errno

import pytest

from fakecluster.cman.engine import OperationError
from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import Topology
from fakecluster.sim.world import World
from fakecluster.verbs import ANY_CALL, ANY_CHANGE
from o2cbd.core.model import State, Status, Why

SECOND_US = 1_000_000
TIMINGS = Timings(token_ms=1000, consensus_ms=1200)


def _world(nodes: int = 3) -> World:
    return World(Topology.of(nodes), timings=TIMINGS, dead_threshold=5)


def _started(nodes: int = 3) -> World:
    world = _world(nodes)
    for node_id in range(1, nodes + 1):
        world.start(node_id)
    assert world.settle() == []
    return world


def _status(world: World, node_id: int) -> Status:
    status = world.host(node_id).status
    assert status is not None
    return status


def _waits(world: World, node_id: int) -> set[Why]:
    return {one.why for one in _status(world, node_id).pending}


@pytest.mark.parametrize("call", ["mkdir", "write:num", "write:local", "scandir", ANY_CHANGE])
def test_a_daemon_dies_inside_its_call_and_nothing_of_the_call_is_done(call: str) -> None:
    world = _world(1)
    world.crash_daemon_at(1, call)
    world.start(1)
    world.run_for(5 * SECOND_US)

    assert world.probes.hits["daemon-crashed-in-call"] == 1
    assert world.host(1).status is None
    cluster = world.host(1).model.kernel.cluster
    made = {} if cluster is None else cluster.nodes
    expected = {"mkdir": None, "scandir": None, ANY_CHANGE: None, "write:num": (None, False)}
    found = (made["node1"].num, made["node1"].local) if made else None
    assert found == expected.get(call, (1, False))
    world.daemon_start(1)
    assert world.settle() == []


def test_the_nth_call_is_counted_and_only_the_daemons() -> None:
    world = _world(3)
    for node_id in (1, 2, 3):
        world.start(node_id, daemon=False)
    world.run_for(10 * SECOND_US)
    world.crash_daemon_at(1, "mkdir", 3)
    world.place_cluster(1)
    world.daemon_start(1)
    world.run_for(SECOND_US)

    assert world.probes.hits["daemon-crashed-in-call"] == 1
    assert world.table(1) == ("node1", "node2")


def test_a_daemon_can_die_in_any_reading() -> None:
    world = _started(1)
    world.crash_daemon_at(1, ANY_CALL)
    world.run_for(31 * SECOND_US)

    assert world.probes.hits["daemon-crashed-in-call"] == 1
    assert not world.host(1).daemon.runs


def test_without_configfs_the_daemon_waits() -> None:
    world = _world(1)
    world.unmount_configfs(1)
    world.start(1)
    world.run_for(10 * SECOND_US)

    assert _status(world, 1).state is State.WAITING
    world.mount_configfs(1)
    assert world.settle() == []
    assert world.table(1) == ("node1",)


def test_nobody_takes_what_is_held() -> None:
    world = _started(1)
    world.hold(1)
    holder = world.host(1).truth.holder

    with pytest.raises(OperationError, match="held already"):
        world.hold(1)
    assert holder is not None
    assert world.host(1).truth.holder == holder


def test_an_unusable_semaphore_keeps_steps_back() -> None:
    world = _started(2)
    world.semaphore_unusable(1, errno.EACCES)
    world.kill(2)
    world.run_for(10 * SECOND_US)

    assert _waits(world, 1) == {Why.HELD} or _waits(world, 1) == {Why.INQUORATE}
    world.semaphore_unusable(1, None)
    assert world.settle() == []


def test_all_faults_end_at_once() -> None:
    world = _started(3)
    world.partition((1,), (2, 3))
    world.cman_stop(2)
    world.hold(3)
    world.fault(1, "rmdir", errno.EIO, count=None)
    world.semaphore_unusable(1, errno.EACCES)
    world.mounts_unreadable(1, errno.EIO)
    world.slow_network(delay_us=1000)
    world.run_for(10 * SECOND_US)
    world.end_faults()

    assert world.settle() == []
    assert {world.table(node_id) for node_id in (1, 2, 3)} == {("node1", "node2", "node3")}
    assert world.host(3).truth.holder is None
    assert world.host(1).mounts.unreadable_errno is None
