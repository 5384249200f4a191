"""An engine with its timeline, its log and clients that remember: for tests and for trying out."""

from __future__ import annotations

import random

from fakecluster.clock import Timeline
from fakecluster.cman.answers import Confchg, Delivery, NodeEntry, Notice
from fakecluster.cman.client import Client, SocketKind
from fakecluster.cman.constants import Reason
from fakecluster.cman.engine import Engine, EngineEvent, Sockets, Watcher
from fakecluster.cman.timings import Profile, Timings
from fakecluster.cman.topology import Topology
from fakecluster.configfs.direct import UnwatchedCalls
from fakecluster.sim.engine_table import EngineTable
from o2cbd.core.rules import SECOND_US
from o2cbd.membership.cman import connect_cman
from o2cbd.membership.interface import MembershipSource

QUIET_US = 60 * SECOND_US
"""Longer than anything in a default cluster takes to come to rest."""


class Recorder:
    """A client that writes down all that it receives, each with its time."""

    def __init__(self, engine: Engine, node_id: int, kind: SocketKind) -> None:
        self._engine = engine
        self.received: list[tuple[int, Delivery]] = []
        self.closed_us: int | None = None
        self.replies: list[tuple[int, int]] = []
        """(time, status) of what `shutdown` got."""
        self.client: Client = engine.connect(node_id, kind, deliver=self._take, closed=self._close)

    def notices(self, reason: Reason = Reason.STATE_CHANGE) -> list[int]:
        """Return the args of all notices of a kind, in order."""
        return [arg for _, arg in self.timed(reason)]

    def timed(self, reason: Reason = Reason.STATE_CHANGE) -> list[tuple[int, int]]:
        """Return (time, arg) of all notices of a kind, in order."""
        return [
            (time_us, delivery.arg)
            for time_us, delivery in self.received
            if isinstance(delivery, Notice) and delivery.reason is reason
        ]

    def confchgs(self) -> list[Confchg]:
        """Return all configuration changes, in order."""
        return [delivery for _, delivery in self.received if isinstance(delivery, Confchg)]

    def kinds(self) -> list[str]:
        """Return the type names of all that was told, in order."""
        return [type(delivery).__name__ for _, delivery in self.received]

    def forget(self) -> None:
        """Begin to remember anew."""
        self.received.clear()

    def entry(self, node_id: int) -> NodeEntry:
        """Return one node of the list as it is read now."""
        return next(each for each in self.client.get_all_members() if each.node_id == node_id)

    def members(self) -> tuple[int, ...]:
        """Return who is a member as it is read now."""
        return tuple(each.node_id for each in self.client.get_all_members() if each.is_member)

    def shutdown(self, flags: int = 0) -> None:
        """Request a shutdown; what comes of it is in `replies`."""
        self.client.try_shutdown(flags, self._reply)

    def _reply(self, status: int) -> None:
        self.replies.append((self._engine.timeline.now_us(), status))

    def _take(self, delivery: Delivery) -> None:
        self.received.append((self._engine.timeline.now_us(), delivery))

    def _close(self) -> None:
        self.closed_us = self._engine.timeline.now_us()


class EngineHarness(Watcher):
    """The engine and what to hold it with."""

    def __init__(
        self,
        topology: Topology | int = 3,
        *,
        profile: Profile = Profile.B,
        timings: Timings | None = None,
        seed: int | None = None,
    ) -> None:
        """Make a cluster; nothing runs yet.

        Args:
            topology: or a number of nodes.
            profile: which observed version.
            timings: the cluster's clocks.
            seed: of the draws; None: no draws.
        """
        self.timeline = Timeline()
        self.log: list[EngineEvent] = []
        self.seen_sockets: list[tuple[int, Sockets]] = []
        self.seen_stops: list[tuple[int, bool]] = []
        self.engine = Engine(
            Topology.of(topology) if isinstance(topology, int) else topology,
            self.timeline,
            timings=timings,
            profile=profile,
            rng=None if seed is None else random.Random(seed),  # noqa: S311 - draws to repeat
            watcher=self,
            trace=self.log.append,
        )

    def sockets(self, node_id: int, sockets: Sockets) -> None:
        """Note it (`Watcher`)."""
        self.seen_sockets.append((node_id, sockets))

    def stopped(self, node_id: int, *, stopped: bool) -> None:
        """Note it (`Watcher`)."""
        self.seen_stops.append((node_id, stopped))

    def now_us(self) -> int:
        """Return the time in microseconds."""
        return self.timeline.now_us()

    def run(self, span_us: int = QUIET_US) -> None:
        """Wait that much time."""
        self.timeline.run_until(self.timeline.now_us() + span_us)

    def up(self) -> EngineHarness:
        """Start every node that is down, one after the other, and let the cluster come to rest."""
        for node_id in self.engine.ids:
            if not self.engine.state(node_id).running:
                self.engine.start(node_id)
                self.run(SECOND_US)
        self.run()
        return self

    def listen(self, node_id: int, *, confchg: bool = False) -> Recorder:
        """Connect a client that asks for notices."""
        recorder = Recorder(self.engine, node_id, SocketKind.CLIENT)
        recorder.client.start_notification()
        if confchg:
            recorder.client.start_confchg()
        return recorder

    def source(self, node_id: int) -> MembershipSource:
        """Connect the daemon's own membership source.

        Raises:
            OSError: what `connect_cman` raises.
        """
        return connect_cman(EngineTable(self.engine, node_id, lambda: None), UnwatchedCalls())

    def admin(self, node_id: int) -> Recorder:
        """Connect an administrator."""
        return Recorder(self.engine, node_id, SocketKind.ADMIN)

    def connect_errno(self, node_id: int) -> int:
        """Return what a connect fails with now, 0 if it succeeds."""
        try:
            self.engine.connect(node_id).disconnect()
        except OSError as error:
            return error.errno or 0
        return 0
