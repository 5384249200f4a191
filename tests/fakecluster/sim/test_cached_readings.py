"""Cached readings are what the adapters read, whatever happened between."""

import contextlib
import errno
from collections.abc import Callable
from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecluster.cman.answers import FenceInfo
from fakecluster.cman.outside import OperationError
from fakecluster.cman.topology import QuorumDisk, Topology
from fakecluster.configfs.direct import DirectTree, UnwatchedCalls
from fakecluster.configfs.directories import Presence
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.conformance import node_tree, node_tree_faults
from fakecluster.conformance.tree_drivers import ModelDriver
from fakecluster.sim.cached_readings import CachedSource, CachedTree
from fakecluster.sim.engine_table import EngineTable
from fakecluster.testing.cman_engine import EngineHarness
from o2cbd.configfs.interface import NodeTree
from o2cbd.core.model import AddNode, CreateCluster, Membership, Node, RemoveNode, Tables
from o2cbd.membership.cman import connect_cman
from o2cbd.membership.interface import ManagerGoneError, MembershipSource


@pytest.mark.parametrize(
    "check", [*node_tree.CHECKS, *node_tree_faults.CHECKS], ids=lambda check: check.__name__
)
def test_conforms(check: Callable[[ModelDriver], None]) -> None:
    model = ConfigfsModel()
    tree = CachedTree(DirectTree(model), model)
    check(ModelDriver(model, tree, model.heartbeat.see))


ATTRIBUTES = ("idle_timeout_ms",)


def _read(
    tree: CachedTree | DirectTree, *, fresh: bool, attributes: tuple[str, ...] = ATTRIBUTES
) -> Tables | str:
    try:
        return tree.read("c", own="n1", attributes=attributes, fresh=fresh)
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def _unproved(tables: Tables | str) -> Tables | str:
    """Without what only the tree knows that wrote a num 0."""
    if isinstance(tables, str):
        return tables
    entries = tuple(replace(entry, num_proved=False) for entry in tables.entries)
    return replace(tables, entries=entries)


REGION = "R" * 32
ACTS: dict[str, Callable[[ConfigfsModel, CachedTree], object]] = {
    "create": lambda model, tree: tree.do(CreateCluster(cluster="c")),
    "add1": lambda model, tree: tree.do(
        AddNode(cluster="c", node=Node(name="n1", num=1, address="10.0.0.1", port=7777))
    ),
    "add2": lambda model, tree: tree.do(
        AddNode(cluster="c", node=Node(name="n2", num=2, address="10.0.0.2", port=7777))
    ),
    "add0": lambda model, tree: tree.do(
        AddNode(cluster="c", node=Node(name="n0", num=0, address="10.0.0.9", port=7777))
    ),
    "remove2": lambda model, tree: tree.do(RemoveNode(cluster="c", node="n2")),
    "local": lambda model, tree: model.write_value("/cluster/c/node/n1/local", b"1"),
    "half": lambda model, tree: model.mkdir("/cluster/c/node/n3"),
    "finish": lambda model, tree: model.write_value("/cluster/c/node/n3/ipv4_port", b"1"),
    "idle": lambda model, tree: model.write_value("/cluster/c/idle_timeout_ms", b"12345"),
    "start": lambda model, tree: model.heartbeat.start(REGION, pid=7),
    "stop": lambda model, tree: model.heartbeat.stop(REGION),
    "live": lambda model, tree: model.heartbeat.see([1, 2]),
    "boot": lambda model, tree: model.power_cycle(),
    "unmount": lambda model, tree: setattr(model, "presence", Presence.EMPTY),
    "mount": lambda model, tree: setattr(model, "presence", Presence.O2CB),
    "fault": lambda model, tree: model.fault("read:num", errno.EIO, 1),
}


acts = st.sampled_from(sorted(ACTS))


@given(
    st.lists(st.tuples(acts, st.booleans(), st.booleans()), max_size=12),
    st.sampled_from([(), ATTRIBUTES]),
)
def test_it_reads_what_is_there(
    history: list[tuple[str, bool, bool]], attributes: tuple[str, ...]
) -> None:
    """Some acts are not looked at by themselves, so that a look finds several."""
    model = ConfigfsModel(addresses=["10.0.0.1"])
    tree = CachedTree(DirectTree(model), model)
    for name, fresh, looked_at in [("create", True, True), *history, ("add1", False, True)]:
        try:
            ACTS[name](model, tree)
        except OSError as error:
            assert error.errno is not None  # noqa: PT017 - what it is depends on the history
        if not looked_at:
            continue
        faulted = model.journal.armed
        seen = _read(tree, fresh=fresh, attributes=attributes)
        if not faulted:
            assert _unproved(seen) == _read(DirectTree(model), fresh=True, attributes=attributes)
            assert _read(tree, fresh=fresh, attributes=attributes) == seen


