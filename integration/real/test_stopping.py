"""Stopping corosync or the machine ends in the right order: file system first, nobody is fenced."""

from __future__ import annotations

import re

from fakecluster.arms.values import Span
from integration.inside.volume import SHARED
from integration.packages import CHECKOUT
from integration.real.conftest import Operate
from integration.real.operator import ALL, Operator

UNIT = "srv-volume.mount"
MANUAL = CHECKOUT / "docs" / "installing.md"
STOP_TIMEOUT_S = 300


def manuals_options() -> str:
    """The options of the line for fstab that the manual gives."""
    found = re.findall(r"^\S+ \S+ ocfs2 (\S+) 0 0$", MANUAL.read_text("utf-8"), re.MULTILINE)
    (options,) = found
    return str(options)


def prepared(operator: Operator, host: int) -> None:
    """A node with the volume in its fstab, as the manual says, and all its units on."""
    guest = operator.cluster.lab.guest(host)
    operator.cluster.tell(host, "mkdir", "-p", str(SHARED.mount_point))
    guest.put("/etc/fstab", f"{SHARED.disk} {SHARED.mount_point} ocfs2 {manuals_options()} 0 0\n")
    operator.cluster.tell(host, "systemctl", "daemon-reload")


def test_stopping_corosync_unmounts_first(operate: Operate) -> None:
    """The mount requires corosync, so systemd ends it before; the tables stay; nobody is reset."""
    operator = operate()
    cluster = operator.cluster
    operator.own_unit()
    for host in ALL:
        prepared(operator, host)
    operator.start_and_wait()
    cluster.make_volume(1)
    for host in ALL:
        cluster.lab.guest(host).check(["systemctl", "start", UNIT], timeout_s=STOP_TIMEOUT_S)
        assert operator.is_mounted(host)

    cluster.lab.guest(3).check(["systemctl", "stop", "corosync.service"], timeout_s=STOP_TIMEOUT_S)

    assert not operator.is_mounted(3)
    cluster.in_sync(1, 2, nodes=(1, 2))
    assert cluster.has(3, "node1", "node2", "node3")
    assert [host for host in ALL if not cluster.lab.alive(host)] == []
    cluster.judge()


def test_restarting_the_daemon_never_unmounts(operate: Operate) -> None:
    """What waits for it at boot does not end with it."""
    operator = operate()
    cluster = operator.cluster
    operator.own_unit()
    prepared(operator, 1)
    operator.start_and_wait()
    cluster.make_volume(1)
    cluster.lab.guest(1).check(["systemctl", "start", UNIT], timeout_s=STOP_TIMEOUT_S)

    operator.restart(1)

    assert operator.is_mounted(1)
    cluster.tell(1, "systemctl", "stop", "o2cbd.service")
    assert operator.is_mounted(1)
    cluster.tell(1, "systemctl", "start", "o2cbd.service")
    cluster.in_sync(*ALL, nodes=ALL)


def test_power_off_ends_in_the_right_order(operate: Operate) -> None:
    """Unmounted, then left: the others need wait for no heartbeat, and nobody is fenced."""
    operator = operate()
    cluster = operator.cluster
    operator.own_unit()
    for host in ALL:
        prepared(operator, host)
    operator.start_and_wait()
    cluster.make_volume(1)
    for host in ALL:
        cluster.lab.guest(host).check(["systemctl", "start", UNIT], timeout_s=STOP_TIMEOUT_S)

    operator.power_off(3)

    assert "o2quo" not in cluster.lab.machines[3].console_text()
    cluster.in_sync(1, 2, nodes=(1, 2), within=Span.LATER)
    assert [operator.is_mounted(host) for host in (1, 2)] == [True, True]
    cluster.judge()
