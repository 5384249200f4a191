"""cluster.conf as the membership of real kernels: a node comes and goes under mounts."""

from __future__ import annotations

import json

import pytest

from fakecluster.arms.values import Span
from integration.arm.managers import COROSYNC_MANAGER
from integration.arm.vm import UNIT
from integration.conversation import CommandResult
from integration.lab.identity import Identity
from integration.real.conftest import Operate
from integration.real.operator import ALL, Operator
from o2cbd import clusterconf
from o2cbd.clusterconf import FileCluster, FileNode

FILE = "/etc/ocfs2/cluster.conf"
SETTINGS = '[membership]\nsource = "static"\n[cluster]\ndead_threshold = 7\n'
TIMEOUT_S = 300
WAIT = ("o2cbd", "wait", "--in-sync", "--quorate", "--timeout", "1")


def node(host: int) -> FileNode:
    """Numbered from 0, as ocfs2-tools do."""
    return FileNode(
        name=f"node{host}", num=host - 1, address=Identity(number=host).address, port=7777
    )


def write(operator: Operator, *hosts: int) -> None:
    """Put the same file on every node."""
    text = clusterconf.render(FileCluster(name="o2", nodes=tuple(map(node, hosts))))
    for host in ALL:
        operator.cluster.tell(host, "mkdir", "-p", "/etc/ocfs2")
        operator.cluster.lab.guest(host).put(FILE, text)


def run(operator: Operator, host: int, *argv: str) -> CommandResult:
    """Run a command, and return how it ended."""
    return operator.cluster.lab.guest(host).run(argv, timeout_s=TIMEOUT_S)


def table(operator: Operator, host: int) -> set[tuple[str, int]]:
    """The kernel's, by names and nums."""
    status = json.loads(operator.cluster.tell(host, "o2cbd", "status", "--json"))
    assert (status["state"], status["quorum"]) == ("synced", "none")
    return {(each["name"], each["num"]) for each in status["nodes"]}


def in_sync(operator: Operator, *hosts: int, nodes: tuple[int, ...]) -> None:
    """Wait until these nodes are the table of those hosts."""
    wanted = {(f"node{each}", each - 1) for each in nodes}

    def all_have_them() -> bool:
        return all(
            run(operator, host, *WAIT).rc == 0 and table(operator, host) == wanted for host in hosts
        )

    operator.cluster.eventually(
        f"nodes {hosts} have nodes {nodes}", all_have_them, within=Span.LATER
    )


@pytest.mark.one_arm(COROSYNC_MANAGER.arm, "a static membership has no manager")
def test_a_node_comes_and_goes_by_one_file_under_mounts(operate: Operate) -> None:
    """Nothing is restarted or mounted anew on the others; then its kernel is flushed."""
    operator = operate()
    cluster = operator.cluster
    operator.own_unit()
    for host in ALL:
        cluster.tell(host, "systemctl", "stop", "corosync.service")
        cluster.lab.guest(host).put("/etc/o2cbd/o2cbd.toml", SETTINGS)
    write(operator, 1, 2)
    for host in ALL:
        cluster.tell(host, "systemctl", "start", "--no-block", UNIT)
    in_sync(operator, 1, 2, nodes=(1, 2))
    for host in (1, 2):
        cluster.mount(host)

    write(operator, 1, 2, 3)
    in_sync(operator, *ALL, nodes=(1, 2, 3))
    cluster.mount(3)
    operator.write(3, "greeting", "from the third")
    assert [operator.read(host, "greeting") for host in (1, 2)] == ["from the third"] * 2

    refused = run(operator, 1, "o2cbd", "flush")
    assert refused.rc == 75
    for reason in ("keeps it: systemctl stop o2cbd", "heartbeat region", "is mounted on", "node2"):
        assert reason in refused.err
    exported = clusterconf.parse(cluster.tell(1, "o2cbd", "export").encode())
    assert exported == (FileCluster(name="o2", nodes=tuple(map(node, ALL))),)
    cluster.tell(1, "o2cb", "register-cluster", "o2")
    assert run(operator, 1, "o2cbd", "diff").rc == 0

    cluster.umount(3)
    write(operator, 1, 2)
    in_sync(operator, 1, 2, nodes=(1, 2))
    assert [host for host in ALL if operator.is_mounted(host)] == [1, 2]
    operator.write(1, "greeting", "after the third")
    assert operator.read(2, "greeting") == "after the third"

    cluster.tell(3, "systemctl", "stop", UNIT)
    assert "removed cluster o2 with 3 nodes" in cluster.tell(3, "o2cbd", "flush")
    assert cluster.tell(3, "ls", "/sys/kernel/config/cluster") == ""
    assert "nothing to flush" in cluster.tell(3, "o2cbd", "flush")
