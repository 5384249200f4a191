"""The program o2cbd in virtual time: the real agent and adapters, above the fakes of its host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from unittest import mock

from fakecluster.clock import Handle, Timeline
from fakecluster.cman.engine import Engine
from fakecluster.configfs.direct import DirectTree, UnwatchedCalls
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.model_os import ModelOs
from fakecluster.oracles.audited_source import AuditedSource, SourceWithoutQuorum
from fakecluster.oracles.instrumentation import Instrumentation
from fakecluster.oracles.safety import SafetyOracle
from fakecluster.sim.cached_readings import CachedSource, CachedTree
from fakecluster.sim.mount_table import FakeMountTable
from fakecluster.sim.process import SimulatedProcess
from fakecluster.sim.semaphores import FakeHold, FakeSemaphores
from o2cbd.agent import Agent
from o2cbd.core.model import State, Status, Usage
from o2cbd.core.rules import SECOND_US
from o2cbd.membership.cman import connect_cman
from o2cbd.membership.interface import MembershipSource
from o2cbd.settings import ServiceTiming
from o2cbd.usage import reader

_CONFIGFS = "/sys/kernel/config"
_MOUNTS = "/proc/self/mountinfo"
_TIMING = ServiceTiming()


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonHost:
    """Parts of a host that its o2cbd needs."""

    node_id: int
    engine: Engine
    timeline: Timeline
    model: ConfigfsModel
    mounts: FakeMountTable
    semaphores: FakeSemaphores
    oracle: SafetyOracle
    instrumentation: Instrumentation
    connected: Callable[[], None]
    """Called when the daemon has connected to the manager."""


class O2cbd:
    """The `Program` o2cbd."""

    _agent: Agent
    _process: SimulatedProcess

    def __init__(self, host: DaemonHost) -> None:
        self._host = host
        self._grace: Handle | None = None
        self._due_us: int | None = 0
        self._asked = False
        """It was asked for something that makes it ask the manager."""

    def start(self, process: SimulatedProcess) -> None:
        """Begin with a new agent."""
        host = self._host
        self._process = process
        self._due_us, self._asked = 0, False
        host.oracle.daemon_began(process.rules, process.pid)
        host.instrumentation.lived("start")
        self._agent = Agent(
            connect=self._connect,
            tree=CachedTree(DirectTree(host.model), host.model),
            make_hold=self._hold_of,
            usage=SimulatedUsage(host.model, host.mounts, self._hold_of),
            clock=host.timeline.clock,
            rules=process.rules,
            journal=host.instrumentation.reported,
            observer=host.instrumentation.observer(),
        )

    def _hold_of(self, cluster: str) -> FakeHold:
        return FakeHold(self._host.semaphores.of(f"o2cb.{cluster}"), self._process.pid)

    def _connect(self) -> MembershipSource:
        table = self._process.libcman
        every_address = self._process.rules.table.want_every_address
        source: MembershipSource = CachedSource(
            connect_cman(table, UnwatchedCalls(), every_address=every_address), table.standing
        )
        if not self._host.engine.quorum_provider:
            source = SourceWithoutQuorum(source)
        source = AuditedSource(source, self._host.oracle)
        self._host.connected()
        return source

    def step(self) -> tuple[int | None, float | None]:
        """Step the agent; SystemExit: it has ended."""
        self._asked = False
        wait = self._agent.step()
        if self._agent.exit_code is not None:
            raise SystemExit(self._agent.exit_code)
        self._due_us = wait.deadline_us
        self._host.instrumentation.rested(self._agent.status)
        if self._due_us is None:
            return wait.fd, None
        return wait.fd, (self._due_us - self._host.timeline.now_us()) / SECOND_US

    def stop(self) -> None:
        """Ask the agent to end: it does, or is abandoned after its grace where it stands still."""
        self._agent.stop()
        if not self._stopping:
            self._grace = self._host.timeline.schedule(
                self._abandon,
                after_us=_TIMING.stop_grace_us,
                label=f"daemon {self._host.node_id}: grace is over",
            )

    @property
    def _stopping(self) -> bool:
        return self._grace is not None and self._grace.pending

    def _abandon(self) -> None:
        if self._process.stuck_since_us is None:
            self._host.oracle.overdue()
        self._process.kill()
        self._process.exit_code = 0

    def ended(self, exit_code: int | None) -> None:
        """Let the kernel undo the semaphores of the process."""
        asked = self._stopping
        if self._grace is not None:
            self._grace.cancel()
        if exit_code is None:
            self._host.instrumentation.lived("killed")
        else:
            cluster = self._host.engine.cluster
            self._host.oracle.ended(exit_code, asked=asked, manager_cluster=cluster)
        self._host.oracle.connection_ended()
        self._host.semaphores.process_ended(self._process.pid)

    def forget(self, name: str) -> None:
        """Hand it to the agent."""
        self._agent.forget(name)
        self._asked = True

    def would_ask(self, *, arrived: bool) -> bool:
        """True but for a step that only ends it."""
        due = self._due_us is not None and self._host.timeline.now_us() >= self._due_us
        return due or arrived or self._asked

    @property
    def status(self) -> Status:
        """What `o2cbd status` says."""
        status = self._agent.status
        since_us = self._process.stuck_since_us
        if self._stopping:
            return replace(status, state=State.STOPPING)
        if since_us is None or status.state in {State.STOPPING, State.LOST}:
            return status
        if self._host.timeline.now_us() - since_us < _TIMING.stuck_after_us:
            return status
        return replace(status, state=State.STUCK, reason="in a call to the cluster manager")


class SimulatedUsage:
    """The production usage reader; its calls of `os` end at a fake kernel and mount table."""

    def __init__(
        self,
        model: ConfigfsModel,
        mounts: FakeMountTable,
        make_hold: Callable[[str], reader.HolderReader],
    ) -> None:
        self._os = ModelOs(model, _CONFIGFS, shown={_MOUNTS: lambda: mounts.read().encode()})
        self._reader = reader.HostUsage(
            configfs_path=_CONFIGFS,
            mounts_path=_MOUNTS,
            make_hold=make_hold,
            calls=UnwatchedCalls(),
        )

    def read(self, cluster: str | None) -> Usage:
        """Read all facts anew."""
        with mock.patch.object(reader, "os", self._os):
            return self._reader.read(cluster)
