"""What the verbs of a world refuse, and what they do beside the scenarios, their other tests."""

import errno

import pytest

from fakecluster.cman.engine import OperationError
from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import QuorumDisk, Topology
from fakecluster.sim.world import World
from fakecluster.trace.events import Line
from fakecluster.verbs import DaemonSigterm
from o2cbd.core.model import Quorum, State, Status, Why
from o2cbd.core.rules import NodeOverride, Rules, TableRules

SECOND_US = 1_000_000
TIMINGS = Timings(token_ms=1000, consensus_ms=1200)
ALL = ("node1", "node2", "node3")


def _started(nodes: int = 3, topology: Topology | None = None) -> World:
    world = World(topology or Topology.of(nodes), timings=TIMINGS, dead_threshold=5)
    for node_id in world.hosts:
        world.start(node_id)
    assert world.settle() == []
    return world


def _status(world: World, node_id: int) -> Status:
    status = world.host(node_id).status
    assert status is not None
    return status


def _address(world: World, name: str) -> str | None:
    """Return what node 1's kernel has."""
    cluster = world.host(1).model.kernel.cluster
    return None if cluster is None else cluster.nodes[name].address


def test_a_boot_alone_runs_nothing() -> None:
    world = World(Topology.of(1))
    world.boot(1)
    world.run_for(10 * SECOND_US)

    assert world.host(1).powered
    assert not world.engine.state(1).running
    assert world.host(1).status is None


def test_a_kill_needs_power_and_start_gives_it_back() -> None:
    world = _started(3)
    world.kill(2)

    assert not world.host(2).powered
    with pytest.raises(OperationError, match="no power"):
        world.kill(2)
    with pytest.raises(OperationError, match="no power"):
        world.daemon_start(2)
    with pytest.raises(OperationError, match="no power"):
        world.cman_start(2)
    world.start(2)
    assert world.settle() == []
    assert world.table(2) == ALL


def test_a_host_whose_disk_stalls_resets_itself_and_comes_back() -> None:
    heard: list[Line] = []
    world = _started(3)
    world.trace.listen(heard.append)
    for node_id in world.hosts:
        world.mount(node_id)
    begin_us = world.now_us()
    world.stall_disk(3)
    with pytest.raises(OSError, match="Input/output"):
        world.umount(3)
    assert world.run_until(lambda: not world.host(3).powered, within_us=60 * SECOND_US)

    assert world.now_us() - begin_us == 8 * SECOND_US  # one interval less than the threshold
    assert not world.engine.state(3).running
    assert [one.what for one in heard if one.kind == "verb"][-3:] == [
        "stall-disk",
        "umount",
        "fenced-itself",
    ]
    assert world.settle() == []
    assert world.table(1) == ("node1", "node2")
    world.start(3)
    assert world.settle() == []
    assert world.table(1) == ALL


def test_no_such_node() -> None:
    with pytest.raises(OperationError, match="no node 9"):
        _started(1).start(9)


def test_a_daemon_stands_still_only_once_it_asks() -> None:
    world = _started(3)
    world.cman_stop(1)
    world.run_for(SECOND_US)

    assert _status(world, 1).state is State.SYNCED
    assert world.host(1).daemon.stuck_since_us is None


def test_a_daemon_that_starts_under_a_stopped_cman_stands_still() -> None:
    world = _started(3)
    world.daemon_kill(1)
    world.cman_stop(1)
    world.daemon_start(1)
    world.run_for(5 * SECOND_US)

    assert _status(world, 1).state is State.STUCK
    world.cman_cont(1)
    assert world.settle() == []


def test_a_stuck_daemon_ends_within_its_grace() -> None:
    world = _started(1)
    world.cman_stop(1)
    world.run_for(40 * SECOND_US)
    world.daemon_term(1)

    assert _status(world, 1).state is State.STOPPING
    world.run_for(2 * SECOND_US)
    assert world.host(1).daemon.runs
    world.run_for(2 * SECOND_US)
    assert not world.host(1).daemon.runs
    assert world.daemon_exit(1) == 0


def test_a_daemon_that_does_not_end_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    world = _started(1)
    monkeypatch.setattr("o2cbd.agent.Agent.stop", lambda _agent: None)
    world.apply(DaemonSigterm(node=1))
    world.run_for(4 * SECOND_US)

    assert not world.host(1).daemon.runs
    assert world.violations == ["node 1: it was asked to end, and did not within its grace"]


