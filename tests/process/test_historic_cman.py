"""What is around a historic cman, with programs that play one: namespaces, mounts, wire, waits."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from fakecluster.arms.cman_managers import CmanManagers
from fakecluster.arms.process_arm import ProcessArm
from fakecluster.arms.values import ClusterSpec
from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology
from fakecluster.cman.wire.codec import NodeStruct, Opcode
from fakecluster.historic.lab import CmanLab, CmanLabError
from fakecluster.historic.root import CmanRoot
from fakecluster.server.child import ctl
from o2cbd.core.model import State

pytestmark = pytest.mark.process

THREE = Topology.of(3)


@pytest.fixture
def root(standin_cman: CmanRoot) -> CmanRoot:
    return standin_cman


@pytest.fixture
def lab(root: CmanRoot, place: Path) -> Iterator[CmanLab]:
    with closing(CmanLab(root, THREE, place / "lab")) as made:
        yield made


def test_places_are_read_out_of_the_programs(root: CmanRoot) -> None:
    assert root.plugin_directories == ("/usr/libexec/lcrso",)
    assert root.corosync_paths == ("/usr/sbin/corosync",)
    assert root.configuration_directories == ("/etc/cluster",)
    assert root.socket_directories == ("/var/run",)


def test_three_nodes_form_a_cluster_and_see_a_death_and_a_return(lab: CmanLab) -> None:
    for node_id in THREE.ids:
        lab.start(node_id)
    lab.settle()
    lab.kill(2)
    assert not lab.runs(2)
    lab.settle()
    lab.start(2)
    lab.settle()


def test_a_host_sees_files_that_this_machine_does_not(lab: CmanLab) -> None:
    seen = lab.host(1).run("ls", "/usr/libexec/lcrso", "/etc/cluster").split()
    assert {"service_cman.lcrso", "cluster.conf"} <= set(seen)
    assert lab.host(1).run("hostname").strip() == "node1"
    assert "10.0.0.3 node3" in lab.host(1).run("cat", "/etc/hosts")
    assert not Path("/etc/cluster/cluster.conf").exists()


def test_a_leave_ends_the_manager(lab: CmanLab) -> None:
    lab.start(1)
    lab.start(2)
    lab.settle()
    lab.leave(1)
    assert not lab.runs(1)
    with pytest.raises(FileNotFoundError):
        lab.client(1)
    lab.settle()


def test_a_manager_that_stands_still_is_found_and_goes_on(lab: CmanLab) -> None:
    lab.start(1)
    lab.stop(1)
    assert lab.stopped(1)
    assert lab.runs(1)
    lab.go_on(1)
    lab.settle()


def test_a_join_that_fails_says_what_was_written(lab: CmanLab) -> None:
    lab.configure([node for node in THREE.nodes if node.id != 3])
    with pytest.raises(CmanLabError, match=r"cman_tool join ended with 1: corosync: no node"):
        lab.start(3)


def test_the_tool_runs_on_a_host(lab: CmanLab) -> None:
    refused = lab.tool(2, "version")
    assert (refused.returncode, refused.stdout) == (
        1,
        "cman_tool: Cannot open connection to cman, is it running ?\n",
    )
    lab.start(2)
    assert lab.tool(2, "version").stdout == "6.2.0 config 1\n"


def test_an_administrator_gets_cmans_errno(lab: CmanLab) -> None:
    lab.start(1)
    with pytest.raises(OSError, match="KILLNODE on node 1") as caught:
        lab.admin(1, Opcode.KILLNODE, (77).to_bytes(4, "little"))
    assert caught.value.errno == errno.EINVAL


def test_a_quorum_disk_is_registered_and_polled(root: CmanRoot, place: Path) -> None:
    topology = replace(THREE, qdisk=QuorumDisk(name="/dev/q", votes=2))
    with closing(CmanLab(root, topology, place / "lab")) as lab:
        lab.start(1)

        def listed() -> list[tuple[bytes, int]]:
            with lab.client(1) as client:
                reply = client.ask(Opcode.GETALLMEMBERS)
            records = [NodeStruct.decode(reply.payload, 440 * each) for each in range(reply.status)]
            return [(each.name, each.state) for each in records if each.node_id == 0]

        lab.until("the disk is there", lambda: listed() == [(b"/dev/q", 2)])
        lab.poll_disk(1, available=False)
        lab.until("the disk is away", lambda: listed() == [(b"/dev/q", 3)])
        assert lab.seen_by(1).keys() == {1}
        assert "quorumd" in lab.host(1).run("cat", "/etc/cluster/cluster.conf")


def test_without_a_quorum_disk_there_is_nothing_to_poll(lab: CmanLab) -> None:
    with pytest.raises(ValueError, match="no quorum disk"):
        lab.poll_disk(1, available=True)


Arm = Callable[..., ProcessArm]


@pytest.fixture
def arm(root: CmanRoot, place: Path, fuse: None) -> Iterator[Arm]:
    """Makes the arm, with real daemons, the root's own libcman.so.3 and simulated kernels."""
    with ExitStack() as stack:

        def make(**spec: object) -> ProcessArm:
            (place / "a").mkdir()
            made = ClusterSpec(topology=THREE, **spec)  # type: ignore[arg-type]
            managers = CmanManagers(root, THREE, place / "a" / "m")
            return stack.enter_context(ProcessArm(made, place / "a", managers))

        yield make


def test_daemons_follow_such_managers(arm: Arm) -> None:
    cluster = arm(down=(3,))
    cluster.up()
    view = cluster.view(1)
    assert view is not None
    assert (view["cluster"], view["local_id"], view["quorate"]) == ("o2", 1, True)
    assert [each["member"] for each in view["listed"]] == [True, True, False]
    cluster.start(3)
    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))
    cluster.kill(3)
    cluster.in_sync(1, 2, nodes=(1, 2))
    cluster.leave(2)
    cluster.is_in(2, State.LOST)
    cluster.cman_start(2)
    cluster.in_sync(1, 2, nodes=(1, 2))
    cluster.judge()


def test_a_shutdown_question_is_answered_by_the_daemon(arm: Arm) -> None:
    cluster = arm(down=(2, 3))
    cluster.daemon_start(1)
    cluster.in_sync(1, nodes=(1,))
    cluster.mount(1)
    assert cluster.outcome(cluster.shutdown(1)) == "EBUSY"
    cluster.umount(1)
    assert cluster.outcome(cluster.shutdown(1)) == "allowed"
    cluster.is_in(1, State.LOST)


def test_a_manager_that_stands_still_makes_a_daemon_stuck(arm: Arm) -> None:
    cluster = arm(down=(2, 3))
    cluster.daemon_start(1)
    cluster.in_sync(1, nodes=(1,))
    cluster.cman_stop(1)
    cluster.is_in(1, State.STUCK)
    cluster.cman_cont(1)
    cluster.in_sync(1, nodes=(1,))


def test_an_added_node_has_a_host_without_power(arm: Arm, place: Path) -> None:
    cluster = arm(down=(3,))
    cluster.up()
    # The cman that is played finds its files in the served cluster, not in cluster.conf.
    ctl(place / "s", "config-newer", node=1)
    cluster.add_node(NodeConfig(id=4, name="node4", addresses=("10.0.0.4",)))
    assert "node4" in cluster.managers.lab.host(1).run("cat", "/etc/cluster/cluster.conf")  # type: ignore[attr-defined]
    assert not cluster.managers.running(4)
