"""The arm `process-corosync`: each of its own verbs does what it says, on real corosyncs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fakecluster.arms.corosync_managers import CorosyncManagers
from fakecluster.arms.process_arm import ProcessArm
from fakecluster.arms.values import MISSING, ClusterSpec
from fakecluster.capabilities import Capability, UnsupportedVerbError
from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import Topology
from fakecluster.server.child import ServeFailedError
from o2cbd.core.model import State
from o2cbd.membership.libcorosync_table import CorosyncTable

pytestmark = pytest.mark.process

THREE = Topology.of(3)
Make = Callable[..., ProcessArm]


@pytest.fixture
def make(libcorosync: CorosyncTable, fuse: None, place: Path) -> Iterator[Make]:
    with ExitStack() as stack:

        def make(**spec: object) -> ProcessArm:
            (place / "m").mkdir()
            managers = CorosyncManagers(libcorosync, THREE, place / "m")
            made = ClusterSpec(topology=THREE, **spec)  # type: ignore[arg-type]
            return stack.enter_context(ProcessArm(made, place, managers))

        yield make


def test_a_manager_that_stands_still_is_seen_so(make: Make) -> None:
    cluster = make(down=(2, 3))
    cluster.daemon_start(1)
    cluster.in_sync(1, nodes=(1,))
    cluster.cman_stop(1)
    cluster.is_in(1, State.STUCK)
    assert cluster.judged(1)["stopped"] is True
    assert cluster.view(1) is None
    cluster.cman_crash(1)
    assert cluster.judged(1)["running"] is False
    cluster.is_in(1, State.LOST)


REFUSED: list[tuple[Capability, Callable[[ProcessArm], object]]] = [
    (Capability.FENCING_NOTICE, lambda cluster: cluster.fence(2, by=1)),
    (Capability.QUORUM_DISK, lambda cluster: cluster.qdisk(1, available=True)),
    (Capability.LEAVING_FOR_GOOD, lambda cluster: cluster.leave(1, removed=True)),
    (Capability.LEAVING_FOR_GOOD, lambda cluster: cluster.shutdown(1, remove=True)),
    (Capability.RENAMED_CLUSTER, lambda cluster: cluster.rename_cluster("other")),
    (Capability.NOTICE_FAULTS, lambda cluster: cluster.notice(1, NoticeFault.DROP)),
    (Capability.FAILING_READS, lambda cluster: cluster.fail_read(1, 5)),
    (Capability.SEVERAL_ADDRESSES, lambda cluster: cluster.address(1, "10.0.0.1", "10.1.0.1")),
]


def test_what_corosync_cannot_do_is_refused_and_stands_in_the_list(make: Make) -> None:
    cluster = make(down=(2, 3))
    for capability, verb in REFUSED:
        with pytest.raises(UnsupportedVerbError, match=f"process-corosync .*{capability.value}"):
            verb(cluster)
        assert capability in MISSING["process-corosync"]


def test_no_simulated_cman_runs_beside(make: Make) -> None:
    cluster = make(down=(2, 3))
    with pytest.raises(ServeFailedError, match="served with --no-manager"):
        cluster.processes.ctl("cman-start", node=1)
    assert cluster.host_state(1)["running"] is False
    assert "--membership" not in cluster.processes.served.node(1)["command"]
