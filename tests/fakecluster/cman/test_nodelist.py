"""What the data of nodes was seen to be."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from fakecluster.cman.answers import ClusterInfo, NodeEntry, Version
from fakecluster.cman.client import Client
from fakecluster.cman.constants import US, CmanState
from fakecluster.cman.errors import RequestRefusedError
from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology
from fakecluster.testing.cman_engine import EngineHarness

DISK = QuorumDisk(name="/dev/qdisk0", votes=1, polled=False)


def _errno(act: Callable[[], object]) -> int:
    with pytest.raises(RequestRefusedError) as caught:
        act()
    return caught.value.code


def test_row_incarnation_of_an_observer(profile: Profile) -> None:
    """Each has the ring in which *it* saw the join: the oldest differ, and 3 knows one only."""
    rig = EngineHarness(3, profile=profile).up()
    first, last = rig.listen(1), rig.listen(3)
    of_first = [entry.incarnation for entry in first.client.get_all_members()]
    of_last = [entry.incarnation for entry in last.client.get_all_members()]
    assert of_first[0] < of_first[1] < of_first[2]
    assert of_last == [of_first[2]] * 3
    assert last.client.get_cluster().generation == of_first[2]


def test_jointime_is_the_observers_wall_clock() -> None:
    """It is when this observer counted the node in."""
    rig = EngineHarness(2).up()
    times = [rig.listen(i).entry(2).jointime_us for i in (1, 2)]
    assert times[0] < times[1]
    assert all(1_700_000_000_000_000 < time_us <= rig.engine.wall_us() for time_us in times)


def test_row_name_and_addresses(profile: Profile) -> None:
    """The name is the configured one; the list has the first address, all are asked for."""
    nodes = (
        NodeConfig(id=1, name="alpha.example", addresses=("10.1.0.1", "fd00::1")),
        NodeConfig(id=300, name="beta", addresses=("fd00::2", "10.1.0.2", "10.2.0.2")),
    )
    rig = EngineHarness(Topology(cluster="o2", nodes=nodes), profile=profile).up()
    client = rig.listen(1).client
    entries = client.get_all_members()
    assert [(e.node_id, e.name, e.address) for e in entries] == [
        (1, "alpha.example", "10.1.0.1"),
        (300, "beta", "fd00::2"),
    ]
    assert client.get_node_addrs(1) == ("10.1.0.1", "fd00::1")
    assert client.get_node_addrs(300) == ("fd00::2", "10.1.0.2", "10.2.0.2")


def test_row_stale_address(profile: Profile) -> None:
    """A non-member shows the previous entry's address, through several of them; first: none."""
    rig = EngineHarness(5, profile=profile).up()
    seen = rig.listen(2)
    for node_id in (1, 3, 4):
        rig.engine.leave(node_id)
    rig.run()
    assert [(e.is_member, e.address) for e in seen.client.get_all_members()] == [
        (False, ""),
        (True, "10.0.0.2"),
        (False, "10.0.0.2"),
        (False, "10.0.0.2"),
        (True, "10.0.0.5"),
    ]


def test_row_quorum_disk_listed(profile: Profile) -> None:
    """Last, id 0, in the count, incarnation 0, the address of the entry before it."""
    rig = EngineHarness(Topology.of(2, qdisk=DISK), profile=profile).up()
    client = rig.listen(1).client
    entries = client.get_all_members()
    assert [entry.node_id for entry in entries] == [1, 2, 0]
    assert client.get_node_count() == 3
    assert entries[-1] == NodeEntry(
        node_id=0, name="/dev/qdisk0", state=CmanState.DEAD, votes=1, address="10.0.0.2"
    )


def test_row_quorum_disk_polled(profile: Profile) -> None:
    """It becomes a member; only clients of that node are told, and only of a change."""
    rig = EngineHarness(Topology.of(2, qdisk=DISK), profile=profile).up()
    here, there = rig.listen(1), rig.listen(2)
    rig.engine.qdisk(1, available=True)
    rig.engine.qdisk(1, available=True)
    rig.run()
    assert (here.entry(0).is_member, there.entry(0).is_member) == (True, False)
    assert (here.notices(), there.notices()) == ([1], [])
    rig.engine.qdisk(1, available=False)
    assert (here.entry(0).is_member, here.notices()) == (False, [1, 1])


def test_a_name_goes_before_an_id() -> None:
    """A lookup with a name ignores the id."""
    client = EngineHarness(2).up().listen(1).client
    assert client.get_node(1, "node2").node_id == 2
    assert client.get_node(2).name == "node2"


def test_extra_of_us_echoes_zero() -> None:
    """Asked for 0 it tells of us, and says 0."""
    client = EngineHarness(2).up().listen(2).client
    extra = client.get_node_extra(US)
    assert (extra.node_id, extra.state, extra.votes, extra.expected_votes) == (
        0,
        CmanState.MEMBER,
        1,
        2,
    )


def test_row_cluster_info(profile: Profile) -> None:
    """Name, number, generation = ring sequence; version 6.2.0; quorate is a bool."""
    rig = EngineHarness(3, profile=profile).up()
    client = rig.listen(1).client
    newest = client.get_node(3).incarnation
    assert client.get_cluster() == ClusterInfo(name="o2", number=6865, generation=newest)
    assert client.get_version() == Version(major=6, minor=2, patch=0, config=1)
    assert (client.is_quorate(), client.is_active()) == (True, True)
    rig.engine.kill(2)
    rig.engine.kill(3)
    rig.run()
    assert (client.is_quorate(), client.is_active()) == (False, True)
    assert client.get_cluster().generation > newest


def test_row_wrong_socket(profile: Profile) -> None:
    """EPERM for every admin command on a client; EINVAL for notices, ports, data on an admin."""
    rig = EngineHarness(2, profile=profile).up()
    client, admin = rig.listen(1).client, rig.admin(1).client
    commands: list[Callable[[], object]] = [
        lambda: client.try_shutdown(0, lambda _: None),
        lambda: client.leave_cluster(0),
        lambda: client.kill_node(2),
        lambda: client.set_version(Version(config=2)),
        lambda: client.set_votes(1, 2),
        lambda: client.set_expected_votes(2),
        lambda: client.register_quorum_device("disk", 1),
        client.unregister_quorum_device,
        lambda: client.poll_quorum_device(True),
        lambda: client.update_quorum_device("disk", 1),
        lambda: client.update_fence_info(rig.engine.connect(1).get_fence_info(2)),
        client.set_dirty,
        lambda: client.set_debuglog(1),
    ]
    assert [_errno(command) for command in commands] == [errno.EPERM] * len(commands)
    refused: list[Callable[[], object]] = [
        admin.start_notification,
        lambda: admin.bind(3),
        lambda: admin.send_data(2, 3, b"x"),
    ]
    assert [_errno(command) for command in refused] == [errno.EINVAL] * 3


def test_an_admin_may_read() -> None:
    """What is not for admins alone is for all."""
    admin: Client = EngineHarness(2).up().admin(1).client
    assert len(admin.get_all_members()) == 2
