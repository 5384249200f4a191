"""Real o2cbd processes on served clusters and FUSE mounts: membership becomes tables."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from fakecluster.arms.process import DEADLINE_S, ProcessCluster, release
from fakecluster.arms.values import Row

pytestmark = pytest.mark.process

TWO_NODES = """
cluster = "duo"
two_node = true
expected_votes = 1
[[nodes]]
id = 1
name = "node1"
addresses = ["10.0.0.1"]
[[nodes]]
id = 2
name = "node2"
addresses = ["10.0.0.2"]
"""


@pytest.mark.row("start-adopt", "fingerprint")
def test_start_fills_every_table(cluster: ProcessCluster) -> None:
    """start-adopt, order: each node's mount shows all members, itself local, equal tables."""
    tables = [cluster.table(node_id) for node_id in (1, 2, 3)]
    prints = {(cluster.status(node_id) or {})["fingerprint"] for node_id in (1, 2, 3)}

    assert tables[0] == {
        "node1": Row(num=1, address="10.0.0.1", port=7777, local=True),
        "node2": Row(num=2, address="10.0.0.2", port=7777, local=False),
        "node3": Row(num=3, address="10.0.0.3", port=7777, local=False),
    }
    assert [sorted(table) for table in tables] == [["node1", "node2", "node3"]] * 3
    assert len(prints) == 1


@pytest.mark.row("scope-members")
def test_join(make_cluster: Any) -> None:
    """A node that joins is added on all others."""
    cluster = make_cluster()
    cluster.ctl("kill", node=3)
    cluster.wait_for("node 3 is gone", lambda: cluster.served.state(1)["members"] == [1, 2])
    for node_id in (1, 2):
        cluster.run(node_id)
        cluster.wait_nodes(node_id, [1, 2])

    cluster.ctl("start", node=3)

    for node_id in (1, 2):
        cluster.wait_nodes(node_id, [1, 2, 3])


@pytest.mark.row("scope-members")
def test_leave(cluster: ProcessCluster) -> None:
    """A node that leaves is removed by the others; its own tables stay."""
    cluster.ctl("leave", node=3)

    for node_id in (1, 2):
        cluster.wait_nodes(node_id, [1, 2])
    cluster.wait_state(3, "lost")
    assert sorted(cluster.table(3)) == ["node1", "node2", "node3"]


@pytest.mark.row("scope-members")
def test_death(cluster: ProcessCluster) -> None:
    """A node whose power is cut is removed by the others."""
    cluster.ctl("kill", node=3)

    assert cluster.daemons[3].wait() == -signal.SIGKILL
    for node_id in (1, 2):
        cluster.wait_nodes(node_id, [1, 2])


@pytest.mark.row("incarnation")
def test_rejoin_before_detection_leaves_the_entry_alone(cluster: ProcessCluster) -> None:
    """incarnation: a node that died and came back unseen keeps its right entry."""
    before = cluster.inodes(1)
    ring = cluster.served.state(1)["generation"]

    def rejoined() -> bool:
        manager = cluster.served.state(1)
        return manager["generation"] > ring and manager["members"] == [1, 2, 3]

    cluster.daemons[1].send(signal.SIGSTOP)
    cluster.ctl("kill", node=3)
    cluster.ctl("start", node=3)
    cluster.wait_for("the manager has node 3 again", rejoined)
    cluster.daemons[1].send(signal.SIGCONT)

    cluster.wait_log(1, "left and came back")
    cluster.wait_nodes(1, [1, 2, 3])
    assert cluster.inodes(1) == before


@pytest.mark.row("start-adopt")
def test_restart_adopts_and_mends_only_what_differs(cluster: ProcessCluster) -> None:
    """start-adopt: what changed while the daemon was away is caught up; the rest is not touched."""
    before = cluster.inodes(1)
    assert cluster.daemons[1].stop() == 0
    assert sorted(cluster.table(1)) == ["node1", "node2", "node3"]
    cluster.ctl("leave", node=3)
    cluster.wait_nodes(2, [1, 2])

    cluster.run(1)

    cluster.wait_nodes(1, [1, 2])
    assert cluster.inodes(1) == {name: before[name] for name in ("node1", "node2")}


