"""What a new configuration was seen to do."""

from __future__ import annotations

import errno

from fakecluster.cman.answers import Notice, Version
from fakecluster.cman.constants import ExtraFlag, Reason
from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import NodeConfig
from fakecluster.testing.cman_engine import EngineHarness, Recorder
from o2cbd.core.rules import SECOND_US

NEW = NodeConfig(id=7, name="node7", addresses=("10.0.0.7",))


def _told(recorder: Recorder) -> list[tuple[Reason, int]]:
    return [(d.reason, d.arg) for _, d in recorder.received if isinstance(d, Notice)]


def test_set_version_is_heard_by_the_ring() -> None:
    """An administrator's version update does the same, for those who hear it."""
    rig = EngineHarness(3, profile=Profile.A).up()
    rig.engine.partition([[1, 2], [3]])
    rig.run()
    seen = [rig.listen(i) for i in (1, 2, 3)]
    rig.engine.write_config(1)
    rig.admin(1).client.set_version(Version(config=2))
    rig.run()
    new, old = (Reason.CONFIG_UPDATE, 2), (Reason.CONFIG_UPDATE, 1)
    assert [_told(each)[:2] for each in seen] == [[new], [old, old], []]


def test_row_config_error(profile: Profile) -> None:
    """3.1.8 is not quorate at the next recalculation with a file that lags, until it is mended."""
    rig = EngineHarness(3, profile=profile).up()
    lagging, other = rig.listen(3), rig.listen(1)
    rig.engine.reconfigure(lagging=[3])
    rig.run()
    has_error = profile is Profile.B
    flags = lagging.client.get_extra_info().flags
    assert (bool(flags & ExtraFlag.ERROR), lagging.client.is_quorate()) == (has_error, True)
    rig.admin(1).client.set_votes(2, 2)
    rig.run()
    assert lagging.client.is_quorate() is not has_error
    assert (lagging.notices()[-1:], other.client.is_quorate()) == ([int(not has_error)], True)
    assert lagging.client.get_extra_info().total_votes == 4
    rig.engine.mend_config(3)
    rig.run()
    assert (lagging.client.get_extra_info().flags, lagging.client.is_quorate()) == (0, True)


def test_row_config_newer_joiner(profile: Profile) -> None:
    """The others never count it, even once their files are mended; it counts them in 3.1.8.

    In 3.0.12 neither side counts the other at first, then it alone counts them.
    """
    rig = EngineHarness(3, profile=profile)
    for node_id in (1, 2):
        rig.engine.start(node_id)
    rig.run()
    rig.engine.write_config(3)
    rig.engine.start(3)
    rig.run()
    newer, others = rig.listen(3), [rig.listen(i) for i in (1, 2)]
    assert [each.members() for each in others] == [(1, 2)] * 2
    assert newer.members() == ((3,) if profile is Profile.A else (1, 2, 3))
    assert newer.client.is_quorate() is (profile is Profile.B)
    rig.engine.mend_configs()
    rig.run()
    assert [each.client.get_version().config for each in others] == [2, 2]
    assert [each.members() for each in others] == [(1, 2)] * 2
    assert (newer.members(), newer.client.is_quorate()) == ((1, 2, 3), True)
    rig.engine.leave(3)
    rig.run()
    rig.up()
    assert [each.members() for each in others] == [(1, 2, 3)] * 2


