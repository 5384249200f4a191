"""A pocket host whose daemon is at rest, and the steps of its nodes."""

from __future__ import annotations

from typing import Final

from fakecluster.pocket.bench import Bench
from fakecluster.pocket.examples import CLUSTER, membership, node
from o2cbd.core.events import ShutdownAsked, StateChange
from o2cbd.core.model import AddNode, CreateCluster, Region, RemoveNode, SetAttribute, State
from o2cbd.core.rules import SECOND_US, Rules

RESYNC_US: Final = 30 * SECOND_US
REGION: Final = Region(name="R1", pid=9)
NOTICE: Final = StateChange(quorate=True)
ASKED: Final = ShutdownAsked(forced=False, removed=False)
CREATE: Final = CreateCluster(cluster=CLUSTER)
LOCAL: Final = SetAttribute(cluster=CLUSTER, node="n1", attribute="local", value="1")


def add(number: int, **changes: object) -> AddNode:
    """The step that adds a node of the examples."""
    return AddNode(cluster=CLUSTER, node=node(number, **changes))


def remove(number: int) -> RemoveNode:
    """The step that removes it."""
    return RemoveNode(cluster=CLUSTER, node=f"n{number}")


def filled(*numbers: int, rules: Rules | None = None) -> Bench:
    """A host whose tables hold these nodes, all members, with the daemon at rest.

    Raises:
        RuntimeError: the daemon does not come to rest in sync.
    """
    bench = Bench(membership(*numbers), rules)
    bench.settle()
    if bench.status.state is not State.SYNCED:
        raise RuntimeError(f"the daemon is at rest and {bench.status.state.value}")
    bench.kernel.journal.clear()
    bench.told.clear()
    return bench


def notice(bench: Bench) -> None:
    """Let the manager tell of a change, and everything come to rest."""
    bench.manager.notices.append(NOTICE)
    bench.settle()
