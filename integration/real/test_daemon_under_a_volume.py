"""The daemon comes and goes under a mounted volume, looked after by systemd and by apt."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from integration.arm.suite import built_packages
from integration.real.conftest import Operate
from integration.real.operator import ALL, Operator
from integration.real.workload import Workload


def killed(operator: Operator) -> None:
    operator.cluster.daemon_kill(1)


def restarted(operator: Operator) -> None:
    operator.restart(1)


def upgraded(operator: Operator) -> None:
    before = operator.installed_version(1)
    operator.upgrade(1, built_packages("+1"))
    assert operator.installed_version(1) == f"{before}+1"


@pytest.mark.parametrize("goes", [killed, restarted, upgraded])
def test_not_one_entry_is_touched(operate: Operate, goes: Callable[[Operator], None]) -> None:
    """kill-9, start-adopt: a new daemon follows, inotify sees no change, and the load goes on."""
    operator = operate()
    cluster = operator.cluster
    operator.own_unit()
    operator.start_and_wait()
    operator.mount_all()
    load = Workload.begun(cluster, 1)
    before, first = cluster.calls(1), operator.daemon_pid(1)

    with cluster.untouched(1, "node1", "node2", "node3"):
        goes(operator)
        cluster.eventually(
            "systemd has another daemon", lambda: operator.daemon_pid(1) not in {"0", first}
        )
        cluster.in_sync(*ALL, nodes=ALL)

    assert cluster.calls(1) == before
    assert operator.is_mounted(1)
    load.goes_on()
    cluster.eventually("node 1 writes on", load.goes_on)
    assert load.end() == load.right_blocks_on(2)
    cluster.judge()
