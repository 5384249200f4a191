"""Probes: each has words, a hit is counted, and what happens in a world hits the right ones."""

import pytest

from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.oracles.probes import PROBES, RARE, Probes
from fakecluster.sim.world import World
from o2cbd.core.model import State, Why

SECOND_US = 1_000_000


def test_every_probe_says_what_it_stands_for_and_every_rare_one_is_a_probe() -> None:
    assert all(PROBES.values())
    assert set(PROBES) >= RARE


def test_every_state_and_every_reason_that_can_be_has_a_probe() -> None:
    states = {f"state-{state.value}" for state in State} - {"state-stopping"}
    reasons = {f"pending-{why.value}" for why in Why} - {"pending-held", "pending-unsettled"}

    assert {name for name in PROBES if name.startswith("state-")} == states
    assert {name for name in PROBES if name.startswith("pending-")} == reasons | {"pending-ended"}


def test_hits_are_counted_and_the_rest_is_named() -> None:
    probes = Probes()
    probes.hit("adopted")
    probes.hit("adopted")

    assert probes.hits == {"adopted": 2}
    assert set(probes.never_hit()) == set(PROBES) - {"adopted"}
    with pytest.raises(KeyError, match="no such"):
        probes.hit("no such")


def _world(*extra: NodeConfig) -> World:
    base = Topology.of(3)
    topology = Topology(cluster="o2", nodes=(*base.nodes, *extra)).checked()
    return World(topology, timings=Timings(token_ms=1000, consensus_ms=1200), dead_threshold=5)


def test_a_start_a_death_and_a_refused_shutdown_are_seen() -> None:
    world = _world()
    for node_id in (1, 2, 3):
        world.start(node_id)
    assert world.settle() == []
    world.mount(1)
    world.shutdown(1)
    world.kill(3)
    assert world.settle() == []

    expected = {"manager-awaited", "cluster-made", "node-added", "local-set", "member-joined"}
    expected |= {"quorum-found", "vote-no", "member-left", "node-removed", "state-synced"}
    assert set(world.probes.hits) >= expected
    assert "adopted" not in world.probes.hits


@pytest.mark.parametrize(
    ("extra", "probe"),
    [
        (NodeConfig(id=300, name="big", addresses=("10.1.0.1",)), "left-out-id"),
        (NodeConfig(id=9, name="a/b", addresses=("10.1.0.1",)), "left-out-name"),
        (NodeConfig(id=9, name="six", addresses=("fd00::9",)), "left-out-address"),
        (NodeConfig(id=9, name="nine", addresses=("10.0.0.1",)), "left-out-duplicate"),
    ],
)
def test_why_a_node_is_left_out_is_seen(extra: NodeConfig, probe: str) -> None:
    world = _world(extra)
    for node_id in world.hosts:
        world.start(node_id)
    assert world.settle() == []

    left_out = {name for name in world.probes.hits if name.startswith("left-out")}
    assert left_out == {probe}


def test_an_adoption_is_seen() -> None:
    world = _world()
    world.start(1)
    world.run_for(5 * SECOND_US)
    world.daemon_restart(1)
    world.run_for(5 * SECOND_US)

    assert world.probes.hits["adopted"] == 1


def test_a_daemon_that_stands_still_is_seen() -> None:
    world = _world()
    world.start(1)
    world.run_for(5 * SECOND_US)
    world.cman_stop(1)
    world.run_for(40 * SECOND_US)

    assert world.probes.hits["state-stuck"] == 1


def test_a_failed_call_and_a_daemon_that_dies_in_one_are_seen() -> None:
    world = _world()
    world.fault(1, "mkdir", 5)
    world.start(1)
    world.run_for(5 * SECOND_US)
    world.crash_daemon_at(1, "any")
    world.run_for(40 * SECOND_US)

    assert world.probes.hits["call-failed"] >= 1
    assert world.probes.hits["daemon-crashed-in-call"] == 1
