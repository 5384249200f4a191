"""The judge that sees only what a served cluster shows, held against a simulated one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any
from unittest import mock

import pytest

from fakecluster.arms.outside import Outside
from fakecluster.arms.sim import SimCluster
from fakecluster.arms.suite import spec_of
from fakecluster.arms.values import Span
from fakecluster.cman.topology import NodeConfig, Topology
from o2cbd.core.model import State, Why


class Shown:
    """What `fakecluster ctl` would answer about a simulated cluster."""

    def __init__(self, nodes: int | Topology = 3, **spec: Any) -> None:
        self.cluster = SimCluster(spec_of(nodes, **spec))
        self.judge = Outside(self.cluster, self.host_state, self.view)

    def host_state(self, host: int) -> Mapping[str, Any]:
        world = self.cluster.world
        state = world.engine.state(host)
        model = world.host(host).model
        nodes = model.kernel.cluster.nodes.values() if model.kernel.cluster else ()
        return {
            "running": state.running,
            "stopped": state.stopped,
            "poison": [asdict(each) for each in model.poisoned],
            "table": [asdict(node) for node in nodes],
        }

    def view(self, host: int) -> Mapping[str, Any] | None:
        view = self.cluster.world.host(host).truth.view
        if view is None:
            return None
        keys = ("cluster", "local_id", "quorate", "two_node")
        listed = [asdict(each) for each in view.listed]
        return {**{key: getattr(view, key) for key in keys}, "listed": listed}


def in_sync(**spec: Any) -> Shown:
    shown = Shown(**spec)
    shown.cluster.up()
    return shown


@pytest.fixture
def shown() -> Shown:
    return in_sync()


def test_a_cluster_in_sync_is_good(shown: Shown) -> None:
    assert shown.judge.findings() == ()


def test_what_is_found_at_last_is_of_one_look(shown: Shown) -> None:
    """What differed before is forgiven, what happens after it is not seen yet."""
    also = [[], ["the gate disagrees"], ["something new"]]
    looks: list[bool] = []

    def wait(condition: Callable[[], bool], within: Span) -> bool:
        looks.append(condition())
        return looks[-1]

    model = shown.cluster.world.host(1).model
    assert shown.judge.found_at_last(wait, lambda: also.pop(0)) == ()
    model.rmdir("/cluster/o2/node/node3")
    found = shown.judge.found_at_last(wait, lambda: also.pop(0))
    assert found == (
        "host 1: node3 is not as it should be, and nothing is pending",
        "host 1: node3 differ, and it says synced",
        "the gate disagrees",
    )
    assert looks == [True, False]


def test_a_missing_a_wrong_and_a_superfluous_entry_are_found(shown: Shown) -> None:
    model = shown.cluster.world.host(1).model
    model.rmdir("/cluster/o2/node/node2")
    model.rmdir("/cluster/o2/node/node3")
    shown.cluster.place_node(1, "node3", num=3, address="10.9.9.9", port=7777)
    shown.cluster.place_node(1, "other", num=9, address="10.0.0.9", port=7777)

    assert shown.judge.findings() == (
        "host 1: node2 is not as it should be, and nothing is pending",
        "host 1: node3 is not as it should be, and nothing is pending",
        "host 1: other is not as it should be, and nothing is pending",
        "host 1: node2, node3, other differ, and it says synced",
    )


def test_what_is_told_as_pending_is_good(shown: Shown) -> None:
    shown.cluster.pin(1, "node3")
    shown.cluster.kill(3)
    shown.cluster.waits(1, "node3", Why.PINNED)
    shown.cluster.in_sync(2, nodes=(1, 2))
    assert shown.judge.findings() == ()


def test_a_port_of_the_settings_is_expected() -> None:
    shown = in_sync(options={1: ("--port", "7800")}, settings="[nodes.node2]\nport = 7900")
    assert shown.judge.findings() == ()


def test_a_host_whose_own_node_is_excluded_needs_no_cluster_and_is_not_in_sync() -> None:
    nodes = (*Topology.of(2).nodes, NodeConfig(id=300, name="big", addresses=("10.0.0.9",)))
    shown = Shown(Topology(cluster="o2", nodes=nodes))
    cluster = shown.cluster
    for host in (1, 2, 300):
        cluster.daemon_start(host)
    cluster.in_sync(1, 2, nodes=(1, 2))
    cluster.is_in(300, State.PENDING)
    assert shown.judge.findings() == ()

    with mock.patch.object(cluster, "state", return_value=State.SYNCED):
        assert shown.judge.findings() == ("host 300: its own node is excluded, and it says synced",)


def test_poison_and_deadly_writes_are_found(shown: Shown) -> None:
    model = shown.cluster.world.host(2).model
    shown.cluster.mount(2)
    model.write_value("/cluster/o2/node/node2/local", b"0")
    found = shown.judge.findings()
    assert found[0].startswith("host 2: the kernel could crash: ")
    assert "host 2: 0 was written to /cluster/o2/node/node2/local" in found


def test_a_daemon_that_misses_its_managers_end_is_found(shown: Shown) -> None:
    shown.cluster.world.engine.crash(1)
    assert "host 1: its manager is away, and it says synced" in shown.judge.findings()
    shown.cluster.is_in(1, State.LOST)
    shown.cluster.in_sync(2, 3, nodes=(2, 3))
    assert shown.judge.findings() == ()


def test_a_daemon_that_misses_its_managers_return_is_found(shown: Shown) -> None:
    shown.cluster.cman_crash(1)
    shown.cluster.is_in(1, State.LOST)
    shown.cluster.in_sync(2, 3, nodes=(2, 3))
    shown.cluster.cman_start(1)
    assert shown.judge.findings() == ("host 1: its manager runs, and it is lost",)


def test_a_host_without_a_daemon_is_nobodys_fault(shown: Shown) -> None:
    shown.cluster.daemon_kill(1)
    shown.cluster.kill(3)
    shown.cluster.in_sync(2, nodes=(1, 2))
    assert shown.judge.findings() == ()
