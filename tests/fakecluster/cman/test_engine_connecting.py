"""What connect(2) was seen to do."""

from __future__ import annotations

import errno

import pytest

from fakecluster.cman.constants import US
from fakecluster.cman.engine import Sockets
from fakecluster.cman.errors import ConnectionGoneError, RequestRefusedError
from fakecluster.cman.timings import Profile, Timings
from fakecluster.testing.cman_engine import QUIET_US, EngineHarness


def test_row_connect_not_root(profile: Profile) -> None:
    """The sockets are root's; told to refuse, the engine does, until told otherwise."""
    rig = EngineHarness(1, profile=profile).up()
    rig.engine.refuse(1, errno.EACCES)
    assert rig.connect_errno(1) == errno.EACCES
    rig.engine.refuse(1, None)
    assert rig.connect_errno(1) == 0


def test_row_connect_while_dying(profile: Profile) -> None:
    """A connect right after kill -9 may be taken by a listener whose daemon is gone."""
    rig = EngineHarness(2, profile=profile).up()
    rig.engine.crash(2, dying_us=1000)
    client = rig.engine.connect(2)
    with pytest.raises(ConnectionGoneError) as caught:
        client.start_notification()
    assert caught.value.code == errno.EHOSTDOWN
    rig.run(1000)
    assert rig.connect_errno(2) == errno.ECONNREFUSED
    assert rig.seen_sockets[-1] == (2, Sockets.STALE)


def test_a_dying_listener_does_not_outlive_a_restart() -> None:
    """The stale mark of the old process never hits the new one's sockets."""
    rig = EngineHarness(1).up()
    rig.engine.crash(1, dying_us=10 * QUIET_US)
    rig.engine.start(1)
    assert rig.connect_errno(1) == errno.ENOENT
    rig.run(11 * QUIET_US)
    assert rig.connect_errno(1) == 0


def test_a_client_of_the_dying_is_dropped() -> None:
    """Its end is told as any other's."""
    rig = EngineHarness(1).up()
    rig.engine.crash(1, dying_us=1000)
    closed = []
    rig.engine.connect(1, closed=lambda: closed.append(True))
    rig.run(0)
    assert closed == [True]


def test_early_sockets_know_no_members_yet() -> None:
    """Read from source, not seen: sockets before the first transition, and ENOENT on them."""
    rig = EngineHarness(1, timings=Timings(early_sockets=True))
    rig.engine.start(1)
    while rig.connect_errno(1) == errno.ENOENT:
        assert rig.timeline.run_next()
    client = rig.engine.connect(1)
    with pytest.raises(RequestRefusedError) as caught:
        client.get_all_members()
    assert caught.value.code == errno.ENOENT
    with pytest.raises(RequestRefusedError) as caught:
        client.get_node(US)
    assert caught.value.code == errno.ENOENT
    assert (client.get_cluster().name, client.is_active(), client.is_quorate()) == (
        "o2",
        False,
        False,
    )
    rig.run()
    assert [entry.is_member for entry in client.get_all_members()] == [True]
