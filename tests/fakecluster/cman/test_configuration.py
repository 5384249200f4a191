"""What a new configuration was seen to do."""

from __future__ import annotations

from fakecluster.cman.answers import Notice, Version
from fakecluster.cman.constants import Reason
from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import NodeConfig
from fakecluster.testing.cman_engine import EngineHarness, Recorder

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


def test_a_mended_file_that_did_not_lag_tells_nobody() -> None:
    """There is nothing new in it."""
    rig = EngineHarness(2).up()
    seen = rig.listen(1)
    rig.engine.mend_config(1)
    rig.run()
    assert seen.received == []


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
