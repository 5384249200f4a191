"""Each fault of a world does what it says, and ends when it is told to."""

import errno

import pytest

from fakecluster.cman.engine import NoticeFault, OperationError
from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import Topology
from fakecluster.sim.world import World
from fakecluster.trace.events import Line
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


def _notices(world: World, node_id: int, fault: NoticeFault, **more: int) -> list[int]:
    """Kill node 3, and return when node 1's daemon knows, in tenths of a second after node 2's."""
    world.notice(node_id, fault, **more)
    world.kill(3)
    knows = [0, 0]
    for place, watched in enumerate((2, node_id)):
        reached = world.run_until(
            lambda host=watched: len(_status(world, host).members) == 2,  # type: ignore[misc]
            within_us=60 * SECOND_US,
        )
        assert reached
        knows[place] = world.now_us() // 100_000
    return knows


def test_a_dropped_notice_is_made_up_for_by_the_resync() -> None:
    world = _started()
    others, mine = _notices(world, 1, NoticeFault.DROP, count=8)

    assert mine - others > 50
    assert world.settle() == []


def test_a_delayed_notice_comes_later() -> None:
    world = _started()
    others, mine = _notices(world, 1, NoticeFault.DELAY, count=1, delay_us=3 * SECOND_US)

    assert mine - others == 30


def test_doubled_notices_are_heard_twice_and_change_nothing() -> None:
    world = _started()
    heard: list[object] = []
    client = world.engine.connect(1, deliver=heard.append)
    client.start_notification()
    others, mine = _notices(world, 1, NoticeFault.DUPLICATE, count=2)

    assert mine == others
    assert len(heard) >= 2
    assert heard[0] == heard[1]
    assert world.settle() == []
    assert world.violations == []


def test_coalesced_notices_come_at_one_instant() -> None:
    world = _started()
    heard_us: list[int] = []
    client = world.engine.connect(1, deliver=lambda _: heard_us.append(world.now_us()))
    client.start_notification()
    world.notice(1, NoticeFault.COALESCE, count=3, delay_us=60 * SECOND_US)
    for node_id in (3, 2):
        world.leave(node_id)
        world.run_for(5 * SECOND_US)
    world.start(2)
    world.run_for(10 * SECOND_US)

    assert len(heard_us) >= 3
    assert len(set(heard_us[:3])) == 1
    assert heard_us[0] > 5 * SECOND_US


def test_a_failed_read_is_repeated_and_the_last_view_is_kept() -> None:
    world = _started()
    world.fail_read(1, errno.EIO, count=2)
    world.kill(3)

    def failed() -> bool:
        return "read-failed" in world.probes.hits

    assert world.run_until(failed, within_us=10 * SECOND_US)
    assert _status(world, 1).state is State.WAITING
    assert world.table(1) == ("node1", "node2", "node3")
    assert world.settle() == []
    assert world.table(1) == ("node1", "node2")


def test_a_call_fails_as_often_as_it_is_told() -> None:
    world = _world(1)
    world.fault(1, "write:num", errno.EIO, count=2)
    world.start(1)
    calls: list[Line] = []
    world.trace.listen(lambda line: calls.append(line) if line.kind == "call" else None)

    assert world.settle() == []
    writes = [line.detail["errno"] for line in calls if line.what == "write:num"]
    assert writes == ["EIO", "EIO", ""]


def test_a_call_that_fails_for_good_is_waited_for_until_it_is_mended() -> None:
    world = _world(2)
    world.fault(1, "mkdir", errno.ENOSPC, count=None, path="/cluster/o2/node/node2")
    for node_id in (1, 2):
        world.start(node_id)
    world.run_for(20 * SECOND_US)

    assert world.table(1) == ("node1",)
    assert _waits(world, 1) == {Why.FAILED}
    world.mend_calls(1)
    assert world.settle() == []
    assert world.table(1) == ("node1", "node2")


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


def test_an_unreadable_mount_table_makes_the_answer_no() -> None:
    world = _started(1)
    world.mounts_unreadable(1, errno.EIO)
    world.shutdown(1)

    assert world.run_until(lambda: world.shutdown_result(1) is not None, within_us=SECOND_US)
    assert world.shutdown_result(1) == errno.EBUSY
    world.mounts_unreadable(1, None)
    world.shutdown(1)
    assert world.run_until(lambda: world.shutdown_result(1) == 0, within_us=SECOND_US)


def test_leftovers_are_in_the_kernel_before_the_daemon() -> None:
    world = _world(1)
    world.place_node(1, "old", num=9, address="10.9.9.9", port=7777)
    world.place_node(1, "half", port=7777)

    nodes = world.host(1).model.kernel.cluster
    assert nodes is not None
    found = {name: (node.num, node.address) for name, node in nodes.nodes.items()}
    assert found == {"old": (9, "10.9.9.9"), "half": (None, None)}
    world.start(1)
    assert world.settle() == []
    assert world.table(1) == ("node1",)


def test_a_local_leftover_is_local() -> None:
    world = _world(1)
    world.place_node(1, "node1", num=1, address="10.0.0.1", port=7777, local=True)
    before = world.host(1).model.change_count
    world.start(1)

    assert world.settle() == []
    assert world.host(1).model.change_count == before


def test_a_foreign_cluster_is_in_the_way_until_it_is_dropped() -> None:
    world = _world(1)
    world.place_cluster(1, "foreign")
    world.start(1)
    world.run_for(10 * SECOND_US)

    assert _waits(world, 1) == {Why.FOREIGN_CLUSTER}
    assert world.settle() == []
    world.drop_cluster(1, "foreign")
    assert world.settle() == []
    assert world.table(1) == ("node1",)


def test_a_dropped_node_is_made_anew() -> None:
    world = _started(2)
    world.drop_node(1, "node2")

    assert world.table(1) == ("node1",)
    assert world.settle() == []
    world.run_for(31 * SECOND_US)
    assert world.table(1) == ("node1", "node2")


@pytest.mark.parametrize("how", ["release", "kill_holder", "remove_semaphore"])
def test_a_hold_keeps_steps_back_until_it_ends(how: str) -> None:
    world = _started(3)
    world.hold(1)
    world.kill(3)
    world.run_for(10 * SECOND_US)

    assert world.table(1) == ("node1", "node2", "node3")
    assert _status(world, 1).state is State.HELD
    assert world.table(2) == ("node1", "node2")
    getattr(world, how)(1)
    assert world.settle() == []
    assert world.table(1) == ("node1", "node2")


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
