"""`simulate`: how much faster than real a simulated cluster runs, and where the time goes."""

from __future__ import annotations

import cProfile
import functools
import pstats
import time
from collections.abc import Callable
from dataclasses import dataclass

from fakecluster.cman.engine import NoticeFault
from fakecluster.cman.topology import Topology
from fakecluster.gc_tuning import collect_less
from fakecluster.sim.world import World
from o2cbd.core.rules import SECOND_US

HOUR_NODES = 3
_JOIN_EVERY_US = 60 * SECOND_US
_SPIN_LOOPS = 2_000_000

PARTS = (
    ("agent", ("o2cbd/core/", "o2cbd/agent.py")),
    ("tree", ("o2cbd/configfs/", "o2cbd/eintr.py", "o2cbd/calls.py", "fakecluster/configfs/")),
    ("manager", ("fakecluster/cman/",)),
    (
        "judges",
        ("fakecluster/oracles/", "fakecluster/sim/liveness.py", "fakecluster/sim/blockers.py"),
    ),
)
"""By which files' functions the time is told apart; what fits none is `rest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """One history."""

    members: int
    history: str
    simulated_s: float
    processor_s: float
    floor_s: float
    """Of the same history without a daemon on any host: what the cluster manager alone costs."""
    host_changes: int
    """So often some host had to follow a change of membership."""
    where: dict[str, float]
    """The share of each part, of a run under a profiler; Python's own functions count where they
    are called from most."""
    spin_ns: float
    """One turn of an empty counting loop, measured in between: how fast this processor was."""

    @property
    def speed(self) -> float:
        """Simulated time by processor time."""
        return self.simulated_s / self.processor_s

    @property
    def host_change_us(self) -> float:
        """Processor time for one change on one host, in microseconds, resyncs included."""
        return self.processor_s * 1e6 / self.host_changes


def simulate(members: int) -> Simulated:
    """Run the history for so many members: an hour of changes for three, else joins.

    Raises:
        RuntimeError: what was simulated was not right, so its speed is worth nothing.
    """
    collect_less()  # as the fakecluster command does
    spins = [_spin_ns()]
    world, processor_s = _timed(members, daemons=True)
    spins.append(_spin_ns())
    wrong = [*world.violations, *world.settle()]
    if wrong:
        raise RuntimeError(f"the simulated cluster is not well: {wrong[:3]}")
    _, floor_s = _timed(members, daemons=False)
    hour = members == HOUR_NODES
    changes = 20 * members if hour else members * (members + 1) // 2
    return Simulated(
        members=members,
        history=history_name(members),
        simulated_s=3600 if hour else members * _JOIN_EVERY_US / SECOND_US,
        processor_s=processor_s,
        floor_s=floor_s,
        host_changes=changes,
        where=_where(members if hour else min(members, 64)),
        spin_ns=sum(spins) / len(spins),
    )


def history_name(members: int) -> str:
    """Return what happens in the history for so many members."""
    return "an hour, 20 changes" if members == HOUR_NODES else "joins, notices doubled"


def prepared(members: int, *, daemons: bool = True) -> tuple[World, Callable[[], None]]:
    """Return a world at the beginning of the history for so many members, and what runs it."""
    world = World(Topology.of(members))
    if members != HOUR_NODES:
        return world, functools.partial(_joins, world, daemons=daemons)
    for node_id in world.hosts:
        world.start(node_id, daemon=daemons)
    world.run_for(20 * SECOND_US)
    return world, functools.partial(_hour, world, daemons=daemons)


def _timed(members: int, *, daemons: bool) -> tuple[World, float]:
    world, run = prepared(members, daemons=daemons)
    before_s = time.process_time()
    run()
    return world, time.process_time() - before_s


def _hour(world: World, *, daemons: bool) -> None:
    """Ten times somebody dies and comes back; the cluster stays quorate."""
    for change in range(10):
        node_id = change % HOUR_NODES + 1
        world.kill(node_id)
        world.run_for(170 * SECOND_US)
        world.start(node_id, daemon=daemons)
        world.run_for(190 * SECOND_US)


def _joins(world: World, *, daemons: bool) -> None:
    """One joins each minute, and everybody there hears of it twice."""
    for node_id in world.hosts:
        for other in range(1, node_id):
            world.notice(other, NoticeFault.DUPLICATE, count=2)
        world.start(node_id, daemon=daemons)
        world.run_for(_JOIN_EVERY_US)


def _where(members: int) -> dict[str, float]:
    profile = cProfile.Profile()
    profile.enable()
    _timed(members, daemons=True)
    profile.disable()
    spent: dict[str, float] = {}
    # (file, line, name): (calls, primitive calls, own time, time with callees, callers)
    for (file, _, _), row in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if file.startswith(("~", "<")):
            for (caller, _, _), told in row[4].items():
                spent[_part_of(caller)] = spent.get(_part_of(caller), 0.0) + told[2]
        else:
            spent[_part_of(file)] = spent.get(_part_of(file), 0.0) + row[2]
    whole = sum(spent.values())
    return {name: share / whole for name, share in sorted(spent.items())}


def _part_of(file: str) -> str:
    for name, marks in PARTS:
        if any(mark in file for mark in marks):
            return name
    return "rest"


def _spin_ns() -> float:
    before_s = time.process_time()
    total = 0
    for turn in range(_SPIN_LOOPS):
        total += turn
    return (time.process_time() - before_s) * 1e9 / _SPIN_LOOPS
