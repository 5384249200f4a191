"""A cluster in virtual time, with a daemon under test on each host."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from fakecluster.clusters.base import Cluster
from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import Topology
from fakecluster.explore.histories import TIMINGS
from fakecluster.sim.daemon_under_test import DaemonUnderTest, MakeDaemon, Subject
from fakecluster.sim.foreign_program import ForeignDaemon
from fakecluster.sim.trace_header import header_of
from fakecluster.sim.world import World
from fakecluster.trace.events import Line
from fakecluster.trace.file import TraceFile, end_line
from fakecluster.verb_methods import Question
from fakecluster.verbs import Verb
from o2cbd.core.rules import SECOND_US

_FORMING_S: Final = 30.0


class SimulatedCluster(Cluster):
    """Hosts, their cmans and daemons in virtual time: the same seed gives the same history.

    A context manager where it has made a directory of its own.
    """

    arm = "sim"

    def __init__(
        self,
        topology: Topology,
        daemon: MakeDaemon,
        *,
        timings: Timings = TIMINGS,
        seed: int = 0,
        directory: Path | None = None,
        invariant: Callable[[Cluster], object] | None = None,
        recorded: bool = True,
    ) -> None:
        """Make it; no host has power yet.

        Args:
            topology: the cluster's configuration.
            daemon: starts a daemon, given its host; called at each start of a process.
            timings: the cmans' clocks.
            seed: of what varies between real cmans.
            directory: takes the hosts' directories; None: a temporary one.
            invariant: see `Cluster.invariant`.
            recorded: keep the trace; without it histories run faster.
        """
        self.topology = topology
        self.invariant = invariant
        self.scenario = ""
        self._own = tempfile.TemporaryDirectory(prefix="sim-") if directory is None else None
        self._subject = Subject(
            make=daemon,
            directory=directory or Path(self._own.name if self._own else ""),
            findings=self.broken,
        )
        self.world = World(topology, timings=timings, seed=seed, subject=self._subject)
        self._header = header_of(self.world)
        self._lines: list[Line] = []
        if recorded:
            self.world.trace.listen(self._lines.append)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary directory."""
        if self._own is not None:
            self._own.cleanup()

    def form(self) -> None:
        """Start every host with its cman and daemon, and wait until all cmans see each other."""
        for node in self.topology.ids:
            self.start(node)
        ids = self.topology.ids
        self.eventually(
            lambda: all(self.members(node) == ids for node in ids), "a whole cluster", _FORMING_S
        )
        self.check_formed()

    # --- time, verbs ----------------------------------------------------------------------------

    def let_pass(self, seconds: float) -> None:
        """Let that much virtual time pass."""
        self.world.run_for(round(seconds * SECOND_US))

    def wait(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Let virtual time pass, up to the very event that makes the condition hold."""
        return self.world.run_until(condition, within_us=round(within_s * SECOND_US))

    def findings(self, within_s: float) -> list[str]:
        """Let virtual time pass until the invariant holds and goes on holding, or time is up."""
        return self.world.settle(round(within_s * SECOND_US))

    def apply(self, verb: Verb) -> None:
        """Do a verb now; see `World.apply` for what it raises."""
        self.world.apply(verb)

    def question(self, host: int) -> Question:
        """Return the last shutdown that was asked for on a host."""
        return self.world.question(host)

    # --- looking --------------------------------------------------------------------------------

    def members(self, node: int) -> tuple[int, ...]:
        """Return the members that a node's cman sees."""
        return self.world.engine.state(node).members

    def quorate(self, node: int) -> bool:
        """Return whether a node's cman has quorum."""
        return self.world.engine.state(node).quorate

    def manager_answers(self, node: int) -> bool:
        """Return whether a node's cman runs as a member and is not stopped."""
        seen = self.world.engine.state(node)
        return seen.is_member and not seen.stopped

    def daemon(self, node: int) -> DaemonUnderTest | None:
        """Return a node's running daemon itself; None: none runs."""
        program = self.world.host(node).daemon.program
        return program.daemon if isinstance(program, ForeignDaemon) else None

    def daemon_runs(self, node: int) -> bool:
        """Return whether a node's daemon runs."""
        return self.world.host(node).daemon.runs

    def exit_code(self, node: int) -> int | None:
        """Return the exit code of a daemon that ended by itself."""
        return self.world.daemon_exit(node)

    def directory(self, node: int) -> Path:
        """Return the directory for the files of a node's daemon."""
        return self._subject.directory_of(node)

    def log(self, node: int) -> str:
        """Return what `Host.log` took on a node."""
        return "".join(
            f"{line.detail['text']}\n"
            for line in self._lines
            if line.host == node and line.kind == "report"
        )

    def trace(self, outcome: str | None = None) -> TraceFile:
        """Return everything so far as a trace."""
        lines = tuple(self._lines)
        if outcome is not None:
            wrong = sum(line.kind == "check" for line in lines)
            last = end_line(outcome, self.world.now_us(), self.world.trace.count, wrong)
            lines = (*lines, last)
        return TraceFile(header=self._header, lines=lines)


def simulate(
    nodes: int | Topology,
    daemon: MakeDaemon,
    *,
    timings: Timings = TIMINGS,
    seed: int = 0,
    directory: Path | None = None,
    invariant: Callable[[Cluster], object] | None = None,
) -> SimulatedCluster:
    """Return a simulated cluster with your daemon on each node, all up and members.

    Args:
        nodes: how many, with ids from 1 and names node1 ...; or all of the configuration.
        daemon: starts a daemon, given its `Host`; called at each start of a process.
        timings: the cmans' clocks; by default a death is noticed in 2.4 virtual seconds.
        seed: of what varies between real cmans.
        directory: takes the hosts' directories; None: a temporary one, until `close`.
        invariant: raises AssertionError where something is wrong though all has come to rest.

    Raises:
        TopologyError: there cannot be such a cluster.
        NotAsExpectedError: the cmans did not come to see each other.
    """
    cluster = SimulatedCluster(
        Topology.of(nodes) if isinstance(nodes, int) else nodes,
        daemon,
        timings=timings,
        seed=seed,
        directory=directory,
        invariant=invariant,
    )
    cluster.form()
    return cluster
