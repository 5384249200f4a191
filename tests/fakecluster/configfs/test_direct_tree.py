"""The first way in: the tree straight on the model passes what every node tree passes."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable

import pytest

from fakecluster.configfs.direct import DirectTree
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.model_os import ModelOs
from fakecluster.configfs.variant import KERNEL_B_MISNAMED, OBSERVED_6_1, KernelVariant
from fakecluster.conformance import node_tree, node_tree_faults
from fakecluster.conformance.tree_drivers import ModelDriver
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.configfs import files
from o2cbd.configfs.interface import NodeTree
from o2cbd.configfs.tree import OsNodeTree
from o2cbd.core.model import AddNode, CreateCluster, Node, RemoveNode, SetAttribute, Step


def driver(variant: KernelVariant = OBSERVED_6_1) -> ModelDriver:
    model = ConfigfsModel(variant=variant)
    return ModelDriver(model, DirectTree(model), model.heartbeat.see)


@pytest.mark.parametrize(
    "check", [*node_tree.CHECKS, *node_tree_faults.CHECKS], ids=lambda check: check.__name__
)
def test_conforms(check: Callable[[ModelDriver], None]) -> None:
    check(driver())


@pytest.mark.parametrize("check", node_tree_faults.MISNAMED_CHECKS, ids=lambda c: c.__name__)
def test_conforms_on_misnaming_kernels(check: Callable[[ModelDriver], None]) -> None:
    check(driver(KERNEL_B_MISNAMED))


def test_without_debugfs_the_live_map_is_unknown() -> None:
    tree = DirectTree(ConfigfsModel(), debugfs=False)
    assert tree.read("c1", own=None, attributes=(), fresh=False).live_nums is None


def test_its_calls_are_those_of_the_os(monkeypatch: pytest.MonkeyPatch) -> None:
    """One for one and in order, those that change nothing too: a fault counts the same on both."""
    journals = []
    for over_os in (False, True):
        model = ConfigfsModel(addresses=["10.0.0.1"])
        tree: OsNodeTree = DirectTree(model)
        if over_os:
            monkeypatch.setattr(files, "os", ModelOs(model, "/configfs"))
            tree = OsNodeTree("/configfs", "/debug", CallBoard(MonotonicClock()))
        model.journal.with_reads = True
        play(tree)
        journals.append(list(model.journal))
    assert len(journals[0]) > 70
    assert journals[0] == journals[1]


def play(tree: NodeTree) -> None:
    """Let every step and reading be made, refused ones too."""
    own = Node(name="n1", num=1, address="10.0.0.1", port=7777, local=True)
    peer = Node(name="n2", num=2, address="10.0.0.2", port=7777, local=False)
    steps: tuple[Step, ...] = (
        CreateCluster(cluster="c1"),
        AddNode(cluster="c1", node=own),
        SetAttribute(cluster="c1", node="n1", attribute="local", value="1"),
        AddNode(cluster="c1", node=peer),
        AddNode(cluster="c1", node=dataclasses.replace(peer, name="n3")),
        SetAttribute(cluster="c1", node=None, attribute="heartbeat/dead_threshold", value="61"),
        SetAttribute(cluster="c1", node=None, attribute="ghost", value="1"),
        RemoveNode(cluster="c1", node="n2"),
        RemoveNode(cluster="c1", node="n2"),
    )
    for step in steps:
        with contextlib.suppress(OSError):
            tree.do(step)
        for fresh in (False, True):
            tree.read("c1", own="n1", attributes=("idle_timeout_ms", "ghost"), fresh=fresh)
