"""A volume on three kernels, whose tables only o2cbd has written."""

from __future__ import annotations

import pytest

from fakecluster.arms.values import Span
from integration.real.conftest import Operate
from integration.real.operator import ALL
from integration.real.workload import Workload
from o2cbd.core.model import Why

NAMES = ("node1", "node2", "node3")


def test_three_nodes_mount_at_once_after_waiting(operate: Operate) -> None:
    """One `o2cbd wait` on each node, then one mount on each, at the same time: all succeed."""
    operator = operate()
    cluster = operator.cluster
    operator.start_and_wait()

    operator.mount_all()

    operator.write(1, "greeting", "from the first")
    assert [operator.read(host, "greeting") for host in (2, 3)] == ["from the first"] * 2
    assert len({cluster.fingerprint(host) for host in ALL}) == 1
    cluster.in_sync(*ALL, nodes=ALL)
    cluster.judge()


@pytest.mark.smoke
def test_survivors_go_on_when_a_node_dies_under_load(operate: Operate) -> None:
    """pinned: the dead node's entry goes when the disk heartbeat lets go; it comes back."""
    operator = operate()
    cluster = operator.cluster
    operator.start_and_wait()
    operator.mount_all()
    loads = {host: Workload.begun(cluster, host) for host in ALL}
    for host in ALL:
        cluster.eventually(f"node {host} writes", loads[host].goes_on)

    with cluster.untouched(1, "node1", "node2"), cluster.untouched(2, "node1", "node2"):
        cluster.kill(3)
        for host in (1, 2):
            cluster.waits(host, "node3", Why.PINNED)
        cluster.in_sync(1, 2, nodes=(1, 2), within=Span.LATER)
        for host in (1, 2):
            assert loads[host].goes_on() or loads[host].written
            cluster.eventually(f"node {host} writes again", loads[host].goes_on, within=Span.LATER)

    cluster.start(3)
    cluster.in_sync(*ALL, nodes=ALL)
    cluster.mount(3)
    assert loads[3].right_blocks_on(3) >= loads[3].lost_with_its_host()
    for host in (1, 2):
        assert loads[host].end() == loads[host].right_blocks_on(3)
    cluster.judge()


def test_a_node_that_is_cut_off_fences_itself(operate: Operate) -> None:
    """inquorate, pinned: o2cb's own quorum resets the one; the others go on, and it comes back."""
    operator = operate(settings="[cluster]\nidle_timeout_ms = 10000\nkeepalive_delay_ms = 2000")
    cluster = operator.cluster
    operator.start_and_wait()
    operator.mount_all()
    load = Workload.begun(cluster, 1)

    cluster.partition((1, 2), (3,))
    operator.wait_reset(3)

    cluster.in_sync(1, 2, nodes=(1, 2), within=Span.LATER)
    assert [host for host in (1, 2) if not cluster.lab.alive(host)] == []
    load.goes_on()
    cluster.eventually("node 1 writes again", load.goes_on, within=Span.LATER)
    cluster.heal()
    cluster.start(3)
    cluster.in_sync(*ALL, nodes=ALL)
    cluster.mount(3)
    assert load.end() == load.right_blocks_on(3)


def test_all_nodes_reboot_in_turn_under_a_checksummed_workload(operate: Operate) -> None:
    """sigterm, vote-facts: not one byte is lost, and the file system is clean in the end."""
    operator = operate()
    cluster = operator.cluster
    operator.own_unit()
    operator.start_and_wait()
    operator.mount_all()
    loads = {host: Workload.begun(cluster, host) for host in ALL}

    for host in ALL:
        others = [each for each in ALL if each != host]
        cluster.eventually(f"node {host} writes", loads[host].goes_on, within=Span.LATER)
        loads[host].end()
        operator.power_off(host)
        cluster.in_sync(*others, nodes=others, within=Span.LATER)
        for each in others:
            loads[each].goes_on()
            cluster.eventually(f"node {each} writes on", loads[each].goes_on, within=Span.LATER)
        cluster.start(host)
        cluster.in_sync(*ALL, nodes=ALL, within=Span.LATER)
        cluster.mount(host)
        loads[host] = Workload.begun(cluster, host)

    for host, load in loads.items():
        cluster.eventually(f"node {host} writes", load.goes_on, within=Span.LATER)
    written = {host: load.end() for host, load in loads.items()}
    for host, load in loads.items():
        assert [load.right_blocks_on(each) for each in ALL] == [written[host]] * len(ALL)
    for host in ALL:
        cluster.umount(host)
    assert operator.fsck(1) == 0
    cluster.judge()
