"""What a new configuration was seen to do."""

from __future__ import annotations

from fakecluster.cman.answers import Notice, Version
from fakecluster.cman.constants import Reason
from fakecluster.cman.rigs.rig import SECOND_US, Recorder, Rig
from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import NodeConfig

NEW = NodeConfig(id=7, name="node7", addresses=("10.0.0.7",))


def _told(recorder: Recorder) -> list[tuple[Reason, int]]:
    return [(d.reason, d.arg) for _, d in recorder.told if isinstance(d, Notice)]


def test_row_config_update(profile: Profile) -> None:
    """The new version on all nodes; 3.1.8 recalculates first."""
    rig = Rig(3, profile=profile).up()
    seen = [rig.listen(i) for i in (1, 2, 3)]
    rig.engine.reconfigure()
    rig.run()
    update = (Reason.CONFIG_UPDATE, 2)
    expected = [update] if profile is Profile.A else [(Reason.STATE_CHANGE, 1), update]
    assert [_told(each) for each in seen] == [expected] * 3
    assert seen[0].client.get_version().config == 2


def test_set_version_is_heard_by_the_ring() -> None:
    """An administrator's version update does the same, for those who hear it."""
    rig = Rig(3, profile=Profile.A).up()
    rig.engine.partition([[1, 2], [3]])
    rig.run()
    seen = [rig.listen(i) for i in (1, 2, 3)]
    rig.admin(1).client.set_version(Version(config=5))
    rig.run()
    update = (Reason.CONFIG_UPDATE, 5)
    assert [_told(each) for each in seen] == [[update], [update], []]


def test_row_config_same_version(profile: Profile) -> None:
    """Nobody is told."""
    rig = Rig(2, profile=profile).up()
    seen = rig.listen(1)
    rig.admin(1).client.set_version(Version(config=1))
    rig.run()
    assert seen.told == []


def test_row_config_lagging(profile: Profile) -> None:
    """The node whose file lags; the others as ever."""
    rig = Rig(3, profile=profile).up()
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
    rig = Rig(2).up()
    seen = rig.listen(1)
    rig.engine.mend_config(1)
    rig.run()
    assert seen.told == []


def test_row_config_nodes(profile: Profile) -> None:
    """An added node is never-seen; a removed one vanishes if it is dead, else it stays."""
    rig = Rig(3, profile=profile).up()
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
    assert [entry.node_id for entry in seen.client.get_all_members()] == [1, 2]


def test_an_added_node_can_join() -> None:
    """It starts with the new file and is named as configured."""
    rig = Rig(3).up()
    seen = rig.listen(1)
    rig.engine.add_node(NEW)
    rig.run()
    rig.up()
    assert (seen.members(), seen.entry(7).address) == ((1, 2, 3, 7), "10.0.0.7")


def test_a_node_without_an_entry_is_named_after_its_id() -> None:
    """Until a configuration names it."""
    rig = Rig(2).up()
    rig.engine.add_node(NEW, lagging=[1])
    rig.run()
    rig.up()
    seen = rig.listen(1)
    assert (seen.entry(7).name, seen.entry(7).votes) == ("Node7", 1)
    rig.engine.mend_config(1)
    rig.run()
    assert seen.entry(7).name == "node7"


def test_a_changed_name_and_address() -> None:
    """The name is known at once, the address from the next join on."""
    rig = Rig(2).up()
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
