"""Real o2cbd processes on served clusters and FUSE mounts: membership becomes tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakecluster.arms.process import DEADLINE_S, ProcessCluster
from tests.process.conftest import MakeCluster

pytestmark = pytest.mark.process


@pytest.mark.row("manager-stuck")
def test_stuck_manager_is_named_and_its_return_noticed(make_cluster: MakeCluster) -> None:
    """manager-stuck: the call is declared, status answers, and afterwards all goes on."""
    cluster = make_cluster()
    cluster.settings(1, "[timing]\nresync_s = 0.2\nstuck_after_s = 0.3")
    cluster.run(1)
    cluster.wait_nodes(1, [1, 2, 3])
    cluster.ctl("cman-stop", node=1)

    status = cluster.wait_state(1, "stuck")
    assert status["call"]["name"].startswith("cman_")
    assert status["reason"] == f"in {status['call']['name']} since {status['call']['since']}"
    assert "State:   stuck: in cman_" in cluster.o2cbd(1, "status").stdout
    cluster.wait_log(1, "stuck in cman_")

    cluster.ctl("cman-cont", node=1)
    cluster.wait_nodes(1, [1, 2, 3])


@pytest.mark.row("second-instance")
@pytest.mark.parametrize(
    ("option", "locked"), [("--runtime-dir", "config/cluster"), ("--configfs", "run/lock")]
)
def test_second_daemon_is_refused(
    cluster: ProcessCluster, tmp_path: Path, option: str, locked: str
) -> None:
    """second-instance: 73, who has it, and the first goes on, its control socket too."""
    elsewhere = {"--runtime-dir": tmp_path / "run", "--configfs": Path("/proc")}
    first = cluster.daemons[1]

    second = cluster.run_second(1, option, str(elsewhere[option]))

    assert second.wait() == 73
    assert f"{locked} is locked by process {first.process.pid}" in second.log
    assert cluster.wait_nodes(1, [1, 2, 3])


def test_wait_sees_a_daemon_that_comes_later(make_cluster: MakeCluster) -> None:
    """A wait may begin before the daemon; without one it ends with 69."""
    cluster = make_cluster()
    assert cluster.o2cbd(1, "wait", "--in-sync", "--timeout", "0.1").returncode == 69
    waiting = cluster.o2cbd_beside(
        1, "wait", "--in-sync", "--nodes", "3", "--quorate", "--settle", "0.2", "--timeout", "30"
    )
    cluster.run(1)

    assert waiting.wait(DEADLINE_S) == 0


def test_plan_without_a_daemon_reads_and_touches_nothing(make_cluster: MakeCluster) -> None:
    """The steps of a first start, in order; no vote is asked of a reader, nothing is made."""
    cluster = make_cluster()
    node = cluster.served.node(1)
    paths = [
        "--libcman", cluster.served.announced["libcman"],
        "--configfs", node["configfs"], "--debugfs", node["debugfs"],
    ]  # fmt: skip

    plan = cluster.o2cbd(1, "plan", *paths)

    assert plan.returncode == 0, plan.stderr
    assert [line.strip() for line in plan.stdout.splitlines()[-5:]] == [
        "create cluster o2",
        "add node node1 (1, 10.0.0.1:7777)",
        "set local of node node1 to 1",
        "add node node2 (2, 10.0.0.2:7777)",
        "add node node3 (3, 10.0.0.3:7777)",
    ]
    assert not cluster.cluster_directory(1).exists()
    assert cluster.o2cbd(1, "status").returncode == 69


def test_plan_of_a_daemon_names_what_waits(cluster: ProcessCluster) -> None:
    """What is pending, with errno and what ends it."""
    cluster.ctl("pin", node=1, name="node3")
    cluster.ctl("kill", node=3)
    cluster.wait_pending(1, "node3", "pinned")

    plan = cluster.o2cbd(1, "plan")

    assert "Pending (1):" in plan.stdout
    assert "remove node node3  [pinned EBUSY since" in plan.stdout
