"""One simulated o2cbd process: the real agent, woken by the timeline, and what can end it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from fakecluster.clock import Handle, Timeline
from fakecluster.cman.engine import Engine, Sockets
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.oracles.audited_source import SourceWithoutQuorum, WatchedSource
from fakecluster.oracles.safety import SafetyOracle
from fakecluster.sim.daemon_parts import DaemonParts, HostContext, daemon_parts
from fakecluster.sim.mount_table import FakeMountTable
from fakecluster.sim.semaphores import FakeHold, FakeSemaphores
from o2cbd.agent import Agent, Observer
from o2cbd.core.model import State, Status
from o2cbd.core.reports import Report
from o2cbd.core.rules import Rules
from o2cbd.membership.interface import MembershipSource
from o2cbd.settings import ServiceTiming

FIRST_PID = 101
"""Of the first daemon on a host; the next ones count on."""


class DaemonKilled(BaseException):
    """Unwinds a daemon that was killed inside a call; nothing of the daemon's may catch it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonHost:
    """What of its host a daemon needs."""

    node_id: int
    engine: Engine
    timeline: Timeline
    model: ConfigfsModel
    mounts: FakeMountTable
    semaphores: FakeSemaphores
    oracle: SafetyOracle
    told: Callable[[Report], None]
    """Takes each report."""
    lived: Callable[[str], None]
    """Told of `start` and `killed`."""
    observer: Callable[[], Observer]
    """Gives each new daemon's agent whom to show what it sees and does."""
    rested: Callable[[Status], None]
    """Called after each step of the agent."""
    connected: Callable[[], None]
    """Called when it has connected to the manager."""
    stood: Callable[[], None]
    """Called when it begins to stand still in a call to the manager."""


