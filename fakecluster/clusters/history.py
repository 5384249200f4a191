"""A drawn history of a cluster under test: played, judged at rest, and cut down where it fails."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fakecluster.capabilities import UnsupportedVerbError
from fakecluster.clusters.base import WITHIN_S, Cluster
from fakecluster.clusters.real import RealCluster
from fakecluster.clusters.simulated import SimulatedCluster
from fakecluster.cman.errors import ManagerStuckError
from fakecluster.cman.outside import OperationError
from fakecluster.cman.topology import Topology, TopologyError
from fakecluster.explore.histories import USUAL_KINDS, draw_history
from fakecluster.explore.shrink import shrunk
from fakecluster.scenario.model import Scenario
from fakecluster.scenario.run import Outcome
from fakecluster.server.child import ServeFailedError
from fakecluster.sim.daemon_under_test import MakeDaemon
from fakecluster.verb_codec import trace_detail
from fakecluster.verbs import Verb
from o2cbd.core.rules import SECOND_US

_FAKECLUSTER: Final = Path(__file__).parents[1]
REACTION_S: Final = 10.0
"""How long daemons may take to be right after the last change that their cman tells of."""
_FASTER: Final = 5
"""So much shorter are the pauses of a history where time is real."""
_RESTLESS: Final = frozenset({"cut", "mend", "slow-network", "ring"})
"""After these rings may form again and again until the links are whole."""
_WORDS: Final = {Outcome.CRASH: "a crash", Outcome.LIVENESS: "wrong, and nothing is going on"}
_SENSELESS: Final = (
    *(OperationError, TopologyError, ManagerStuckError, OSError),
    *(ServeFailedError, UnsupportedVerbError),
)
"""What a verb raises that makes no sense at the moment, or that the arm cannot do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFailure:
    """A history that did not end well."""

    outcome: Outcome
    findings: tuple[str, ...]
    scenario: Scenario
    """The history, or the smallest part of it that was found to fail in the same way."""
    cluster: Cluster
    """As the failing run has left it."""


class HistoryFailedError(AssertionError):
    """A history after which something is wrong; the text has what is wrong, and what it takes."""

    has_story = True
    """Nothing is to be added to the text."""

    def __init__(self, seed: int, failure: HistoryFailure, drawn: Scenario) -> None:
        """Tell of it.

        Args:
            seed: of the history.
            failure: how it failed.
            drawn: the history as it was drawn.
        """
        left, all_of_them = len(failure.scenario.actions), len(drawn.actions)
        needed = (
            f"what it takes, of {all_of_them} actions" if left < all_of_them else "what was done"
        )
        shown = [
            f"seed {seed}: {_WORDS[failure.outcome]}",
            *(f"  {each}" for each in failure.findings),
            f"{needed}:"
            if left
            else f"it takes none of the {all_of_them} actions: starting is enough",
            *(f"  {line}" for line in story(failure.scenario)),
        ]
        super().__init__("\n".join(shown))


class DrawnHistory:
    """What happens to a cluster, drawn from a seed: always the same for the same seed."""

    def __init__(
        self,
        seed: int,
        *,
        daemon: MakeDaemon | None,
        serve: Callable[..., RealCluster],
        invariant: Callable[[Cluster], object] | None,
        stack: contextlib.ExitStack,
        kept: Callable[[Cluster], object],
        recorded: bool,
    ) -> None:
        """Prepare it.

        Args:
            seed: whatever is drawn comes from it.
            daemon: starts a daemon in virtual time; None: real processes.
            serve: serves a cluster of a topology to those.
            invariant: see `Cluster.invariant`.
            stack: is closed once nobody wants those clusters any more.
            kept: takes a cluster whose history is wanted.
            recorded: every history is wanted, not only those that fail.
        """
        self.seed = seed
        self._daemon = daemon
        self._serve = serve
        self._invariant = invariant
        self._stack = stack
        self._kept = kept
        self._recorded = recorded

    def run(
        self,
        nodes: int | Topology | None = None,
        *,
        kinds: Collection[str] = USUAL_KINDS,
        reaction_s: float = REACTION_S,
    ) -> None:
        """Play it: the invariant must hold whenever the cluster has been left alone long enough.

        Args:
            nodes: how many; or all of the configuration; None: drawn, one to five.
            kinds: what may happen, names of `fakecluster.explore.episodes.KINDS`.
            reaction_s: how long daemons may take to be right once their cman is.

        Raises:
            HistoryFailedError: the invariant did not hold, or a daemon crashed.
        """
        __tracebackhide__ = True  # by pytest: what failed is the history
        topology = Topology.of(nodes) if isinstance(nodes, int) else nodes
        drawn = draw_history(self.seed, topology, kinds=kinds)
        failure = self._play(drawn) if self._daemon is None else self._simulate(drawn, reaction_s)
        if failure is not None:
            raise HistoryFailedError(self.seed, failure, drawn)

    def _play(self, drawn: Scenario) -> HistoryFailure | None:
        cluster = self._serve(drawn.topology, invariant=self._invariant)
        self._kept(cluster)
        return play_real(drawn, cluster)

    def _simulate(self, drawn: Scenario, reaction_s: float) -> HistoryFailure | None:
        failed = self._once(drawn, reaction_s, recorded=self._recorded)
        if failed is None:
            return None

        def outcome(one: Scenario) -> Outcome:
            again = self._once(one, reaction_s)
            return Outcome.GOOD if again is None else again.outcome

        small = shrunk(drawn, failed.outcome, outcome)
        return self._once(small, reaction_s, recorded=True)

    def _once(
        self, scenario: Scenario, reaction_s: float, *, recorded: bool = False
    ) -> HistoryFailure | None:
        """Play a history in virtual time, in a cluster of its own."""
        if self._daemon is None:
            raise RuntimeError("nothing runs in virtual time here")
        cluster = SimulatedCluster(
            scenario.topology,
            self._daemon,
            timings=scenario.timings,
            seed=scenario.seed,
            invariant=self._invariant,
            recorded=recorded,
        )
        if recorded:
            self._kept(self._stack.enter_context(cluster))
            return _Player(cluster, scenario, reaction_s).play()
        with cluster:
            return _Player(cluster, scenario, reaction_s).play()