def test_in_a_ring_each_hears_two_which_is_too_few_once_somebody_dies() -> None:
    world = _started(5)
    world.ring()
    world.run_for(30 * SECOND_US)

    assert len(world.engine.state(1).members) == 5
    world.kill(5)
    world.run_for(30 * SECOND_US)
    sizes = [len(world.engine.state(node_id).members) for node_id in world.hosts]
    assert max(sizes) == 2
    world.heal()
    assert world.settle() == []
    assert len(world.table(1)) == 4


@pytest.mark.parametrize("slow", [{"delay_us": 300_000}, {"loss_percent": 95}])
def test_on_a_slow_network_hosts_learn_later_and_in_order(slow: dict[str, int]) -> None:
    def last_to_know(world: World) -> int:
        since_us = world.now_us()
        world.leave(3)
        assert world.run_until(
            lambda: all(len(_status(world, node_id).members) == 2 for node_id in (1, 2)),
            within_us=30 * SECOND_US,
        )
        return world.now_us() - since_us

    fast, slower = _started(3), _started(3)
    slower.slow_network(**slow)

    assert last_to_know(slower) > last_to_know(fast)
    slower.slow_network()
    assert slower.settle() == []
    assert slower.violations == []


def test_a_mount_needs_a_local_node_and_is_one() -> None:
    world = World(Topology.of(1))
    world.boot(1)

    with pytest.raises(OSError, match="no local node") as caught:
        world.mount(1)
    assert caught.value.errno == errno.EINVAL
    world.start(1)
    assert world.settle() == []
    world.mount(1)
    with pytest.raises(OSError, match="busy") as caught:
        world.mount(1)
    assert caught.value.errno == errno.EBUSY


def test_an_address_can_wait_for_the_next_join() -> None:
    world = _started(3)
    world.address(2, "10.7.0.2", now=False, host=False)
    world.run_for(40 * SECOND_US)
    assert _address(world, "node2") == "10.0.0.2"

    world.give_address(2, "10.7.0.2")
    world.leave(2)
    world.run_for(5 * SECOND_US)
    world.start(2)
    assert world.settle() == []
    assert _address(world, "node2") == "10.7.0.2"


def test_local_waits_for_its_address_and_its_port() -> None:
    world = World(Topology.of(1), timings=TIMINGS)
    world.take_address(1, "10.0.0.1")
    world.start(1)
    assert world.settle() == []
    local = world.host(1).model.kernel.cluster
    assert local is not None
    assert not local.nodes["node1"].local

    world.take_port(1, 7777)
    world.give_address(1, "10.0.0.1")
    assert world.settle() == []
    assert not local.nodes["node1"].local
    world.free_port(1, 7777)
    assert world.settle() == []
    assert local.nodes["node1"].local


def test_the_daemon_is_killed_restarted_and_asked_to_end() -> None:
    world = _started(1)
    world.daemon_kill(1)
    assert world.host(1).status is None
    assert world.daemon_exit(1) is None
    world.daemon_restart(1)
    assert world.settle() == []
    world.daemon_term(1)
    world.run_for(SECOND_US)

    assert world.host(1).status is None
    assert world.daemon_exit(1) == 0
    world.daemon_term(1)
    world.forget(1, "node1")
    assert world.table(1) == ("node1",)


def test_a_quorum_disk_gives_and_takes_quorum() -> None:
    """And proves no death: it may vote for both halves."""
    topology = Topology.of(2, qdisk=QuorumDisk(votes=1))
    world = _started(topology=topology)
    world.kill(2)
    assert world.settle() == []
    assert _status(world, 1).quorum is Quorum.QUORATE
    assert [each.why for each in _status(world, 1).pending] == [Why.MINORITY]

    world.qdisk(1, available=False)
    world.run_for(SECOND_US)
    assert _status(world, 1).quorum is Quorum.INQUORATE


