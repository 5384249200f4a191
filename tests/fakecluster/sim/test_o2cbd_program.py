"""The production adapters in virtual time, and what stands before them."""

import errno

import pytest

from fakecluster.cman.engine import NoticeFault
from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology
from fakecluster.demo.story import DEAD_THRESHOLD, TIMINGS
from fakecluster.sim import o2cbd_program
from fakecluster.sim.world import World
from fakecluster.verbs import ANY_CHANGE

SECOND_US = 1_000_000


def _troubled() -> list[str]:
    """Return the trace of a history with a bit of everything that goes through the adapters."""
    extra = NodeConfig(id=300, name="big", addresses=("10.0.1.44",))
    six = NodeConfig(id=7, name="six", addresses=("fd00::7", "10.0.0.77"))
    base = Topology.of(3, qdisk=QuorumDisk(votes=2))
    topology = Topology(cluster="o2", nodes=(*base.nodes, six, extra), qdisk=base.qdisk).checked()
    world = World(topology, timings=TIMINGS, dead_threshold=DEAD_THRESHOLD, seed=7)
    lines: list[str] = []
    world.trace.listen(lambda line: lines.append(line.as_json()))
    world.place_node(2, "old", num=9, address="10.9.9.9", port=7777)
    world.crash_daemon_at(1, ANY_CHANGE, 9)
    for node_id in topology.ids:
        world.start(node_id)
    world.run_for(5 * SECOND_US)
    world.daemon_start(1)
    world.notice(2, NoticeFault.DUPLICATE, count=3)
    world.fail_read(3, errno.EIO, count=2)
    world.mount(2)
    world.shutdown(2)
    world.run_for(5 * SECOND_US)
    world.mounts_unreadable(3, errno.EIO)
    world.shutdown(3)
    world.cman_stop(1)
    world.run_for(50 * SECOND_US)
    world.cman_cont(1)
    world.fault(2, "rmdir", errno.EBUSY, count=3)
    world.kill(7)
    world.hold(3)
    world.run_for(20 * SECOND_US)
    world.release(3)
    world.cman_crash(3)
    world.run_for(5 * SECOND_US)
    world.cman_start(3)
    world.umount(2)
    assert world.settle() == []
    world.daemon_term(2)
    world.run_for(SECOND_US)
    assert world.violations == []
    return lines


def test_cached_readings_leave_the_trace_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    cached = _troubled()

    def uncached(adapter: object, _changes: object) -> object:
        return adapter

    monkeypatch.setattr(o2cbd_program, "CachedTree", uncached)
    monkeypatch.setattr(o2cbd_program, "CachedSource", uncached)
    assert len(cached) > 100
    assert _troubled() == cached


def test_question_that_came_while_it_connected_is_answered() -> None:
    """The library sets it aside, and then no socket wakes anybody for it."""
    world = World(Topology.of(1))
    world.start(1, daemon=False)
    world.run_for(5 * SECOND_US)
    silent = world.engine.connect(1)
    silent.start_notification()
    world.shutdown(1)
    world.daemon_start(1)
    world.run_for(SECOND_US)

    status = world.host(1).status
    assert status is not None
    assert status.vote is not None
    assert world.violations == []
