"""The `sim` arm: a `World` in virtual time, with the real agent on each host."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from fakecluster.arms.rules import rules_of
from fakecluster.arms.untouched import UntouchedOracle
from fakecluster.arms.values import MISSING, Call, ClusterSpec, Row, Span, Vote, Waiting
from fakecluster.arms.words import ClusterWords
from fakecluster.cman.timings import Timings
from fakecluster.configfs.kernel import ClusterState
from fakecluster.report.words import event_text
from fakecluster.sim.trace_header import header_of
from fakecluster.sim.world import World
from fakecluster.trace.events import Line
from fakecluster.trace.file import TraceFile, end_line
from fakecluster.verb_methods import Question
from fakecluster.verbs import Verb
from o2cbd.core.model import UNSET_ADDRESS, Quorum, State, Status
from o2cbd.core.reports import symbol
from o2cbd.core.rules import SECOND_US as _SECOND_US

_SPANS_US: Final[Mapping[Span, int]] = {
    Span.SOON: 30 * _SECOND_US,
    Span.LATER: 150 * _SECOND_US,
    Span.A_MOMENT: 2 * _SECOND_US,
    Span.A_WHILE: 70 * _SECOND_US,
}
"""A death is noticed in 2.4 s and by the disk heartbeat in 10 s; a resync comes each 30 s."""

_TIMINGS: Final = Timings(token_ms=1000, consensus_ms=1200)
_FORMING_US: Final = 2 * _SECOND_US
_EVENTS_SHOWN: Final = 30
_QUORATE: Final = {
    Quorum.QUORATE: True,
    Quorum.INQUORATE: False,
    Quorum.UNKNOWN: None,
    None: None,
}


class SimCluster(ClusterWords):
    """One world, driven by the suite's words."""

    arm = "sim"
    missing = MISSING["sim"]

    def __init__(self, spec: ClusterSpec) -> None:
        """Boot it: managers up and of one mind, no daemon yet.

        Args:
            spec: what to boot.
        """
        self.spec = spec
        self.untouched_oracle = UntouchedOracle(self)
        self.world = World(spec.topology, timings=_TIMINGS, dead_threshold=spec.dead_threshold)
        self._header = header_of(self.world)
        self._events: list[Line] = []
        self.world.trace.listen(self._events.append)
        for host in spec.hosts:
            self.world.set_rules(host, rules_of(spec, host))
        up = tuple(node for node in spec.topology.ids if node not in spec.down)
        for node in up:
            self.world.start(node, daemon=False)
        # Until the last of the joins' notices are through, too.
        self.world.run_for(_FORMING_US)
        self.check("the cluster has formed", self._formed(up))

    def _formed(self, ids: tuple[int, ...]) -> bool:
        return all(self.world.engine.state(node).members == ids for node in ids)

    # --- time -----------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], bool], within: Span) -> bool:
        """See `Cluster.wait`; exact: it stops at the very event that makes it so."""
        return self.world.run_until(condition, within_us=_SPANS_US[within])

    def watch(self, condition: Callable[[], bool], during: Span) -> bool:
        """See `Cluster.watch`; exact: asked after every event."""
        return not self.world.run_until(lambda: not condition(), within_us=_SPANS_US[during])

    # --- verbs ----------------------------------------------------------------------------------

    def apply(self, verb: Verb) -> None:
        """See `VerbMethods.apply`: the world has a handler for each verb."""
        self.untouched_oracle.hears(verb)
        self.world.apply(verb)

    def question(self, host: int) -> Question:
        """See `VerbMethods.question`."""
        return self.world.question(host)

    @contextlib.contextmanager
    def unseen(self, host: int) -> Iterator[None]:
        """See `Cluster.unseen`: verbs take no time here, so nothing is to be done."""
        before_us = self.world.now_us()
        yield
        self.check(f"host {host} has seen nothing yet", self.world.now_us() == before_us)

    # --- looking --------------------------------------------------------------------------------

    def daemon_exit(self, host: int) -> int | None:
        """See `Cluster.daemon_exit`."""
        daemon = self.world.host(host).daemon
        if daemon.runs or not daemon.starts:
            return None
        return -signal.SIGKILL if daemon.exit_code is None else daemon.exit_code

    def _ours(self, host: int) -> ClusterState | None:
        cluster = self.world.host(host).model.kernel.cluster
        return cluster if cluster and cluster.name == self.spec.topology.cluster else None

    def table(self, host: int) -> dict[str, Row]:
        """See `Cluster.table`."""
        cluster = self._ours(host)
        return {
            name: Row(
                num=node.num or 0,
                address=node.address or UNSET_ADDRESS,
                port=node.port or 0,
                local=node.local,
            )
            for name, node in ({} if cluster is None else cluster.nodes).items()
        }

    def inodes(self, host: int) -> dict[str, int]:
        """See `Cluster.inodes`."""
        model = self.world.host(host).model
        where = f"/cluster/{self.spec.topology.cluster}/node"
        items = {name: model.find(f"{where}/{name}") for name in self.table(host)}
        return {name: item.inode for name, item in items.items() if item is not None}

    def clusters(self, host: int) -> tuple[str, ...]:
        """See `Cluster.clusters`."""
        cluster = self.world.host(host).model.kernel.cluster
        return () if cluster is None else (cluster.name,)

    def attribute(self, host: int, name: str) -> str:
        """See `Cluster.attribute`."""
        path = f"/cluster/{self.spec.topology.cluster}/{name}"
        return self.world.host(host).model.read_value(path).decode().strip()

    def calls(self, host: int) -> tuple[Call, ...]:
        """See `Cluster.calls`."""
        return tuple(
            Call(name=done.name, path=done.path, value=done.data.decode(), errno=done.error)
            for done in self.world.host(host).model.journal
        )

    def _status(self, host: int) -> Status | None:
        return self.world.host(host).status

    def state(self, host: int) -> State | None:
        """See `Cluster.state`."""
        status = self._status(host)
        if status is None:
            return None
        if self.held(host) and status.state in {State.PENDING, State.SYNCED}:
            return State.HELD  # as the daemon's main thread sees and shows it
        return status.state

    def reason(self, host: int) -> str:
        """See `Cluster.reason`."""
        status = self._status(host)
        return "" if status is None else status.reason

    def quorate(self, host: int) -> bool | None:
        """See `Cluster.quorate`."""
        status = self._status(host)
        return None if status is None else _QUORATE[status.quorum]

    def incarnations(self, host: int) -> dict[int, int]:
        """See `Cluster.incarnations`."""
        status = self._status(host)
        return {one.id: one.incarnation for one in (() if status is None else status.members)}

    def pending(self, host: int) -> tuple[Waiting, ...]:
        """See `Cluster.pending`."""
        status = self._status(host)
        return tuple(
            Waiting(
                step=one.step.word,
                node=one.node,
                why=one.why,
                errno=symbol(one.errno),
                reason=one.reason,
            )
            for one in (() if status is None else status.pending)
        )

    def left_out(self, host: int) -> dict[int, str]:
        """See `Cluster.left_out`."""
        status = self._status(host)
        return {one.id: one.reason for one in (() if status is None else status.left_out)}

    def held(self, host: int) -> bool:
        """See `Cluster.held`."""
        return self._status(host) is not None and self.world.host(host).truth.held_by_others

    def vote(self, host: int) -> Vote | None:
        """See `Cluster.vote`."""
        status = self._status(host)
        vote = None if status is None else status.vote
        return None if vote is None else Vote(yes=vote.yes, reason=vote.reason, forced=vote.forced)

    def fingerprint(self, host: int) -> str:
        """See `Cluster.fingerprint`."""
        status = self._status(host)
        return "" if status is None else status.fingerprint

    # --- judging --------------------------------------------------------------------------------

    def findings(self) -> tuple[str, ...]:
        """See `Cluster.findings`: safety after every event until now, and liveness."""
        late = self.world.settle()
        return (*self.seen_wrong(), *late)

    def seen_wrong(self) -> tuple[str, ...]:
        """See `Cluster.seen_wrong`: safety after every event until now."""
        return (*self.world.violations, *self.untouched_oracle.findings)

    def last_events(self) -> tuple[str, ...]:
        """See `Cluster.last_events`."""
        return tuple(event_text(line) for line in self._events[-_EVENTS_SHOWN:])

    def trace(self, outcome: str | None = None) -> TraceFile:
        """Return everything so far as a trace.

        Args:
            outcome: how the run ended; None: it has not.
        """
        lines = tuple(self._events)
        if outcome is not None:
            found = sum(line.kind == "check" for line in lines)
            lines = (*lines, end_line(outcome, self.world.now_us(), len(lines), found))
        return TraceFile(header=self._header, lines=lines)
