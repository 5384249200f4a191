"""The gate's world over a scripted corosync, in virtual time, with clients that write all down."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from fakecluster.clock import Timeline, VirtualClock
from fakecluster.cman.answers import Delivery
from fakecluster.cman.client import Client, SocketKind
from fakecluster.cman.outside import Sockets
from fakecluster.gate.context import HERE, GateContext, GatePhase
from fakecluster.testing.scripted_corosync import ScriptedCorosync, block
from fakecluster.testing.scripted_gate import ScriptedGateTable
from o2cbd.calls import CallBoard
from o2cbd.core.rules import SECOND_US

ANSWER_S = 20
LEAVE_US = 20_000
"""The daemon's end comes so long after the answer, or earlier."""


class Visitor:
    """A client and what it was told."""

    def __init__(self, world: GateContext, kind: SocketKind) -> None:
        self.received: list[Delivery] = []
        self.closed = False
        self.replies: list[int] = []
        self.client: Client = world.connect(
            HERE, kind, deliver=self.received.append, closed=self._close
        )

    def take(self) -> list[Delivery]:
        """Return, once, what it was told."""
        taken, self.received[:] = list(self.received), []
        return taken

    def members(self) -> list[int]:
        """Read who is a member."""
        return [one.node_id for one in self.client.get_all_members() if one.is_member]

    def _close(self) -> None:
        self.closed = True


class ScriptedGate:
    """An `Outside` with the world in it."""

    def __init__(self, corosync: ScriptedCorosync | None = None) -> None:
        self.corosync = (
            ScriptedCorosync([block(1), block(2), block(3)]) if corosync is None else corosync
        )
        self.table = ScriptedGateTable(self.corosync)
        self.timeline = Timeline()
        self.shown: list[Sockets] = []
        self.is_stopped = False
        self.watched: tuple[int, ...] = ()
        self.phases: list[GatePhase] = []
        self.lines: list[str] = []
        self.paused_us = 0
        self._begun = self._taken = 0
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.world = GateContext(
            self.table, self.timeline, self, CallBoard(VirtualClock()), self._pause
        )

    def _pause(self, duration_us: int) -> None:
        self.paused_us += duration_us

    # -- driving

    def up(self) -> ScriptedGate:
        """Connect, and be a member."""
        self.world.connect_corosync()
        self.turn()
        return self

    def turn(self) -> None:
        """Do what the loop does once: corosync first, then what is due."""
        self.world.refresh()
        self.timeline.run_until(self.timeline.now_us())

    def run(self, duration_us: int = SECOND_US) -> None:
        """Let time pass, and look at corosync before whatever is due."""
        end_us = self.timeline.now_us() + duration_us
        while (due_us := self.timeline.next_due_us()) is not None and due_us <= end_us:
            self.timeline.run_until(due_us)
            self.world.refresh()
        self.timeline.run_until(end_us)

    @property
    def jobs_wait(self) -> bool:
        """Whether a thread of the world has brought something, or will."""
        return self._begun > self._taken

    def answered(self) -> None:
        """Wait for a thread of the world, take what it brings, and let the daemon end."""
        self.take_job()
        self.run(LEAVE_US)

    def take_job(self) -> None:
        """Wait for a thread of the world, and take what it brings."""
        self._jobs.get(timeout=ANSWER_S)()
        self._taken += 1

    def wait_for_order(self) -> None:
        """Wait until a thread of the world has reached corosync."""
        assert self.table.reached.wait(ANSWER_S)

    def client(self) -> Visitor:
        """Connect, and ask for notices."""
        visitor = Visitor(self.world, SocketKind.CLIENT)
        visitor.client.start_notification()
        return visitor

    def admin(self) -> Visitor:
        """Connect to the other socket."""
        return Visitor(self.world, SocketKind.ADMIN)

    @property
    def serving(self) -> bool:
        """Whether there are sockets."""
        return self.shown[-1:] == [Sockets.LISTENING]

    # -- Outside

    def sockets(self, node_id: int, sockets: Sockets) -> None:
        assert node_id == HERE
        self.shown.append(sockets)

    def stopped(self, node_id: int, *, stopped: bool) -> None:
        assert node_id == HERE
        self.is_stopped = stopped

    def watch(self, fds: tuple[int, ...]) -> None:
        self.watched = fds

    def aside(self, work: Callable[[], Callable[[], None]]) -> None:
        self._begun += 1
        threading.Thread(target=lambda: self._jobs.put(work()), daemon=True).start()

    def show(self, phase: GatePhase, detail: str) -> None:
        self.phases.append(phase)

    def log(self, text: str) -> None:
        self.lines.append(text)