def test_expected_votes_make_a_lost_half_quorate_and_are_never_out_of_reach() -> None:
    world = _started(3)
    world.partition((1,), (2, 3))
    assert world.settle() == []
    with pytest.raises(OSError, match="EINVAL"):
        world.expected(1, 2)
    assert _status(world, 1).quorum is Quorum.INQUORATE

    world.expected(1, 1)
    world.run_for(SECOND_US)
    assert _status(world, 1).quorum is Quorum.QUORATE
    world.cman_crash(1)
    with pytest.raises(ConnectionRefusedError, match="the cman of node 1 takes no connection"):
        world.expected(1, 1)


def test_two_that_their_daemons_let_mount_as_one_number_are_a_violation() -> None:
    world = _started(2)
    world.mount(1)
    world.kill(2)
    world.set_rules(2, Rules(table=TableRules(nodes={"node1": NodeOverride(num=9)}, num_offset=-1)))
    world.start(2)
    assert world.settle() == []
    assert world.violations == []

    world.mount(2)
    assert world.violations == ["node 2: mounted as number 1, as host 1 is"]


def test_who_mounts_without_its_daemons_word_is_answerable_alone() -> None:
    world = _started(2)
    world.mount(1)
    world.kill(2)
    world.place_node(2, "node2", num=1, address="10.0.0.2", port=7777, local=True)
    world.mount(2)

    assert world.violations == []


def test_votes_are_set_and_never_so_that_nobody_is_quorate() -> None:
    world = _started(3)
    world.cman_crash(3)
    assert world.settle() == []
    with pytest.raises(OSError, match="EINVAL"):
        world.votes(2, 0)
    world.votes(2, 4)
    world.run_for(SECOND_US)
    assert world.engine.connect(1).get_extra_info().total_votes == 5


def test_a_node_with_an_older_file_is_inquorate_until_it_is_mended() -> None:
    world = _started(3)
    world.config_older(3)
    world.votes(1, 2)
    assert world.settle() == []
    assert _status(world, 3).quorum is Quorum.INQUORATE
    assert _status(world, 1).quorum is Quorum.QUORATE
    world.config_mend()
    assert world.settle() == []
    assert _status(world, 3).quorum is Quorum.QUORATE


def test_a_joiner_with_a_newer_file_is_seen_by_itself_alone() -> None:
    world = _started(3)
    world.leave(3)
    world.run_for(SECOND_US)
    world.config_newer(3)
    world.cman_start(3)
    assert world.settle() == []
    assert [member.id for member in _status(world, 3).members] == [1, 2, 3]
    assert [member.id for member in _status(world, 1).members] == [1, 2]
    assert "node3" not in world.table(1)


def test_a_port_of_cman_is_held_until_it_is_closed() -> None:
    world = _started(1)
    world.bind_port(1, 5)
    client = world.engine.connect(1)
    assert client.get_extra_info().ports == (0, 5)
    with pytest.raises(OSError, match="EADDRINUSE"):
        world.bind_port(1, 5)
    world.close_port(1, 5)
    assert client.get_extra_info().ports == (0,)
    with pytest.raises(OperationError, match="nobody has port 5"):
        world.close_port(1, 5)


def test_a_shutdown_is_answered_and_an_earlier_result_is_forgotten() -> None:
    world = _started(1)
    world.mount(1)
    world.shutdown(1)
    assert world.run_until(lambda: world.shutdown_result(1) == errno.EBUSY, within_us=SECOND_US)
    world.umount(1)
    world.shutdown(1, remove=True)
    assert world.shutdown_result(1) is None
    assert world.open_shutdowns == (1,)
    assert world.run_until(lambda: world.shutdown_result(1) == 0, within_us=SECOND_US)
    vote = _status(world, 1).vote
    assert vote is not None
    assert (vote.yes, vote.forced, vote.removed) == (True, False, True)


def test_a_requester_whose_manager_dies_gets_an_error() -> None:
    world = _started(1)
    world.daemon_kill(1)
    world.shutdown(1)
    world.cman_crash(1)

    assert world.shutdown_result(1) in {0, errno.EHOSTDOWN}


def test_every_verb_is_in_the_trace() -> None:
    world = _started(2)
    lines: list[Line] = []
    world.trace.listen(lines.append)
    world.partition((1,), (2,))
    world.heal()
    world.daemon_restart(1)

    verbs = [(line.host, line.what) for line in lines if line.kind == "verb"]
    expected = [(0, "partition"), (0, "heal"), (1, "daemon-kill"), (1, "daemon-start")]
    assert verbs == expected
