"""What the data of nodes was seen to be."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from fakecluster.cman.answers import Version
from fakecluster.cman.client import Client
from fakecluster.cman.constants import US, CmanState
from fakecluster.cman.errors import RequestRefusedError
from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import QuorumDisk
from fakecluster.testing.cman_engine import EngineHarness

DISK = QuorumDisk(name="/dev/qdisk0", votes=1, polled=False)


def _errno(act: Callable[[], object]) -> int:
    with pytest.raises(RequestRefusedError) as caught:
        act()
    return caught.value.code


def test_jointime_is_the_observers_wall_clock() -> None:
    """It is when this observer counted the node in."""
    rig = EngineHarness(2).up()
    times = [rig.listen(i).entry(2).jointime_us for i in (1, 2)]
    assert times[0] < times[1]
    assert all(1_700_000_000_000_000 < time_us <= rig.engine.wall_us() for time_us in times)


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


def test_an_admin_may_read() -> None:
    """What is not for admins alone is for all."""
    admin: Client = EngineHarness(2).up().admin(1).client
    assert len(admin.get_all_members()) == 2


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
