"""How many votes it takes, and who is told of it."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecluster.cman.constants import ExtraFlag
from fakecluster.cman.errors import RequestRefusedError
from fakecluster.cman.quorum import Tally, quorum_for
from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology
from fakecluster.testing.cman_engine import EngineHarness, Recorder
from o2cbd.core.rules import SECOND_US


def _tally(total: int, expected: int, members: int = 3) -> Tally:
    return Tally(total_votes=total, expected_votes=expected, members=members)


@pytest.mark.parametrize(
    ("total", "expected", "needed"),
    [(1, 1, 1), (1, 2, 2), (2, 3, 2), (3, 4, 3), (5, 3, 3), (0, 5, 3)],
)
def test_more_than_half_of_what_is_expected_or_there(
    total: int, expected: int, needed: int
) -> None:
    assert quorum_for(_tally(total, expected)) == needed


def test_it_never_decreases_by_itself() -> None:
    assert quorum_for(_tally(1, 1), current=3) == 3
    assert quorum_for(_tally(1, 1), current=3, may_decrease=True) == 1


def test_two_node_needs_one_vote_of_at_most_two() -> None:
    assert quorum_for(_tally(2, 2, members=2), current=2, two_node=True) == 1
    assert quorum_for(_tally(3, 3, members=3), two_node=True) == 2


@given(st.integers(0, 255), st.integers(1, 255), st.integers(0, 255))
def test_two_halves_are_never_both_quorate(one: int, expected: int, other: int) -> None:
    """Whatever the parts of the expected votes, at most one of two disjoint parts has quorum."""
    if one + other > expected:
        return
    quorate = [quorum_for(_tally(part, expected)) <= part for part in (one, other)]
    assert quorate.count(True) <= 1


def _info(recorder: Recorder) -> tuple[int, int, int]:
    info = recorder.client.get_extra_info()
    return info.total_votes, info.expected_votes, info.quorum


def test_two_node_clusters_survive_either() -> None:
    """One of two stays quorate, and the flag says why that proves nothing."""
    rig = EngineHarness(Topology.of(2, two_node=True)).up()
    seen = rig.listen(1)
    assert seen.client.get_extra_info().flags & ExtraFlag.TWO_NODE
    rig.engine.kill(2)
    rig.run()
    assert (seen.notices(), _info(seen)) == ([1], (1, 2, 1))


def test_without_two_node_one_of_two_is_inquorate() -> None:
    rig = EngineHarness(2).up()
    seen = rig.listen(1)
    assert not seen.client.get_extra_info().flags & ExtraFlag.TWO_NODE
    rig.engine.kill(2)
    rig.run()
    assert seen.notices() == [0]


def test_the_quorum_disk_votes_where_it_is_polled() -> None:
    """Two nodes and a disk: the one that sees the disk goes on alone."""
    rig = EngineHarness(Topology.of(2, qdisk=QuorumDisk(votes=1))).up()
    one, two = rig.listen(1), rig.listen(2)
    assert _info(one) == (3, 3, 2)
    rig.engine.qdisk(2, available=False)
    rig.engine.partition([[1], [2]])
    rig.run()
    assert (one.client.is_quorate(), two.client.is_quorate()) == (True, False)


def test_a_disk_that_is_said_to_be_lost_before_its_first_poll_stays_lost() -> None:
    rig = EngineHarness(Topology.of(2, qdisk=QuorumDisk()))
    for node_id in (1, 2):
        rig.engine.start(node_id)
    rig.run(SECOND_US // 2)
    seen = rig.listen(1)
    rig.engine.qdisk(1, available=False)
    rig.run()
    assert not seen.entry(0).is_member

    rig.engine.qdisk(1, available=True)
    assert seen.entry(0).is_member


def test_a_removed_node_lowers_the_quorum_and_its_return_raises_it() -> None:
    """Without remove a leave lowers nothing."""
    rig = EngineHarness(5).up()
    seen = rig.listen(1)
    rig.engine.leave(5)
    rig.run()
    assert _info(seen) == (4, 5, 3)
    rig.engine.leave(4, removed=True)
    rig.run()
    assert _info(seen) == (3, 3, 2)
    rig.up()
    assert _info(seen) == (5, 5, 3)


def test_votes_and_expected_votes_are_set_everywhere() -> None:
    """Everybody is told, and a rejoin after a partition keeps them."""
    rig = EngineHarness(3).up()
    seen, admin = rig.listen(3), rig.admin(1)
    asker = rig.listen(1)
    admin.client.set_votes(2, 5)
    rig.run()
    assert (seen.entry(2).votes, _info(seen), seen.notices()) == (5, (7, 3, 4), [1])
    assert (asker.entry(2).votes, asker.notices()) == (5, [1, 1])
    admin.client.set_expected_votes(1)
    rig.run()
    assert (_info(seen), seen.notices()) == ((7, 1, 4), [1, 1])
    rig.engine.partition([[1, 3], [2]])
    rig.run()
    rig.engine.heal()
    rig.run()
    assert _info(seen) == (7, 1, 4)


def test_votes_of_a_node_that_not_everybody_lists() -> None:
    """Who does not know it has nothing to change."""
    rig = EngineHarness(2).up()
    rig.engine.add_node(NodeConfig(id=7, name="n7", addresses=()), lagging=[2])
    rig.run()
    seen, lagging = rig.listen(1), rig.listen(2)
    rig.admin(1).client.set_votes(7, 4)
    rig.run()
    assert (seen.entry(7).votes, seen.notices(), lagging.notices()) == (4, [1, 1], [])


def test_nonsense_votes_are_refused() -> None:
    client = EngineHarness(1).up().admin(1).client
    refusals: tuple[tuple[Callable[[], object], int], ...] = (
        (lambda: client.set_votes(9, 1), errno.ENOENT),
        (lambda: client.set_votes(1, 256), errno.EINVAL),
        (lambda: client.set_expected_votes(0), errno.EINVAL),
    )
    for act, code in refusals:
        with pytest.raises(RequestRefusedError) as caught:
            act()
        assert caught.value.code == code


def test_configured_votes_count() -> None:
    nodes = (
        NodeConfig(id=1, name="a", addresses=("10.0.0.1",), votes=3),
        NodeConfig(id=2, name="b", addresses=("10.0.0.2",), votes=0),
    )
    rig = EngineHarness(Topology(cluster="o2", nodes=nodes, expected_votes=4))
    rig.engine.start(1)
    rig.run()
    seen = rig.listen(1)
    assert (_info(seen), seen.client.is_quorate()) == ((3, 4, 3), True)
    rig.up()
    assert _info(seen) == (3, 4, 3)


@pytest.mark.parametrize("profile", [Profile.A, Profile.B])
def test_a_quorum_disk_registered_by_an_administrator(profile: Profile) -> None:
    """Register, poll, update (3.1.8 only), unregister; each refusal has its errno."""
    rig = EngineHarness(2, profile=profile).up()
    seen, client = rig.listen(1), rig.admin(1).client
    codes = []
    refusals: tuple[Callable[[], object], ...] = (
        client.unregister_quorum_device,
        lambda: client.poll_quorum_device(True),
        lambda: client.update_quorum_device("d", 1),
        lambda: client.register_quorum_device("node2", 2),
        lambda: list(map(client.register_quorum_device, ("/dev/x", "/dev/y"), (2, 2))),
    )
    for act in refusals:
        with pytest.raises(RequestRefusedError) as caught:
            act()
        codes.append(caught.value.code)
    assert codes == [errno.EINVAL] * 3 + [errno.EALREADY, errno.EBUSY]
    client.poll_quorum_device(True)
    assert seen.entry(0).jointime_us == rig.engine.wall_us()
    assert (seen.entry(0).name, _info(seen), seen.notices()) == ("/dev/x", (4, 2, 3), [1])
    if profile is Profile.A:
        with pytest.raises(RequestRefusedError, match="EINVAL"):
            client.update_quorum_device("/dev/y", 4)
    else:
        client.update_quorum_device("/dev/y", 4)
        assert (seen.entry(0).name, _info(seen)) == ("/dev/y", (6, 2, 4))
    with pytest.raises(RequestRefusedError, match="EBUSY"):
        client.unregister_quorum_device()
    client.poll_quorum_device(False)
    client.unregister_quorum_device()
    assert [entry.node_id for entry in seen.client.get_all_members()] == [1, 2]
    assert _info(seen)[0] == 2


@pytest.mark.parametrize("profile", [Profile.A, Profile.B])
def test_a_quorum_device_registered_again(profile: Profile) -> None:
    """3.1.8 takes the votes; 3.0.12 has one already."""
    rig = EngineHarness(2, profile=profile).up()
    seen, client = rig.listen(1), rig.admin(1).client
    client.register_quorum_device("/dev/x", 2)
    if profile is Profile.A:
        with pytest.raises(RequestRefusedError, match="EBUSY"):
            client.register_quorum_device("/dev/x", 3)
    else:
        client.register_quorum_device("/dev/x", 3)
        assert (seen.entry(0).votes, seen.notices()) == (3, [1])


def test_a_quorum_device_that_is_polled_no_more_is_lost() -> None:
    """After six seconds, with a notice; each poll is good for so long."""
    rig = EngineHarness(2).up()
    seen, client = rig.listen(1), rig.admin(1).client
    client.register_quorum_device("/dev/x", 2)
    for _ in range(3):
        client.poll_quorum_device(True)
        rig.run(5 * SECOND_US)
    assert (seen.entry(0).is_member, seen.notices()) == (True, [1])
    rig.run(SECOND_US)
    assert (seen.entry(0).is_member, seen.notices()) == (False, [1, 0])


def test_the_disk_of_the_configuration_has_a_daemon_that_polls() -> None:
    rig = EngineHarness(Topology.of(2, qdisk=QuorumDisk(votes=1))).up()
    seen = rig.listen(1)
    rig.run()
    assert seen.entry(0).is_member


def test_a_node_that_is_added_changes_nothing_before_it_comes() -> None:
    """Running nodes expect what they expected; the newcomer brings the new number along."""
    rig = EngineHarness(2).up()
    seen = rig.listen(1)
    rig.engine.add_node(NodeConfig(id=7, name="n7", addresses=("10.0.0.7",), votes=5))
    rig.run()
    assert _info(seen) == (2, 2, 2)
    rig.up()
    assert _info(seen) == (7, 7, 4)
