"""The `sim` arm: a `World` in virtual time, with the real agent on each host."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from fakecluster.arms.rules import rules_of
from fakecluster.arms.status_looks import StatusLooks
from fakecluster.arms.untouched import UntouchedOracle
from fakecluster.arms.values import MISSING, Call, ClusterSpec, Row, Span
from fakecluster.cman.timings import Timings
from fakecluster.configfs.kernel import ClusterState
from fakecluster.overriding import override
from fakecluster.report.words import event_text
from fakecluster.sim.trace_header import header_of
from fakecluster.sim.world import World
from fakecluster.trace.events import Line
from fakecluster.trace.file import TraceFile, end_line
from fakecluster.verb_methods import Question
from fakecluster.verbs import Verb
from o2cbd.clock import WallClock
from o2cbd.core.model import UNSET_ADDRESS, Holder, Status
from o2cbd.core.rules import SECOND_US as _SECOND_US
from o2cbd.service.view import Overlay, overlaid, status_json

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


class SimCluster(StatusLooks):
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
        self._wall = WallClock(self.world)
        self._shown: dict[int, tuple[Status | None, bool, Mapping[str, Any]]] = {}
        """By host: its status, whether others held then, and what was made of that."""
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

    @override
    def wait(self, condition: Callable[[], bool], within: Span) -> bool:
        """Stop at the very event that makes it so."""
        return self.world.run_until(condition, within_us=_SPANS_US[within])

    @override
    def watch(self, condition: Callable[[], bool], during: Span) -> bool:
        """Ask after every event."""
        return not self.world.run_until(lambda: not condition(), within_us=_SPANS_US[during])

    # --- verbs ----------------------------------------------------------------------------------

    @override
    def apply(self, verb: Verb) -> None:
        """Do a verb: the world has a handler for each."""
        self.untouched_oracle.hears(verb)
        self.world.apply(verb)

    @override
    def question(self, host: int) -> Question:
        return self.world.question(host)

    @override
    @contextlib.contextmanager
    def unseen(self, host: int) -> Iterator[None]:
        """Do nothing: verbs take no time here."""
        before_us = self.world.now_us()
        yield
        self.check(f"host {host} has seen nothing yet", self.world.now_us() == before_us)

    # --- looking --------------------------------------------------------------------------------

    @override
    def daemon_exit(self, host: int) -> int | None:
        daemon = self.world.host(host).daemon
        if daemon.runs or not daemon.starts:
            return None
        return -signal.SIGKILL if daemon.exit_code is None else daemon.exit_code

    def _ours(self, host: int) -> ClusterState | None:
        cluster = self.world.host(host).model.kernel.cluster
        return cluster if cluster and cluster.name == self.spec.topology.cluster else None

    @override
    def table(self, host: int) -> dict[str, Row]:
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

    @override
    def inodes(self, host: int) -> dict[str, int]:
        model = self.world.host(host).model
        where = f"/cluster/{self.spec.topology.cluster}/node"
        items = {name: model.find(f"{where}/{name}") for name in self.table(host)}
        return {name: item.inode for name, item in items.items() if item is not None}

    @override
    def clusters(self, host: int) -> tuple[str, ...]:
        cluster = self.world.host(host).model.kernel.cluster
        return () if cluster is None else (cluster.name,)

    @override
    def attribute(self, host: int, name: str) -> str:
        path = f"/cluster/{self.spec.topology.cluster}/{name}"
        return self.world.host(host).model.read_value(path).decode().strip()

    @override
    def calls(self, host: int) -> tuple[Call, ...]:
        return tuple(
            Call(name=done.name, path=done.path, value=done.data.decode(), errno=done.error)
            for done in self.world.host(host).model.journal
        )

    @override
    def status(self, host: int) -> Mapping[str, Any]:
        """Return what the daemon's main thread would give out now."""
        status = self.world.host(host).status
        if status is None:
            return {}
        truth = self.world.host(host).truth
        held = truth.held_by_others
        known, was_held, shown = self._shown.get(host, (None, False, {}))
        if known is not status or was_held != held:
            holder = Holder(
                pid=self.world.host(host).truth.holder or 0, since_us=self.world.now_us()
            )
            overlay = Overlay(hold=holder if held else None)
            shown = status_json(overlaid(status, overlay, self._wall), None, self._wall)
            self._shown[host] = status, held, shown
        return shown

    # --- judging --------------------------------------------------------------------------------

    @override
    def findings(self) -> tuple[str, ...]:
        """Return what safety found after every event until now, and liveness."""
        late = self.world.settle()
        return (*self.seen_wrong(), *late)

    @override
    def seen_wrong(self) -> tuple[str, ...]:
        """Return what safety found after every event until now."""
        return (*self.world.violations, *self.untouched_oracle.findings)

    @override
    def last_events(self) -> tuple[str, ...]:
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