def test_row_config_older_joiner() -> None:
    """3.1.8: it joins, and exits after a second."""
    rig = EngineHarness(3)
    for node_id in (1, 2):
        rig.engine.start(node_id)
    rig.run()
    rig.engine.reconfigure(lagging=[3])
    rig.run()
    seen = rig.listen(1)
    rig.engine.start(3)
    rig.run(SECOND_US // 2)
    assert (seen.notices(), seen.members()) == ([1, 1], (1, 2, 3))
    rig.run()
    times = [time_us for time_us, _ in seen.timed()]
    assert (seen.notices(), seen.members()) == ([1, 1, 1], (1, 2))
    assert SECOND_US <= times[2] - times[0] <= SECOND_US + 50_000
    assert (rig.engine.state(3).running, rig.connect_errno(3)) == (False, errno.ENOENT)


def test_a_joiner_whose_file_was_mended_meanwhile_stays() -> None:
    """It reads the file when it hears of the newer version."""
    rig = EngineHarness(3)
    for node_id in (1, 2):
        rig.engine.start(node_id)
    rig.run()
    rig.engine.reconfigure(lagging=[3])
    rig.engine.start(3)
    rig.engine.mend_config(3)
    rig.run()
    assert rig.engine.state(3).members == (1, 2, 3)
    assert rig.listen(3).client.get_version().config == 2


def test_a_lagging_node_that_comes_back_from_a_partition_counts_nobody() -> None:
    """The others count it; it cannot read what they run with."""
    rig = EngineHarness(3).up()
    rig.engine.reconfigure(lagging=[3])
    rig.engine.partition([[1, 2], [3]])
    rig.run()
    rig.engine.heal()
    rig.run()
    states = [rig.engine.state(i) for i in (1, 2, 3)]
    assert [state.members for state in states] == [(1, 2, 3), (1, 2, 3), (3,)]
    assert [state.quorate for state in states] == [True, True, False]


def test_row_config_lagging(profile: Profile) -> None:
    """The node whose file lags; the others as ever."""
    rig = EngineHarness(3, profile=profile).up()
    lagging, other = rig.listen(3), rig.listen(1)
    rig.engine.reconfigure(lagging=[3])
    rig.run(12 * SECOND_US)
    old, new, state = (
        (Reason.CONFIG_UPDATE, 1),
        (Reason.CONFIG_UPDATE, 2),
        (Reason.STATE_CHANGE, 1),
    )
    assert other.notices(Reason.CONFIG_UPDATE) == [2]
    assert _told(lagging) == ([old, old, old] if profile is Profile.A else [])
    assert lagging.client.get_version().config == 1
    lagging.forget()
    rig.engine.mend_config(3)
    rig.run()
    assert _told(lagging) == ([state, new] * (2 if profile is Profile.A else 1))
    assert lagging.client.get_version().config == 2


def test_a_mended_file_that_did_not_lag_tells_nobody() -> None:
    """There is nothing new in it."""
    rig = EngineHarness(2).up()
    seen = rig.listen(1)
    rig.engine.mend_config(1)
    rig.run()
    assert seen.received == []


def test_row_config_nodes(profile: Profile) -> None:
    """An added node is never-seen; a removed one vanishes if it is dead.

    One that was a member stays listed when it has left, until the next configuration.
    """
    rig = EngineHarness(3, profile=profile).up()
    seen = rig.listen(1)
    rig.engine.add_node(NEW)
    rig.run()
    added = seen.entry(7)
    assert (added.is_member, added.incarnation, added.name) == (False, 0, "node7")
    rig.engine.remove_node(7)
    rig.engine.remove_node(3)
    rig.run()
    assert [entry.node_id for entry in seen.client.get_all_members()] == [1, 2, 3]
    rig.engine.leave(3)
    rig.run()
    assert [entry.node_id for entry in seen.client.get_all_members()] == [1, 2, 3]
    assert not seen.entry(3).is_member
    rig.engine.reconfigure()
    rig.run()
    assert [entry.node_id for entry in seen.client.get_all_members()] == [1, 2]


def test_an_added_node_can_join() -> None:
    """It starts with the new file and is named as configured."""
    rig = EngineHarness(3).up()
    seen = rig.listen(1)
    rig.engine.add_node(NEW)
    rig.run()
    rig.up()
    assert (seen.members(), seen.entry(7).address) == ((1, 2, 3, 7), "10.0.0.7")


def test_a_node_without_an_entry_is_named_after_its_id() -> None:
    """Until a configuration names it. Its own file calls another one the same version."""
    rig = EngineHarness(3).up()
    rig.engine.remove_node(3)
    rig.engine.write_config(1)
    rig.run()
    rig.engine.leave(3)
    rig.run()
    rig.engine.reconfigure()
    rig.run()
    rig.engine.start(3)
    rig.run()
    seen = rig.listen(1)
    assert (seen.entry(3).name, seen.entry(3).votes) == ("Node3", 1)
    rig.engine.add_node(NodeConfig(id=3, name="node3", addresses=("10.0.0.3",)))
    rig.run()
    assert seen.entry(3).name == "node3"


def test_a_changed_name_and_address() -> None:
    """The name is known at once, the address from the next join on."""
    rig = EngineHarness(2).up()
    seen = rig.listen(1)
    nodes = [
        NodeConfig(id=1, name="node1", addresses=("10.0.0.1",)),
        NodeConfig(id=2, name="renamed", addresses=("10.9.0.2",)),
    ]
    rig.engine.reconfigure(nodes)
    rig.run()
    assert (seen.entry(2).name, seen.entry(2).address) == ("renamed", "10.0.0.2")
    rig.engine.leave(2)
    rig.run()
    rig.up()
    assert seen.entry(2).address == "10.9.0.2"