@pytest.mark.row("pinned")
def test_pinned_removal_waits_for_the_unpin(cluster: ProcessCluster) -> None:
    """pinned: EBUSY makes the removal pending, others go on, and the unpin ends it."""
    cluster.ctl("pin", node=1, name="node3")
    cluster.ctl("kill", node=3)

    pending = cluster.wait_pending(1, "node3", "pinned")
    cluster.wait_nodes(2, [1, 2])
    assert (pending["step"], pending["errno"]) == ("remove-node", "EBUSY")
    assert "node3" in cluster.table(1)

    cluster.ctl("unpin", node=1, name="node3")
    cluster.wait_nodes(1, [1, 2])


@pytest.mark.row("back-again")
def test_back_again_drops_a_pending_removal(cluster: ProcessCluster) -> None:
    """back-again: the node returns, and its old entry is right again."""
    before = cluster.inodes(1)
    cluster.ctl("pin", node=1, name="node3")
    cluster.ctl("kill", node=3)
    cluster.wait_pending(1, "node3", "pinned")

    cluster.ctl("start", node=3)

    cluster.wait_nodes(1, [1, 2, 3])
    assert cluster.inodes(1) == before


@pytest.mark.row("hold")
def test_hold_keeps_configfs_alone_until_its_command_ends(cluster: ProcessCluster) -> None:
    """hold: no step while `o2cbd hold` runs; what differs then is applied on release."""
    holder = cluster.o2cbd_beside(1, "hold", "--", "cat")
    cluster.wait_state(1, "held")
    cluster.ctl("leave", node=3)
    cluster.wait_nodes(2, [1, 2])

    status = cluster.wait_for("the removal waits", lambda: _held(cluster))
    assert status["hold"]["pid"] == holder.pid
    assert "node3" in cluster.table(1)

    assert release(holder) == 0
    cluster.wait_nodes(1, [1, 2])


def _held(cluster: ProcessCluster) -> dict[str, Any] | None:
    status = cluster.status(1) or {"pending": []}
    return status if any(item["why"] == "held" for item in status["pending"]) else None


@pytest.mark.row("semaphore-command")
def test_hold_of_a_killed_holder_ends(cluster: ProcessCluster) -> None:
    """The kernel gives a dead holder's semaphore back."""
    holder = cluster.o2cbd_beside(1, "hold", "--", "cat")
    cluster.wait_state(1, "held")
    holder.kill()
    holder.wait(DEADLINE_S)
    cluster.wait_state(1, "synced")


def test_second_hold_gives_up_at_its_timeout(cluster: ProcessCluster) -> None:
    """75 and the holder's pid, for who did not get it in time."""
    holder = cluster.o2cbd_beside(1, "hold", "--", "cat")
    cluster.wait_state(1, "held")

    late = cluster.o2cbd(1, "hold", "--timeout", "0.1", "--", "true")

    assert late.returncode == 75
    assert f"process {holder.pid}" in late.stderr
    assert release(holder) == 0


@pytest.mark.row("replace")
def test_changed_address_replaces_the_entry(cluster: ProcessCluster) -> None:
    """replace: a member's new address is in the others' tables, in a new entry."""
    before = cluster.inodes(1)
    cluster.ctl("address", node=3, addresses=["10.0.0.33"])
    # cman tells nobody of it before the node joins again.
    cluster.ctl("leave", node=3)
    cluster.wait_nodes(1, [1, 2])
    cluster.ctl("start", node=3)

    new = Row(num=3, address="10.0.0.33", port=7777, local=False)
    cluster.wait_for("node 1 has the new address", lambda: cluster.table(1).get("node3") == new)
    after = cluster.wait_nodes(2, [1, 2, 3])
    assert after["node3"].address == "10.0.0.33"
    assert cluster.inodes(1)["node1"] == before["node1"]


@pytest.mark.row("resync")
def test_address_changed_under_a_member_is_found_by_the_resync(make_cluster: Any) -> None:
    """replace: a difference that nobody announced is found, and the entry made anew."""
    cluster = make_cluster()
    cluster.settings(1, "[timing]\nresync_s = 0.2")
    cluster.run(1)
    cluster.wait_nodes(1, [1, 2, 3])
    before = cluster.inodes(1)

    cluster.ctl("address", node=3, addresses=["10.0.0.33"])

    new = Row(num=3, address="10.0.0.33", port=7777, local=False)
    cluster.wait_for("node 1 has the new address", lambda: cluster.table(1).get("node3") == new)
    cluster.wait_nodes(1, [1, 2, 3])
    after = cluster.inodes(1)
    assert after["node3"] != before["node3"]
    assert [after[name] for name in ("node1", "node2")] == [
        before[name] for name in ("node1", "node2")
    ]


