"""Runs a scenario: the actions, the end of all faults, the wait for rest, the verdict."""

from __future__ import annotations

import enum
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fakecluster.cman.errors import ManagerStuckError
from fakecluster.cman.outside import OperationError
from fakecluster.cman.topology import TopologyError
from fakecluster.scenario.model import Action, Scenario
from fakecluster.scenario.patience import can_be_calm, patience_us
from fakecluster.sim.world import World
from fakecluster.trace.events import Sink
from fakecluster.trace.file import OUTCOMES

_RESTARTS_MAX = 4
"""Armed crashes may still end a daemon after the faults' end; it is started again so often."""


class Outcome(enum.Enum):
    """How a run ended."""

    GOOD = "good"
    CRASH = "crash"
    """An exception in the daemon or in the simulator."""
    LIVENESS = "liveness"
    """The world did not become as it should be after the faults' end."""
    SAFETY = "safety"
    """Something was done that must never be done."""

    @property
    def code(self) -> int:
        """The exit code that says so."""
        return OUTCOMES[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a run."""

    outcome: Outcome
    findings: tuple[str, ...] = ()
    """What is wrong, in words; empty: nothing."""
    lines: int = 0
    """Of the trace: how much happened."""
    virtual_us: int = 0
    """How much virtual time passed."""
    actions: int = 0
    """How many were done."""
    refused: int = 0
    """How many were not applicable when it came to them."""
    probes: Mapping[str, int] = field(default_factory=dict)
    """What was hit how often."""


def world_of(scenario: Scenario) -> World:
    """Make the scenario's world; nothing runs yet."""
    return World(
        scenario.topology,
        timings=scenario.timings,
        rules=scenario.rules,
        dead_threshold=scenario.dead_threshold,
        seed=scenario.seed,
    )


def run(scenario: Scenario, *, listen: Callable[[World], Sequence[Sink]] | None = None) -> Result:
    """Run a scenario to its end, or to the first violation.

    Args:
        scenario: which.
        listen: given the world before anything happens; returns who hears each line of its trace.
    """
    world = world_of(scenario)
    for sink in () if listen is None else listen(world):
        world.trace.listen(sink)
    return Runner(world, scenario).run()


class Runner:
    """One run of a scenario in a world of its own."""

    def __init__(self, world: World, scenario: Scenario) -> None:
        self._world = world
        self._scenario = scenario
        self._refused = 0
        self._done = 0

    def run(self) -> Result:
        """Run it."""
        try:
            outcome, findings = self._play()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            outcome, findings = Outcome.CRASH, (raised(error), *self._world.violations)
        return Result(
            outcome=outcome,
            findings=findings,
            lines=self._world.trace.count,
            virtual_us=self._world.now_us(),
            actions=self._done,
            refused=self._refused,
            probes=dict(sorted(self._world.probes.hits.items())),
        )

    def _play(self) -> tuple[Outcome, tuple[str, ...]]:
        world, scenario = self._world, self._scenario
        for action in scenario.actions:
            world.run_for(action.at_us - world.now_us())
            if world.violations:
                break
            self._do(action)
        else:
            world.run_for(scenario.end_us - world.now_us())
        if world.violations:
            return Outcome.SAFETY, tuple(world.violations)
        findings = self._calm() or self._rest()
        if world.violations:
            return Outcome.SAFETY, tuple(world.violations)
        return (Outcome.LIVENESS, tuple(findings)) if findings else (Outcome.GOOD, ())

    def _do(self, action: Action) -> None:
        self._done += 1
        try:
            self._world.apply(action.verb)
        except (OperationError, TopologyError, ManagerStuckError, OSError):
            self._refused += 1

    def _calm(self) -> list[str]:
        """Judge the end of the story, where that has been calm for so long that all must be right.

        Faults go on: what they keep from being right must be waiting, and say so.
        """
        actions = self._scenario.actions
        calm_us = self._scenario.end_us - (actions[-1].at_us if actions else 0)
        if calm_us < patience_us(self._scenario) or not can_be_calm(self._scenario):
            return []
        return [f"before the faults' end: {text}" for text in self._world.judge().findings()]

    def _rest(self) -> list[str]:
        """Start what is to be up, and see whether all comes to rest."""
        findings: list[str] = []
        for node_id in self._scenario.revive:
            if node_id in self._world.hosts:
                self._world.start(node_id, daemon=False)
        self._world.end_faults()
        for _ in range(_RESTARTS_MAX):
            for host in self._world.hosts.values():
                if host.powered:
                    host.daemon.start()
            findings = self._world.settle(patience_us(self._scenario))
            if findings or all(h.daemon.runs or not h.powered for h in self._world.hosts.values()):
                break
        return findings


def raised(error: Exception) -> str:
    """Say what an exception is and where it came up, in a way that is the same everywhere."""
    frames = traceback.extract_tb(error.__traceback__)
    where = ""
    if frames:
        path = Path(frames[-1].filename)
        where = f" in {path.parent.name}/{path.name}, {frames[-1].name}"
    return f"{type(error).__name__}: {error}{where}"