class _Player:
    """Plays one history in virtual time."""

    def __init__(self, cluster: SimulatedCluster, scenario: Scenario, reaction_s: float) -> None:
        self._cluster = cluster
        self._scenario = scenario
        self._bound_us = 2 * scenario.timings.detection_us + round(reaction_s * SECOND_US)

    def play(self) -> HistoryFailure | None:
        """Play it to its end, or to the first moment of rest at which something is wrong."""
        try:
            findings = self._play()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            return self._failure(Outcome.CRASH, [_crash(error)])
        return self._failure(Outcome.LIVENESS, findings) if findings else None

    def _failure(self, outcome: Outcome, findings: list[str]) -> HistoryFailure:
        return HistoryFailure(
            outcome=outcome,
            findings=tuple(findings),
            scenario=self._scenario,
            cluster=self._cluster,
        )

    def _play(self) -> list[str]:
        world = self._cluster.world
        words: set[str] = set()
        for at_us, verb in [
            *((action.at_us, action.verb) for action in self._scenario.actions),
            (self._scenario.end_us, None),
        ]:
            pause_us = at_us - world.now_us()
            if pause_us >= self._bound_us and _RESTLESS.isdisjoint(words):
                findings = self._cluster.findings(self._bound_us / SECOND_US)
                if findings:
                    return findings
            world.run_for(max(0, at_us - world.now_us()))
            if verb is not None:
                words.add(verb.word)
                _try(self._cluster, verb)
        return self._end()

    def _end(self) -> list[str]:
        """End all faults, start what does not run, and judge."""
        world = self._cluster.world
        for node in self._scenario.revive:
            if node in world.hosts:
                world.start(node, daemon=False)
        world.end_faults()
        for host in world.hosts.values():
            if host.powered:
                host.daemon.start()
        findings = self._cluster.findings(self._bound_us / SECOND_US)
        return [*findings, *self._cluster.ended()]


def _crash(error: Exception) -> str:
    """Return what was raised, and the daemon's own last line on the way there."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if not Path(one.filename).is_relative_to(_FAKECLUSTER)] or frames
    where = f", at {Path(own[-1].filename).name}:{own[-1].lineno} in {own[-1].name}" if own else ""
    return f"{type(error).__name__}: {error}{where}"


def play_real(scenario: Scenario, cluster: RealCluster) -> HistoryFailure | None:
    """Play a history with real processes, its pauses shortened; then end all faults, and judge.

    Args:
        scenario: the history.
        cluster: served, no host of it has power.
    """
    at_us = 0
    for action in scenario.actions:
        cluster.let_pass((action.at_us - at_us) / SECOND_US / _FASTER)
        at_us = action.at_us
        _try(cluster, action.verb)
    cluster.let_pass((scenario.end_us - at_us) / SECOND_US / _FASTER)
    cluster.end_faults()
    findings = [*cluster.findings(WITHIN_S), *cluster.ended()]
    if not findings:
        return None
    return HistoryFailure(
        outcome=Outcome.LIVENESS, findings=tuple(findings), scenario=scenario, cluster=cluster
    )


def _try(cluster: Cluster, verb: Verb) -> None:
    """Do what was drawn; where it makes no sense at this moment nothing happens."""
    try:
        cluster.apply(verb)
    except _SENSELESS:
        return


def story(scenario: Scenario) -> list[str]:
    """Return what is done in a history, a line a verb."""
    lines = []
    for action in scenario.actions:
        detail = {k: v for k, v in trace_detail(action.verb).items() if v not in {None, False, ""}}
        node = f" {action.verb.subject}" if action.verb.subject else ""
        shown = "".join(f" {name}={value}" for name, value in detail.items())
        lines.append(f"{action.at_us / SECOND_US:10.3f} s  {action.verb.word}{node}{shown}")
    return lines
