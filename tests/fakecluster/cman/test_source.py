"""The in-process source, beside what every source has to pass."""

from __future__ import annotations

import errno

import pytest

from fakecluster.cman.source import NO_DESCRIPTOR, engine_connect
from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology
from fakecluster.testing.cman_engine import EngineHarness
from o2cbd.core.events import StateChange
from o2cbd.core.model import Absentee, Member
from o2cbd.membership.interface import ManagerGoneError


def test_it_wakes_for_notices_and_for_death_and_for_nothing_else() -> None:
    rig = EngineHarness(2).up()
    woken: list[int] = []
    source = engine_connect(rig.engine, 1, on_readable=lambda: woken.append(rig.now_us()))()
    rig.engine.connect(2).bind(1)
    rig.run()
    assert (woken, source.fileno()) == ([], NO_DESCRIPTOR)
    rig.engine.leave(2)
    rig.run()
    assert (len(woken), source.dispatch()) == (1, (StateChange(quorate=False),))
    rig.engine.crash(1)
    assert len(woken) == 2


def test_the_quorum_disk_is_a_member_with_id_0_and_no_address() -> None:
    """As the daemon lists it; who takes it for a node has not read the list's rules."""
    rig = EngineHarness(Topology.of(1, qdisk=QuorumDisk())).up()
    disk, node = engine_connect(rig.engine, 1)().snapshot().members
    assert disk == Member(id=0, name="/dev/qdisk0", incarnation=0, addresses=())
    assert (node.id, node.addresses) == (1, ("10.0.0.1",))


def test_an_absent_quorum_disk_is_an_absentee() -> None:
    topology = Topology.of(2, two_node=True, qdisk=QuorumDisk(polled=False))
    snapshot = engine_connect(EngineHarness(topology).up().engine, 1)().snapshot()
    assert snapshot.absentees == (Absentee(id=0, name="/dev/qdisk0"),)
    assert snapshot.two_node


def test_other_addresses_are_asked_for_where_the_first_is_not_ipv4() -> None:
    nodes = (
        NodeConfig(id=1, name="a", addresses=("10.0.0.1", "fd00::1")),
        NodeConfig(id=2, name="b", addresses=("fd00::2", "10.0.0.2")),
        NodeConfig(id=3, name="c", addresses=()),
    )
    rig = EngineHarness(Topology(cluster="o2", nodes=nodes)).up()
    members = engine_connect(rig.engine, 1)().snapshot().members
    assert [member.addresses for member in members] == [
        ("10.0.0.1",),
        ("fd00::2", "10.0.0.2"),
        (),
    ]


def test_what_does_not_change_is_the_same_object() -> None:
    rig = EngineHarness(3).up()
    source = engine_connect(rig.engine, 1)()
    before = source.snapshot().members
    rig.engine.leave(3)
    rig.run()
    rig.up()
    after = source.snapshot().members
    assert [one is other for one, other in zip(before, after, strict=True)] == [True, True, False]


def test_a_dying_listener_lets_the_connect_fail() -> None:
    rig = EngineHarness(1).up()
    rig.engine.crash(1, dying_us=1000)
    with pytest.raises(ManagerGoneError) as caught:
        engine_connect(rig.engine, 1)()
    assert caught.value.errno == errno.EHOSTDOWN
