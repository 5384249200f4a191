"""A simulated world's trace file: its header."""

from __future__ import annotations

from collections.abc import Mapping

from fakecluster.sim.world import World
from o2cbd.core.records import Header, Value
from o2cbd.core.trace_recorder import traced_rules


def header_of(world: World, options: Mapping[str, Value] | None = None) -> Header:
    """Return the header of a world's trace; make it before anything happens.

    Args:
        world: nothing has run in it yet.
        options: whatever else repeats the run.
    """
    return Header(
        cluster=world.engine.cluster,
        nodes=tuple(sorted((host.id, host.name) for host in world.hosts.values())),
        arm="sim",
        seed=world.seed,
        rules=traced_rules(world.rules),
        options=options or {},
    )
