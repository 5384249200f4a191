"""The story that the demo tells: acts of verbs, each with what must be true at its end."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import Topology
from fakecluster.sim.world import World
from o2cbd.core.model import State, Why
from o2cbd.core.rules import SECOND_US

NODES = 5
DEAD_THRESHOLD = 5
"""Five intervals of two seconds: a death shows on the disk after 10 s."""

TIMINGS = Timings(token_ms=1000, consensus_ms=1200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something is done, time passes, something must be true."""

    title: str
    """For the reader: what happens and what to look for."""
    do: Callable[[World], object]
    expect: Callable[[World], bool]
    within_us: int
    """Virtual time until `expect` must hold."""
    linger_us: int = SECOND_US // 2
    """Virtual time to look at the result."""


def new_world(seed: int = 0) -> World:
    """Make the demo's cluster; nothing runs yet."""
    topology = Topology.of(NODES, cluster="demo")
    return World(topology, timings=TIMINGS, dead_threshold=DEAD_THRESHOLD, seed=seed)


def acts() -> Sequence[Act]:
    """Return the whole story, in order."""
    everyone = range(1, NODES + 1)
    return (
        *(_join(node_id) for node_id in everyone),
        Act(
            title="nodes 1, 2 and 3 mount the shared volume",
            do=_mount_three,
            expect=lambda world: world.disk.live_nums(1) == frozenset({1, 2, 3}),
            within_us=SECOND_US,
        ),
        Act(
            title="node 3 loses power: cman notices first, the disk heartbeat still pins it",
            do=lambda world: world.kill(3),
            expect=lambda world: all(_pinned(world, node_id, "node3") for node_id in (1, 2)),
            within_us=6 * SECOND_US,
            linger_us=SECOND_US,
        ),
        Act(
            title="the disk heartbeat declares node 3 dead: the waiting removal is done",
            do=lambda _world: None,
            expect=lambda world: _tables(world, (1, 2, 4, 5), (1, 2, 4, 5)),
            within_us=12 * SECOND_US,
        ),
        Act(
            title="node 3 comes back",
            do=lambda world: world.start(3),
            expect=lambda world: _tables(world, everyone, everyone),
            within_us=6 * SECOND_US,
        ),
        Act(
            title="the kernel of node 4 pins node 5, and node 5 leaves: 4 must wait",
            do=_pin_and_leave,
            expect=lambda world: (
                _pinned(world, 4, "node5") and _tables(world, (1, 2, 3), (1, 2, 3, 4))
            ),
            within_us=4 * SECOND_US,
            linger_us=SECOND_US,
        ),
        Act(
            title="unpinned: the removal is done within a second",
            do=lambda world: world.unpin(4, "node5"),
            expect=lambda world: _tables(world, (1, 2, 3, 4), (1, 2, 3, 4)),
            within_us=SECOND_US,
        ),
        Act(
            title="node 5 returns",
            do=lambda world: world.start(5),
            expect=lambda world: _tables(world, everyone, everyone),
            within_us=6 * SECOND_US,
        ),
        Act(
            title="partition 1,2,3 / 4,5: the half without quorum removes nobody",
            do=lambda world: world.partition((1, 2, 3), (4, 5)),
            expect=lambda world: (
                _tables(world, (1, 2, 3), (1, 2, 3))
                and _tables(world, (4, 5), everyone)
                and all(_inquorate(world, node_id) for node_id in (4, 5))
            ),
            within_us=6 * SECOND_US,
            linger_us=SECOND_US,
        ),
        Act(
            title="healed: the halves merge, everybody is everywhere again",
            do=lambda world: world.heal(),
            expect=lambda world: _tables(world, everyone, everyone),
            within_us=6 * SECOND_US,
        ),
        Act(
            title="shutdown of node 1 is asked while it has the volume mounted: refused",
            do=lambda world: world.shutdown(1),
            expect=lambda world: world.shutdown_result(1) == errno.EBUSY,
            within_us=6 * SECOND_US,
            linger_us=SECOND_US,
        ),
        Act(
            title="node 1 unmounts and is asked again: granted, it leaves, the others let it go",
            do=_umount_and_ask,
            expect=lambda world: (
                world.shutdown_result(1) == 0 and _tables(world, (2, 3, 4, 5), (2, 3, 4, 5))
            ),
            within_us=6 * SECOND_US,
        ),
    )


def _join(node_id: int) -> Act:
    so_far = range(1, node_id + 1)
    return Act(
        title=f"node {node_id} joins",
        do=lambda world: world.start(node_id),
        expect=lambda world: _tables(world, so_far, so_far),
        within_us=4 * SECOND_US,
        linger_us=SECOND_US // 4,
    )


def _mount_three(world: World) -> None:
    for node_id in (1, 2, 3):
        world.mount(node_id)


def _pin_and_leave(world: World) -> None:
    world.pin(4, "node5")
    world.leave(5)


def _umount_and_ask(world: World) -> None:
    world.umount(1)
    world.shutdown(1)


def _tables(world: World, hosts: Sequence[int], nodes: Sequence[int]) -> bool:
    """True when each of the hosts has exactly these nodes in its kernel."""
    names = tuple(f"node{node_id}" for node_id in sorted(nodes))
    return all(world.table(host) == names for host in hosts)


def _waits(world: World, host: int, why: Why, name: str | None = None) -> bool:
    status = world.hosts[host].status
    return status is not None and any(
        one.why is why and name in {None, one.node} for one in status.pending
    )


def _pinned(world: World, host: int, name: str) -> bool:
    return _waits(world, host, Why.PINNED, name)


def _inquorate(world: World, host: int) -> bool:
    return _waits(world, host, Why.INQUORATE)


def in_sync(world: World) -> bool:
    """True when every daemon that runs says so, and all their tables are one."""
    statuses = [host.status for host in world.hosts.values()]
    running = [one for one in statuses if one is not None and one.state is not State.LOST]
    return all(one.state is State.SYNCED for one in running) and (
        len({one.fingerprint for one in running}) == 1
    )
