"""The first way in: the tree straight on the model passes what every node tree passes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fakecluster.configfs.direct import DirectTree
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.variant import KERNEL_B_MISNAMED, OBSERVED_6_1, KernelVariant
from fakecluster.conformance import node_tree, node_tree_faults
from fakecluster.conformance.tree_drivers import ModelDriver


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