class SimDaemon:
    """A process that can be started, killed and asked to stop; once ended it can start again.

    A manager that is stopped answers nothing, and libcman has no time-outs: where a step of the
    agent would ask it, the process stands still until the manager goes on or its connection dies.
    """

    def __init__(self, host: DaemonHost, *, rules: Rules) -> None:
        self.rules = rules
        """Those of the running daemon; other ones count from its next start on."""
        self.next_rules = rules
        self.agent: Agent | None = None
        self.exit_code: int | None = None
        """Of the last daemon that ended by itself; None while one runs or after a kill."""
        self.starts = 0
        self.pid = FIRST_PID - 1
        self.stepping = False
        """True inside a step of the agent: calls that come now are the daemon's."""
        self.stuck_since_us: int | None = None
        """Since when it has stood still in a call to the manager."""
        self._host = host
        self._timing = ServiceTiming()
        self._parts: DaemonParts | None = None
        self._source: MembershipSource | None = None
        self._wake: Handle | None = None
        self._grace: Handle | None = None
        self._due_us: int | None = 0
        self._fd: int | None = None
        self._readable = False
        self._asked = False
        """It was asked for something that makes it ask the manager."""

    # --- its life -------------------------------------------------------------------------------

    @property
    def runs(self) -> bool:
        """True while there is a process."""
        return self.agent is not None

    def start(self) -> None:
        """Start a process; nothing happens while one runs."""
        if self.agent is not None:
            return
        host = self._host
        self.pid += 1
        self.starts += 1
        self.exit_code = None
        self.rules = self.next_rules
        host.oracle.daemon_began(self.rules, self.pid)
        host.lived("start")
        self._due_us, self._fd, self._readable, self._asked = 0, None, False, False
        self._parts = daemon_parts(
            HostContext(
                node_id=host.node_id,
                engine=host.engine,
                model=host.model,
                mounts=host.mounts,
                make_hold=self.hold_of,
                on_readable=self.readable,
                every_address=self.rules.table.want_every_address,
            )
        )
        self.agent = Agent(
            connect=self._connect,
            tree=self._parts.tree,
            make_hold=self.hold_of,
            usage=self._parts.usage,
            clock=host.timeline.clock,
            rules=self.rules,
            journal=host.told,
            observer=host.observer(),
        )
        self.wake()

    def kill(self) -> None:
        """SIGKILL: the kernel closes its connection and undoes its semaphores."""
        for handle in (self._wake, self._grace):
            if handle is not None:
                handle.cancel()
        if self.agent is not None and self.agent.exit_code is None:
            self._host.lived("killed")
        self.agent = None
        self.stuck_since_us = None
        self._host.oracle.connection_ended()
        if self._source is not None:
            self._source.close()
            self._source = None
        self._host.semaphores.process_ended(self.pid)

    def terminate(self) -> None:
        """SIGTERM: it ends by itself, or after its grace where it stands still."""
        if self.agent is None:
            return
        self.agent.stop()
        if self.stuck_since_us is None:
            self.wake()
        if self._grace is None or not self._grace.pending:
            self._grace = self._host.timeline.schedule(
                self._abandon,
                after_us=self._timing.stop_grace_us,
                label=f"daemon {self._host.node_id}: grace is over",
            )

    def _abandon(self) -> None:
        if self.agent is not None:
            if self.stuck_since_us is None:
                self._host.oracle.overdue()
            self._end(0)

    def _end(self, code: int) -> None:
        self.kill()
        self.exit_code = code

    def forget(self, name: str) -> None:
        """`o2cbd forget NAME`; nothing happens while no daemon runs."""
        if self.agent is not None:
            self.agent.forget(name)
            self._asked = True
            self.wake()

    # --- what it says ---------------------------------------------------------------------------

    @property
    def status(self) -> Status | None:
        """What `o2cbd status` says; None while it does not run."""
        if self.agent is None:
            return None
        status = self.agent.status
        since_us = self.stuck_since_us
        if self._grace is not None and self._grace.pending:
            return replace(status, state=State.STOPPING)
        if since_us is None or status.state in {State.STOPPING, State.LOST}:
            return status
        now_us = self._host.timeline.now_us()
        if now_us - since_us < self._timing.stuck_after_us:
            return status
        return replace(status, state=State.STUCK, reason="in a call to the cluster manager")

    def hold_of(self, cluster: str) -> FakeHold:
        """Return its view of the cluster's semaphore."""
        return FakeHold(self._host.semaphores.of(f"o2cb.{cluster}"), self.pid)

    # --- moving ---------------------------------------------------------------------------------

    def readable(self) -> None:
        """Note that the manager has something to say."""
        self._readable = True
        if self._polls(self._fd):
            self.wake()

    def wake(self) -> None:
        """Let it step now."""
        self._wake_at(self._host.timeline.now_us())

    def _wake_at(self, due_us: int) -> None:
        wake = self._wake
        if wake is not None and wake.pending:
            if wake.due_us <= due_us:
                return
            wake.cancel()
        self._wake = self._host.timeline.schedule(
            self._step, at_us=due_us, label=f"daemon {self._host.node_id}"
        )

    def _step(self) -> None:
        agent = self.agent
        if agent is None:
            return
        if self._blocks():
            if self.stuck_since_us is None:
                self.stuck_since_us = self._host.timeline.now_us()
                self._host.stood()
            return
        self.stuck_since_us = None
        self._readable = self._asked = False
        self.stepping = True
        try:
            wait = agent.step()
        except DaemonKilled:
            self.kill()
            return
        finally:
            self.stepping = False
        if agent.exit_code is not None:
            self._end(agent.exit_code)
            return
        self._due_us, self._fd = wait.deadline_us, wait.fd
        self._host.rested(agent.status)
        if self._polls(wait.fd):
            self.wake()
        elif wait.deadline_us is not None:
            self._wake_at(wait.deadline_us)

    def _polls(self, fd: int | None) -> bool:
        return self._parts is not None and fd is not None and self._parts.readable(fd)

    def _blocks(self) -> bool:
        """True when a step would ask a manager that does not answer."""
        engine, node_id = self._host.engine, self._host.node_id
        if not engine.is_stopped(node_id):
            return False
        if self._source is None and engine.state(node_id).sockets is not Sockets.LISTENING:
            return False  # the connect itself fails
        due = self._due_us is not None and self._host.timeline.now_us() >= self._due_us
        return self.stuck_since_us is not None or due or self._readable or self._asked

    def _connect(self) -> MembershipSource:
        if self._parts is None:
            raise RuntimeError("a daemon that does not run connects")
        source = self._parts.connect()
        if not self._host.engine.quorum_provider:
            source = SourceWithoutQuorum(source)
        source = WatchedSource(source, self._host.oracle)
        self._source = source
        self._host.connected()
        return source
