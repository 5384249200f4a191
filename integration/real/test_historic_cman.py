"""A guest whose cman came by `--cman-root`: its disk, unit, saved states and verbs.

The cman is played (`played_cman`), since nobody ships one; everything around it is the arm's own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fakecluster.arms.values import ClusterSpec
from fakecluster.cman.topology import QuorumDisk, Topology
from integration.arm.historic import historic_manager
from integration.arm.managers import CMAN_MANAGER
from integration.arm.suite import vm_cluster
from integration.real.operator import node_config
from integration.real.played_cman import make_root
from o2cbd.core.model import State

pytestmark = pytest.mark.one_arm(CMAN_MANAGER.arm, "the cman that is brought is a played one")

TOPOLOGY = Topology(cluster="o2", nodes=(node_config(1),), qdisk=QuorumDisk(name="/dev/q"))
SPEC = ClusterSpec(topology=TOPOLOGY.checked())


def test_a_daemon_follows_the_cman_that_was_brought(tmp_path: Path) -> None:
    manager = historic_manager(make_root(tmp_path / "cman"))
    with vm_cluster(manager, SPEC, tmp_path / "consoles") as cluster:
        cluster.up()
        cluster.in_sync(1, nodes=(1,))
        view = cluster.view(1)
        assert view is not None
        assert (view["cluster"], view["local_id"], view["quorate"]) == ("o2", 1, True)

        cluster.eventually("the disk counts", lambda: 0 in cluster.members(1))
        cluster.qdisk(1, available=False)
        cluster.eventually("the disk is lost", lambda: 0 not in cluster.members(1))
        cluster.qdisk(1, available=True)
        cluster.eventually("the disk counts again", lambda: 0 in cluster.members(1))

        cluster.cman_crash(1)
        cluster.is_in(1, State.LOST)
        cluster.cman_start(1)
        cluster.in_sync(1, nodes=(1,))

        cluster.cman_stop(1)
        cluster.is_in(1, State.STUCK)
        cluster.cman_cont(1)
        cluster.in_sync(1, nodes=(1,))

        assert cluster.outcome(cluster.shutdown(1)) == "allowed"
        cluster.is_in(1, State.LOST)
        cluster.cman_start(1)
        cluster.in_sync(1, nodes=(1,))

        cluster.leave(1)
        cluster.is_in(1, State.LOST)
        assert not cluster.manager(1)["running"]


def test_a_saved_state_of_it_is_gone_on_from(tmp_path: Path) -> None:
    """The second cluster is a clone: its cman never started there."""
    manager = historic_manager(make_root(tmp_path / "cman"))
    with vm_cluster(manager, SPEC, tmp_path / "consoles") as cluster:
        cluster.up()
        cluster.in_sync(1, nodes=(1,))
        cluster.kill(1)
        cluster.start(1)
        cluster.in_sync(1, nodes=(1,))
        cluster.eventually("the disk counts", lambda: 0 in cluster.members(1))
        cluster.judge()
