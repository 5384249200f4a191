"""One simulated host: a fake kernel, a semaphore, a mount, and the real agent on top."""

from __future__ import annotations

from collections.abc import Callable

from fakecluster.clock import Handle, Timeline
from fakecluster.cman.answers import NodeEntry
from fakecluster.cman.client import Client, Kind
from fakecluster.cman.constants import ExtraFlag
from fakecluster.cman.engine import Engine
from fakecluster.cman.errors import CmanError, ConnectionGoneError
from fakecluster.cman.source import engine_connect
from fakecluster.cman.topology import NodeConfig
from fakecluster.configfs.direct import DirectTree
from fakecluster.configfs.journal import Call
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.hold import FakeHold, FakeSemaphores
from fakecluster.oracles import SafetyOracle, Truth
from fakecluster.trace import Trace
from fakecluster.usage import FakeMount, FakeMountTable, FakeUsage
from o2cbd.agent import Agent
from o2cbd.core import reports
from o2cbd.core.events import Notice, ShutdownAsked
from o2cbd.core.model import Membership, Status
from o2cbd.core.rules import Rules
from o2cbd.membership.interface import MembershipSource

REGION = "0123456789ABCDEF0123456789ABCDEF"
MOUNT_POINT = "/mnt/shared"
_DAEMON_PID = 100
_HEARTBEAT_PID = 200