@pytest.mark.row("manager-lost")
def test_crashed_manager_leaves_the_tables_and_is_waited_for(cluster: ProcessCluster) -> None:
    """manager-lost: state lost, tables stay, and its return is noticed."""
    before = cluster.inodes(1)
    cluster.ctl("cman-crash", node=1)
    cluster.wait_state(1, "lost")
    assert sorted(cluster.table(1)) == ["node1", "node2", "node3"]

    cluster.ctl("cman-start", node=1)

    cluster.wait_nodes(1, [1, 2, 3])
    assert cluster.inodes(1) == before


@pytest.mark.row("manager-stuck")
def test_stuck_manager_is_named_and_its_return_noticed(make_cluster: Any) -> None:
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


@pytest.mark.row("sigterm")
def test_sigterm_ends_a_daemon_whose_manager_is_stuck(make_cluster: Any) -> None:
    """sigterm: after its grace and with 0, whatever the library does."""
    cluster = make_cluster()
    cluster.settings(1, "[timing]\nresync_s = 0.2\nstuck_after_s = 0.3")
    daemon = cluster.run(1)
    cluster.wait_nodes(1, [1, 2, 3])
    cluster.ctl("cman-stop", node=1)
    cluster.wait_state(1, "stuck")

    assert daemon.stop() == 0
    assert "ending without the agent, which is stuck in cman_" in daemon.log
    assert sorted(cluster.table(1)) == ["node1", "node2", "node3"]
    assert cluster.status(1) is None


@pytest.mark.row("kill-9")
@pytest.mark.parametrize(
    "call", ["mkdir:1", "mkdir:2", "mkdir:3", "write:ipv4_port:2", "write:ipv4_address:2",
             "write:num:1", "write:num:2", "write:local:1"],
)  # fmt: skip
def test_killed_daemon_converges_after_its_restart(make_cluster: Any, call: str) -> None:
    """kill-9: at any call of an add; the next start finishes, and touches no right entry."""
    cluster = make_cluster()
    cluster.ctl("crash-daemon-at", node=1, call=call)
    assert cluster.run(1).wait() == -signal.SIGKILL
    complete = {
        name: cluster.inodes(1)[name] for name, row in cluster.table(1).items() if row.num != 0
    }

    cluster.run(1)

    cluster.wait_nodes(1, [1, 2, 3])
    after = cluster.inodes(1)
    assert {name: after[name] for name in complete} == complete


@pytest.mark.row("vote-once")
def test_shutdown_is_granted_while_nothing_is_in_use(cluster: ProcessCluster) -> None:
    """vote-facts: an idle node says yes, and configfs stays."""
    answer = cluster.ctl("shutdown", node=1)

    assert answer["allowed"] is True
    status = cluster.wait_state(1, "lost")
    assert (status["vote"]["answer"], status["vote"]["forced"]) == ("yes", False)
    assert sorted(cluster.table(1)) == ["node1", "node2", "node3"]


@pytest.mark.row("vote-facts")
def test_shutdown_is_refused_while_mounted_and_granted_after(cluster: ProcessCluster) -> None:
    """vote-facts: a mounted volume says no, with the reason; after umount it is yes."""
    cluster.ctl("mount", node=1)

    refused = cluster.ctl("shutdown", node=1)

    assert (refused["allowed"], refused["errno"]) == (False, "EBUSY")
    vote = (cluster.status(1) or {})["vote"]
    assert vote["answer"] == "no"
    assert "heartbeat runs in" in vote["reason"]

    cluster.ctl("umount", node=1)
    assert cluster.ctl("shutdown", node=1)["allowed"] is True


@pytest.mark.row("vote-forced")
def test_forced_shutdown_is_answered_and_its_answer_known_to_be_ignored(
    cluster: ProcessCluster,
) -> None:
    """vote-forced: the same answer, and the log says that it will not be heeded."""
    cluster.ctl("mount", node=1)

    answer = cluster.ctl("shutdown", node=1, force=True)

    assert answer["allowed"] is True
    log = cluster.wait_log(1, "the shutdown is forced, so the answer will not be heeded")
    assert "asked whether the cluster may shut down: no, heartbeat runs in" in log


@pytest.mark.row("sigterm")
def test_sigterm_while_in_use_warns_that_nobody_vetoes(cluster: ProcessCluster) -> None:
    """sigterm: the tables stay, and the log tells what is lost with the daemon."""
    cluster.ctl("mount", node=1)

    assert cluster.daemons[1].stop() == 0
    assert "from now on nobody vetoes a shutdown" in cluster.daemons[1].log
    assert sorted(cluster.table(1)) == ["node1", "node2", "node3"]


