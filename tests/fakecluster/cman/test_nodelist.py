"""What the data of nodes was seen to be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fakecluster.cman.client import Client
from fakecluster.cman.constants import US, CmanState
from fakecluster.cman.errors import RequestRefusedError
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