class SimHost:
    """A host that can be powered on and off; its daemon is woken by the timeline alone."""

    def __init__(
        self,
        *,
        node: NodeConfig,
        engine: Engine,
        timeline: Timeline,
        trace: Trace,
        rules: Rules,
        dead_threshold: int,
        found: Callable[[int, str], None],
    ) -> None:
        self.id = node.id
        self.name = node.name
        self.model = ConfigfsModel(addresses=node.addresses)
        self.mounts = FakeMountTable()
        self.semaphores = FakeSemaphores()
        self.agent: Agent | None = None
        self._engine = engine
        self._timeline = timeline
        self._trace = trace
        self._rules = rules
        self._dead_threshold = dead_threshold
        self._wake: Handle | None = None
        self._source: MembershipSource | None = None
        self._daemon_pid = _DAEMON_PID
        self._witness: Client | None = None
        self.oracle = SafetyOracle(self.model, self._truth, lambda text: found(self.id, text))
        self.model.journal.add_hook(self.oracle.call)
        self.model.journal.add_hook(self._note_call)

    # --- the host -------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Boot with empty tables; start the manager and the daemon."""
        self.model.power_cycle()
        self.model.kernel.dead_threshold = self._dead_threshold
        self._engine.start(self.id)
        self.start_daemon()

    def power_off(self) -> None:
        """Everything on it ends at once."""
        self.kill_daemon()
        self.mounts.umount(MOUNT_POINT)
        self.model.power_cycle()
        self._engine.kill(self.id)

    def mount(self) -> int:
        """Mount the shared volume here; returns the num whose slot is written.

        Raises:
            OSError: the kernel refuses: no cluster, or no local node.
        """
        self.model.heartbeat.start(REGION, pid=_HEARTBEAT_PID)
        self.mounts.mount(FakeMount(point=MOUNT_POINT))
        cluster = self.model.kernel.cluster
        local = None if cluster is None else cluster.local_node
        if local is None or local.num is None:
            raise RuntimeError("the kernel started a heartbeat without a local node")
        return local.num

    def umount(self) -> None:
        """Unmount it."""
        self.mounts.umount(MOUNT_POINT)
        self.model.heartbeat.stop(REGION)

    @property
    def mounted(self) -> bool:
        """True while OCFS2 stands in the mount table."""
        return bool(self.mounts.text())

    # --- the daemon -----------------------------------------------------------------------------

    def start_daemon(self) -> None:
        """Start the daemon's process; nothing happens while it runs."""
        if self.agent is not None:
            return
        self._daemon_pid += 1
        self.agent = Agent(
            connect=self._connect,
            tree=DirectTree(self.model),
            make_hold=self.hold_of,
            usage=FakeUsage(self.model, self.mounts, self.hold_of),
            clock=self._timeline.clock,
            rules=self._rules,
            journal=self._note_report,
        )
        self.wake()

    def kill_daemon(self) -> None:
        """SIGKILL: its connection is closed and its semaphores are undone by the kernel."""
        if self._wake is not None:
            self._wake.cancel()
        self.agent = None
        self._drop_source()
        self.semaphores.process_ended(self._daemon_pid)
        self.oracle.connection_ended()

    def hold_of(self, cluster: str) -> FakeHold:
        """Return the daemon's view of the cluster's semaphore."""
        return FakeHold(self.semaphores.of(f"o2cb.{cluster}"), self._daemon_pid)

    @property
    def status(self) -> Status | None:
        """What the daemon says; None while it does not run."""
        return None if self.agent is None else self.agent.status

    def wake(self) -> None:
        """Let the daemon step now: its descriptor is readable."""
        self._wake_at(self._timeline.now_us())

    def _wake_at(self, due_us: int) -> None:
        if self._wake is not None and self._wake.pending:
            if self._wake.due_us <= due_us:
                return
            self._wake.cancel()
        self._wake = self._timeline.schedule(self._step, at_us=due_us, label=f"daemon {self.id}")

    def _step(self) -> None:
        if self.agent is None:
            return
        wait = self.agent.step()
        if self.agent.exit_code is not None:
            self.kill_daemon()
            return
        self.oracle.at_rest()
        if wait.deadline_us is not None:
            self._wake_at(wait.deadline_us)

    def _connect(self) -> MembershipSource:
        source = engine_connect(self._engine, self.id, on_readable=self.wake)()
        self._source = WatchedSource(source, self.oracle)
        return self._source

    def _drop_source(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None

    # --- what is noted and judged ---------------------------------------------------------------

    def _note_report(self, report: reports.Report) -> None:
        self._trace.add(self.id, "report", report.code, text=report.text)

    def _note_call(self, call: Call) -> None:
        if call.name in {"mkdir", "rmdir"} or call.name.startswith("write:"):
            value = call.data.decode("ascii", "backslashreplace")
            self._trace.add(self.id, "call", call.name, path=call.path, value=value)

    def _truth(self) -> Truth:
        entries = self._members()
        holder = self.semaphores.of(f"o2cb.{self._cluster()}").holder
        info = None if self._witness is None else self._witness.get_extra_info()
        return Truth(
            quorate=self._witness is not None and self._witness.is_quorate(),
            two_node=info is not None and bool(info.flags & ExtraFlag.TWO_NODE),
            member_names=frozenset(entry.name for entry in entries),
            right=frozenset(
                (entry.name, entry.node_id, entry.address, self._rules.table.port)
                for entry in entries
                if entry.node_id
            ),
            holder=holder,
            daemon_pid=self._daemon_pid,
            in_use=self.model.heartbeat.runs or self.mounted,
        )

    def _members(self) -> tuple[NodeEntry, ...]:
        """Ask the manager itself, on a connection of the judge's own."""
        for _ in range(2):
            if self._witness is None:
                try:
                    self._witness = self._engine.connect(self.id, Kind.ADMIN)
                except OSError:
                    return ()
            try:
                return tuple(entry for entry in self._witness.get_all_members() if entry.is_member)
            except ConnectionGoneError:
                self._witness = None
            except CmanError:
                return ()
        return ()

    def _cluster(self) -> str:
        cluster = self.model.kernel.cluster
        return "" if cluster is None else cluster.name


class WatchedSource:
    """A membership source whose shutdown questions and answers a judge hears first."""

    def __init__(self, source: MembershipSource, oracle: SafetyOracle) -> None:
        self._source = source
        self._oracle = oracle

    def fileno(self) -> int:
        """See `MembershipSource.fileno`."""
        return self._source.fileno()

    def dispatch(self) -> tuple[Notice, ...]:
        """See `MembershipSource.dispatch`."""
        notices = self._source.dispatch()
        for notice in notices:
            if isinstance(notice, ShutdownAsked):
                self._oracle.asked()
        return notices

    def snapshot(self) -> Membership:
        """See `MembershipSource.snapshot`."""
        return self._source.snapshot()

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - as in the interface
        """See `MembershipSource.reply_shutdown`."""
        self._oracle.answered(yes=yes)
        self._source.reply_shutdown(yes)

    def close(self) -> None:
        """See `MembershipSource.close`."""
        self._oracle.connection_ended()
        self._source.close()
