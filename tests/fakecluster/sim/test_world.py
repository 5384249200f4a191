"""The world: hosts come and go in virtual time, and the judges see what is done to them."""

import errno

from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import Topology
from fakecluster.sim.world import World
from o2cbd.core.model import State

SECOND_US = 1_000_000
SOON_US = 10 * SECOND_US


def _world(nodes: int = 3) -> World:
    timings = Timings(token_ms=1000, consensus_ms=1200)
    return World(Topology.of(nodes), timings=timings, dead_threshold=5)


def _started(nodes: int = 3) -> World:
    world = _world(nodes)
    for node_id in range(1, nodes + 1):
        world.start(node_id)
    assert world.run_until(lambda: _all_have(world, nodes), within_us=SOON_US)
    return world


def _all_have(world: World, nodes: int) -> bool:
    names = tuple(f"node{node_id}" for node_id in range(1, nodes + 1))
    return all(world.table(node_id) == names for node_id in range(1, nodes + 1))


def test_hosts_that_start_find_each_other() -> None:
    world = _started()

    assert world.violations == []
    statuses = [host.status for host in world.hosts.values()]
    assert {status.fingerprint for status in statuses if status} == {
        world.hosts[1].status.fingerprint if world.hosts[1].status else ""
    }


def test_time_passes_only_when_it_is_let() -> None:
    world = _world()
    world.start(1)

    assert world.table(1) == ()
    assert world.now_us() == 0
    world.run_for(SECOND_US)
    assert world.now_us() == SECOND_US
    assert world.table(1) == ("node1",)


def test_run_until_stops_at_its_bound() -> None:
    world = _world()
    world.start(1)

    assert not world.run_until(lambda: False, within_us=3 * SECOND_US)
    assert world.now_us() == 3 * SECOND_US


def test_a_host_that_lost_power_comes_back_with_empty_tables() -> None:
    world = _started()
    world.kill(2)

    assert world.table(2) == ()
    assert world.hosts[2].status is None
    assert world.run_until(lambda: world.table(1) == ("node1", "node3"), within_us=SOON_US)
    world.start(2)
    assert world.run_until(lambda: _all_have(world, 3), within_us=SOON_US)
    assert world.violations == []


def test_a_killed_daemon_starts_again_without_touching_right_entries() -> None:
    world = _started()
    world.hosts[1].daemon.kill()
    calls = len(world.hosts[1].model.journal)
    world.hosts[1].daemon.start()

    assert world.run_until(
        lambda: (status := world.hosts[1].status) is not None and status.state is State.SYNCED,
        within_us=SOON_US,
    )
    assert len(world.hosts[1].model.journal) == calls


def test_a_mounted_host_refuses_a_shutdown_and_leaves_after_umount() -> None:
    world = _started()
    world.mount(1)
    world.shutdown(1)
    assert world.run_until(lambda: world.shutdown_result(1) is not None, within_us=SOON_US)
    assert world.shutdown_result(1) == errno.EBUSY

    world.umount(1)
    world.shutdown(1)
    assert world.shutdown_result(1) is None
    assert world.run_until(lambda: world.shutdown_result(1) == 0, within_us=SOON_US)
    assert world.violations == []


def test_a_forced_shutdown_happens_against_the_answer() -> None:
    world = _started()
    world.mount(1)
    world.shutdown(1, force=True)

    assert world.run_until(lambda: world.shutdown_result(1) == 0, within_us=SOON_US)
    vote = world.hosts[1].status.vote if world.hosts[1].status else None
    assert vote is not None
    assert (vote.yes, vote.forced) == (False, True)
