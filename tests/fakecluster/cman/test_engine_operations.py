"""What the engine's operations refuse, and what they do beside the observed rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fakecluster.clock import Timeline
from fakecluster.cman.engine import Engine, OperationError, Sockets, Watcher
from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import NodeConfig, Topology, TopologyError
from fakecluster.testing.cman_engine import EngineHarness

BAD_NODE = NodeConfig(id=9, name="", addresses=("nowhere",))


@pytest.mark.parametrize(
    "act",
    [
        lambda engine: engine.start(1),
        lambda engine: engine.kill(2),
        lambda engine: engine.crash(2),
        lambda engine: engine.stop(2),
        lambda engine: engine.cont(1),
        lambda engine: engine.stop(3),
        lambda engine: engine.leave(3),
        lambda engine: engine.leave(9),
        lambda engine: engine.kill_node(1, 2),
        lambda engine: engine.kill_node(3, 1),
        lambda engine: engine.partition([[1, 9]]),
        lambda engine: engine.partition([[1], [1]]),
        lambda engine: engine.cut(1, 9),
        lambda engine: engine.mend(9, 1),
        lambda engine: engine.qdisk(1, available=True),
        lambda engine: engine.add_node(NodeConfig(id=1, name="x", addresses=())),
        lambda engine: engine.remove_node(9),
        lambda engine: engine.reconfigure(lagging=[9]),
        lambda engine: engine.connect(9),
        lambda engine: engine.add_node(BAD_NODE),
        lambda engine: engine.reconfigure([]),
        lambda engine: engine.set_address(1, ["nowhere"]),
        lambda engine: engine.rename_cluster("x" * 17),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(act: Callable[[Engine], None]) -> None:
    """Node 1 runs, 2 is down, 3 is stopped."""
    rig = EngineHarness(3).up()
    rig.engine.kill(2)
    rig.run()
    rig.engine.stop(3)
    rig.run()
    log, states = list(rig.log), [rig.engine.state(i) for i in rig.engine.ids]
    with pytest.raises((OperationError, TopologyError)):
        act(rig.engine)
    assert rig.log == log
    assert [rig.engine.state(i) for i in rig.engine.ids] == states


def test_nothing_runs_at_first() -> None:
    state = EngineHarness(1).engine.state(1)
    assert (state.running, state.sockets, state.members, state.generation) == (
        False,
        Sockets.ABSENT,
        (),
        0,
    )


def test_a_wrong_topology_is_refused() -> None:
    with pytest.raises(TopologyError):
        Engine(Topology(cluster="o2", nodes=()), Timeline())


def test_the_state_of_a_node_in_a_ring() -> None:
    rig = EngineHarness(2).up()
    state = rig.engine.state(2)
    assert (state.name, state.running, state.stopped, state.is_member, state.quorate) == (
        "node2",
        True,
        False,
        True,
        True,
    )
    assert (state.members, state.sockets) == ((1, 2), Sockets.LISTENING)
    rig.engine.stop(2)
    assert rig.engine.state(2).stopped


def test_watchers_see_sockets_after_the_clients_are_closed() -> None:
    order: list[str] = []

    class Watching(Watcher):
        def sockets(self, node_id: int, sockets: Sockets) -> None:
            order.append(f"{node_id} {sockets.value}")

    timeline = Timeline()
    engine = Engine(Topology.of(1), timeline, watcher=Watching())
    engine.start(1)
    timeline.run_until(1_000_000)
    engine.connect(1, closed=lambda: order.append("closed"))
    engine.crash(1)
    assert order == ["1 listening", "closed", "1 stale"]


def test_a_plain_watcher_need_not_do_anything() -> None:
    timeline = Timeline()
    engine = Engine(Topology.of(1), timeline)
    engine.start(1)
    timeline.run_until(1_000_000)
    engine.stop(1)
    engine.cont(1)
    engine.leave(1)
    timeline.run_until(2_000_000)
    assert engine.state(1).sockets is Sockets.ABSENT


def test_an_address_from_the_next_join_on_or_now() -> None:
    rig = EngineHarness(3).up()
    seen, own = rig.listen(1), rig.listen(2)
    rig.engine.set_address(2, ["10.5.0.2"])
    assert seen.entry(2).address == "10.0.0.2"
    rig.engine.set_address(2, ["10.6.0.2", "10.7.0.2"], now=True)
    assert (seen.entry(2).address, own.entry(2).address) == ("10.6.0.2", "10.6.0.2")
    assert own.client.get_extra_info().interfaces == ("10.6.0.2", "10.7.0.2")
    rig.engine.set_address(3, ["fd00::33"])
    rig.engine.kill(3)
    rig.run()
    rig.engine.set_address(3, ["fd00::34"], now=True)
    rig.engine.start(3)
    rig.engine.set_address(3, ["fd00::34"], now=True)
    rig.run()
    rig.up()
    assert seen.entry(3).address == "fd00::34"


def test_a_renamed_cluster() -> None:
    rig = EngineHarness(1).up()
    client = rig.listen(1).client
    rig.engine.rename_cluster("other")
    assert client.get_cluster().name == "other"


def test_leaving_twice_is_leaving_once() -> None:
    rig = EngineHarness(2).up()
    seen = rig.listen(2)
    rig.engine.leave(1)
    rig.engine.leave(1)
    rig.run()
    assert seen.notices() == [0]


def test_a_crash_while_leaving() -> None:
    """Stale sockets, and the ring without it only after detection."""
    rig = EngineHarness(3).up()
    seen = rig.listen(1)
    rig.engine.leave(3)
    rig.engine.crash(3)
    rig.run()
    assert (rig.engine.state(3).sockets, seen.notices()) == (Sockets.STALE, [1])


def test_the_log_tells_what_happened_in_order() -> None:
    rig = EngineHarness(1, profile=Profile.A)
    rig.engine.start(1)
    rig.run()
    rig.engine.leave(1)
    rig.run()
    assert [(t.node_id, t.what, t.detail) for t in rig.log] == [
        (1, "start", ""),
        (1, "ring", "4: -[] +[1]"),
        (1, "member", ""),
        (1, "sockets", "listening"),
        (1, "leaves", "DOWN"),
        (1, "ended", "clean"),
        (1, "sockets", "absent"),
    ]
    assert [t.time_us for t in rig.log] == sorted(t.time_us for t in rig.log)