def test_where_nothing_changed_nothing_is_called() -> None:
    model = ConfigfsModel()
    below = mock.create_autospec(NodeTree, instance=True)
    below.read.side_effect = lambda *_args, **_options: Tables(clusters=())
    tree = CachedTree(below, model)
    first = _read(tree, fresh=True)
    assert _read(tree, fresh=True) is first
    assert below.read.call_count == 1

    model.heartbeat.see([1])
    assert _read(tree, fresh=True) is not first
    assert below.read.call_count == 2


def test_watched_readings_are_all_made() -> None:
    model = ConfigfsModel()
    tree = CachedTree(DirectTree(model), model)
    tree.do(CreateCluster(cluster="c"))
    first = _read(tree, fresh=True)
    model.journal.with_reads = True
    calls = []
    for _ in range(2):
        before = len(model.journal)
        assert _read(tree, fresh=True) == first
        calls.append(len(model.journal) - before)

    assert calls[0] > 5
    assert calls[1] == calls[0]


def test_a_num_0_that_was_written_stays_proved() -> None:
    """A tree that did not write it cannot know, so it is left to the one that did."""
    model = ConfigfsModel()
    tree = CachedTree(DirectTree(model), model)
    tree.do(CreateCluster(cluster="c"))
    tree.do(AddNode(cluster="c", node=Node(name="n0", num=0, address="10.0.0.9", port=7777)))
    for other in ("other", "another"):
        read = _read(tree, fresh=True, attributes=())
        assert isinstance(read, Tables)
        assert next(entry for entry in read.entries if entry.name == "n0").num_proved
        model.mkdir(f"/cluster/c/node/{other}")


EVENTS: dict[str, Callable[[EngineHarness], object]] = {
    "leave": lambda rig: rig.engine.leave(3),
    "up": lambda rig: rig.up(),
    "fence": lambda rig: rig.admin(1).client.update_fence_info(FenceInfo(node_id=3, fenced=True)),
    "votes": lambda rig: rig.admin(1).client.set_votes(2, 2),
    "split": lambda rig: rig.engine.partition(((1,), (2, 3))),
    "heal": lambda rig: rig.engine.heal(),
    "address": lambda rig: rig.engine.set_address(2, ("fd00::2", "10.0.0.22"), now=True),
    "second address": lambda rig: rig.engine.set_address(2, ("fd00::2", "10.0.0.23"), now=True),
    "fail": lambda rig: rig.engine.fail_read(1, errno.EIO),
    "nothing": lambda rig: None,
}


def _membership(source: MembershipSource) -> Membership | str:
    try:
        return source.snapshot()
    except OSError as error:
        return errno.errorcode[error.errno or 0]


@given(st.lists(st.sampled_from(sorted(EVENTS)), max_size=8))
def test_membership_is_the_one_that_a_new_source_reads(history: list[str]) -> None:
    rig = EngineHarness(Topology.of(3, qdisk=QuorumDisk())).up()
    table = EngineTable(rig.engine, 1, lambda: None)
    source = CachedSource(connect_cman(table, UnwatchedCalls()), table.standing)
    for name in history:
        with contextlib.suppress(OSError, OperationError):
            EVENTS[name](rig)
        rig.run()
        failing = rig.engine.read_fails(1)
        seen = _membership(source)
        assert (seen == "EIO") == failing
        if not failing:
            assert seen == _membership(rig.source(1))
            assert _membership(source) is seen


def test_unchanged_manager_is_not_asked_again() -> None:
    rig = EngineHarness(2).up()
    table = EngineTable(rig.engine, 1, lambda: None)
    below = connect_cman(table, UnwatchedCalls())
    asked = mock.Mock(wraps=below)
    source = CachedSource(asked, table.standing)
    first = source.snapshot()
    assert source.snapshot() is first
    assert asked.snapshot.call_count == 1

    rig.engine.leave(2)
    rig.run()
    assert source.snapshot() is not first
    assert asked.snapshot.call_count == 2


def test_dead_manager_is_asked_and_says_so() -> None:
    rig = EngineHarness(1).up()
    table = EngineTable(rig.engine, 1, lambda: None)
    source = CachedSource(connect_cman(table, UnwatchedCalls()), table.standing)
    source.snapshot()
    rig.engine.crash(1)
    with pytest.raises(ManagerGoneError):
        source.snapshot()
