"""The real tree over a FUSE mount passes what every node tree passes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from fakecluster.configfs.fuse import FuseMount
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.variant import KERNEL_B_MISNAMED, OBSERVED_6_1, KernelVariant
from fakecluster.conformance import node_tree, node_tree_faults
from fakecluster.conformance.tree_drivers import ModelDriver, OsDriver
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.configfs.tree import OsNodeTree

Start = Callable[[KernelVariant], tuple[ConfigfsModel, OsNodeTree]]


@pytest.fixture
def start(tmp_path: Path, fuse: None) -> Iterator[Start]:
    """Mounts a fake kernel's configfs and puts a tree on it."""
    mount_point = tmp_path / "config"
    mount_point.mkdir()
    mounts: list[FuseMount] = []
    trees: list[OsNodeTree] = []

    def mounted(variant: KernelVariant) -> tuple[ConfigfsModel, OsNodeTree]:
        model = ConfigfsModel(variant=variant, owner_uid=os.getuid())
        mount = FuseMount(model, mount_point)
        mount.start()
        mounts.append(mount)
        tree = OsNodeTree(mount_point, tmp_path / "debug", CallBoard(MonotonicClock()))
        trees.append(tree)
        return model, tree

    yield mounted
    for tree in trees:
        tree.close()
    for mount in mounts:
        mount.stop()


@pytest.fixture
def show_live(tmp_path: Path) -> Callable[[Iterable[int]], None]:
    """Writes the live map where the tree looks for it."""
    (tmp_path / "debug" / "o2hb").mkdir(parents=True)

    def show(nums: Iterable[int]) -> None:
        text = "".join(f"{num} " for num in nums)
        (tmp_path / "debug" / "o2hb" / "livenodes").write_text(f"{text}\n")

    return show


@pytest.mark.parametrize("check", node_tree.CHECKS, ids=lambda check: check.__name__)
def test_conforms(check: Callable[[OsDriver], None], start: Start, tmp_path: Path) -> None:
    """Seen and changed behind its back through the mount too, as on a kernel."""
    check(OsDriver(tmp_path / "config", start(OBSERVED_6_1)[1]))


@pytest.mark.parametrize("check", node_tree_faults.CHECKS, ids=lambda check: check.__name__)
def test_conforms_under_faults(
    check: Callable[[ModelDriver], None], start: Start, show_live: Callable[[Iterable[int]], None]
) -> None:
    check(ModelDriver(*start(OBSERVED_6_1), show_live))


@pytest.mark.parametrize("check", node_tree_faults.MISNAMED_CHECKS, ids=lambda c: c.__name__)
def test_conforms_on_misnaming_kernels(
    check: Callable[[ModelDriver], None], start: Start, show_live: Callable[[Iterable[int]], None]
) -> None:
    check(ModelDriver(*start(KERNEL_B_MISNAMED), show_live))
