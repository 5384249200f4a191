"""As many nodes as there can be."""

from __future__ import annotations

from fakecluster.arms.suite import MakeCluster, needs
from fakecluster.arms.values import Span
from fakecluster.capabilities import Capability
from o2cbd.core.model import State

MANY = 255


@needs(Capability.MANY_NODES)
def test_255_nodes_joining(make: MakeCluster) -> None:
    """scope-members, left-out: ids 1 to 254 fill the table; for the last there is no num."""
    cluster = make(MANY, daemons_on=(1, 254), down=tuple(range(2, MANY + 1)))
    cluster.daemon_start(1)
    cluster.in_sync(1, nodes=(1,))

    for host in range(2, MANY + 1):
        cluster.start(host, daemon=host == 254)

    for host in (1, 254):
        cluster.leaves_out(host, MANY, "id 255 is not an o2cb number")
        cluster.is_in(host, State.SYNCED, within=Span.LATER)
    cluster.in_sync(1, 254, nodes=range(1, MANY), within=Span.LATER)

    assert cluster.fingerprint(1) == cluster.fingerprint(254)


@needs(Capability.MANY_NODES)
def test_sixteen_hosts_boot_together(make: MakeCluster) -> None:
    """scope-members, order: every host ends with the same table."""
    ids = tuple(range(1, 17))
    cluster = make(16, down=ids, daemons_on=(1, 8, 16))

    for host in ids:
        cluster.start(host, daemon=host in {1, 8, 16})

    cluster.in_sync(1, 8, 16, nodes=ids, within=Span.LATER)
    assert len({cluster.fingerprint(host) for host in (1, 8, 16)}) == 1
