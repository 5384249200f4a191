"""A node comes and a node goes while others write: they are told by a reload and nothing else."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from fakecluster.arms.values import Span
from integration.real.conftest import Operate
from integration.real.operator import ALL, Operator, node_config
from integration.real.workload import Workload

LATE = 4
COROSYNC = "corosync.service"
_REGION_PIDS = "cat /sys/kernel/config/cluster/*/heartbeat/*/pid"


def standing(operator: Operator, host: int) -> tuple[str, ...]:
    """What is another one after a restart or a new mount: both daemons, the heartbeat's thread."""
    corosync = operator.cluster.tell(host, "systemctl", "show", "--property=MainPID", COROSYNC)
    heartbeat = operator.cluster.tell(host, "sh", "-c", _REGION_PIDS)
    return operator.daemon_pid(host), corosync, heartbeat


@pytest.mark.parametrize("leaves", [LATE, 2])
def test_a_node_comes_and_a_node_goes_under_load(operate: Operate, leaves: int) -> None:
    """A fourth is put into corosync.conf, starts and mounts; one leaves and is taken out of it.

    Those that stay are given a file and one reload: the same daemons and the same mount go on, no
    entry is made anew, every byte is read back on another node, and the file system is clean.
    """
    operator = operate()
    cluster = operator.cluster
    operator.start_and_wait()
    operator.mount_all()
    stay = [host for host in (*ALL, LATE) if host != leaves]
    old = [host for host in stay if host != LATE]
    loads = {host: Workload.begun(cluster, host) for host in ALL}
    for host in ALL:
        cluster.eventually(f"node {host} writes", loads[host].goes_on)
    before = {host: standing(operator, host) for host in old}

    with ExitStack() as untouched:
        for host in old:
            untouched.enter_context(cluster.untouched(host, *(f"node{each}" for each in old)))

        cluster.add_node(node_config(LATE))
        cluster.start(LATE)
        cluster.in_sync(*ALL, LATE, nodes=(*ALL, LATE), within=Span.LATER)
        cluster.mount(LATE)
        loads[LATE] = Workload.begun(cluster, LATE)
        for host, load in loads.items():
            load.goes_on()
            cluster.eventually(f"node {host} writes on", load.goes_on, within=Span.LATER)

        written = {leaves: loads[leaves].end()}
        cluster.umount(leaves)
        cluster.leave(leaves)
        cluster.remove_node(leaves)
        cluster.in_sync(*stay, nodes=stay, within=Span.LATER)
        for host in stay:
            loads[host].goes_on()
            cluster.eventually(f"node {host} writes on", loads[host].goes_on, within=Span.LATER)

    assert {host: standing(operator, host) for host in old} == before
    written |= {host: loads[host].end() for host in stay}
    for host, load in loads.items():
        assert [load.right_blocks_on(each) for each in stay] == [written[host]] * len(stay)
    for host in stay:
        cluster.umount(host)
    assert operator.fsck(1) == 0
    cluster.judge()