@pytest.mark.row("inquorate")
def test_inquorate_node_keeps_the_lost_ones(cluster: ProcessCluster) -> None:
    """inquorate: the minority removes nobody; the majority does; healing ends both."""
    before = cluster.inodes(3)
    cluster.ctl("partition", groups="1,2/3")

    for name in ("node1", "node2"):
        cluster.wait_pending(3, name, "inquorate")
    cluster.wait_nodes(1, [1, 2])
    assert sorted(cluster.table(3)) == ["node1", "node2", "node3"]

    cluster.ctl("heal")
    for node_id in (1, 2, 3):
        cluster.wait_nodes(node_id, [1, 2, 3])
    assert cluster.inodes(3) == before


@pytest.mark.row("two-node")
def test_forget_lets_a_node_of_two_go(make_cluster: Any) -> None:
    """two-node: the removal waits until the operator vouches for the node being down."""
    cluster = make_cluster(topology=TWO_NODES)
    for node_id in (1, 2):
        cluster.run(node_id)
    for node_id in (1, 2):
        cluster.wait_nodes(node_id, [1, 2])
    assert cluster.o2cbd(1, "forget", "node2").returncode == 64

    cluster.ctl("kill", node=2)
    cluster.wait_pending(1, "node2", "two-node")
    forgotten = cluster.o2cbd(1, "forget", "node2")

    assert (forgotten.returncode, forgotten.stdout) == (0, "o2cbd takes node node2 for down\n")
    cluster.wait_nodes(1, [1])


@pytest.mark.row("second-instance")
def test_second_daemon_on_a_configfs_is_refused(cluster: ProcessCluster) -> None:
    """second-instance: 73, who has it, and the first goes on."""
    first = cluster.daemons[1]
    other = cluster.directory / "other-run"

    second = cluster.run_second(1, "--runtime-dir", str(other))

    assert second.wait() == 73
    assert f"config/cluster is locked by process {first.process.pid}" in second.log
    assert cluster.wait_nodes(1, [1, 2, 3])


@pytest.mark.row("second-instance")
def test_second_daemon_in_a_runtime_directory_is_refused(cluster: ProcessCluster) -> None:
    """second-instance: 73, and the first one's control socket lives."""
    first = cluster.daemons[1]

    second = cluster.run_second(1, "--configfs", "/proc")

    assert second.wait() == 73
    assert f"run/lock is locked by process {first.process.pid}" in second.log
    assert cluster.wait_nodes(1, [1, 2, 3])


def test_killed_daemon_blocks_no_successor(cluster: ProcessCluster) -> None:
    """The locks and the stale socket of a killed daemon are in nobody's way."""
    cluster.daemons[1].stop(signal.SIGKILL)

    cluster.run(1)

    cluster.wait_nodes(1, [1, 2, 3])


@pytest.mark.row("cluster-name")
def test_wrong_cluster_name_ends_the_start(make_cluster: Any) -> None:
    """cluster-name: 78, and nothing is touched."""
    cluster = make_cluster()

    daemon = cluster.run(1, "--cluster", "other")

    assert daemon.wait() == 78
    assert "the cluster manager's cluster is 'o2' and not 'other'" in daemon.log
    assert not cluster.cluster_directory(1).exists()


def test_wait_ends_when_all_is_as_asked(cluster: ProcessCluster) -> None:
    """0 at once when it is so; 75 and what is missing at the time-out."""
    good = cluster.o2cbd(
        1, "wait", "--in-sync", "--quorate", "--nodes", "3", "--settle", "0.2", "--timeout", "20"
    )
    late = cluster.o2cbd(1, "wait", "--nodes", "4", "--timeout", "0.2")

    assert (good.returncode, good.stderr) == (0, "")
    assert (late.returncode, late.stderr) == (
        75,
        "o2cbd: the time is over: 3 of 4 nodes in the table\n",
    )


def test_wait_sees_a_daemon_that_comes_later(make_cluster: Any) -> None:
    """A wait may begin before the daemon; without one it ends with 69."""
    cluster = make_cluster()
    assert cluster.o2cbd(1, "wait", "--in-sync", "--timeout", "0.1").returncode == 69
    waiting = cluster.o2cbd_beside(1, "wait", "--in-sync", "--nodes", "3", "--timeout", "30")
    cluster.run(1)

    assert waiting.wait(DEADLINE_S) == 0


def test_plan_without_a_daemon_reads_and_touches_nothing(make_cluster: Any) -> None:
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
