"""One simulated host: a fake kernel, semaphores, a mount table, and its daemon."""

from __future__ import annotations

from collections.abc import Callable

from fakecluster.clock import Timeline
from fakecluster.cman.engine import Engine
from fakecluster.cman.topology import NodeConfig
from fakecluster.configfs.journal import Call
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.depth import Depth
from fakecluster.hold import FakeHold, FakeSemaphores
from fakecluster.oracles import SafetyOracle, Truth
from fakecluster.probes import Probes
from fakecluster.sim_daemon import DaemonHost, SimDaemon
from fakecluster.trace import Trace
from fakecluster.truth import Expectation, Looker, ManagerView
from fakecluster.usage import FakeMount, FakeMountTable
from o2cbd.agent import Agent
from o2cbd.core.model import Status
from o2cbd.core.reports import Report
from o2cbd.core.rules import Rules

REGION = "0123456789ABCDEF0123456789ABCDEF"
MOUNT_POINT = "/mnt/shared"
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
        probes: Probes,
        rules: Rules,
        dead_threshold: int,
        depth: Depth,
        found: Callable[[int, str], None],
    ) -> None:
        self.id = node.id
        self.name = node.name
        self.powered = False
        self.model = ConfigfsModel(addresses=node.addresses)
        self.mounts = FakeMountTable()
        self.semaphores = FakeSemaphores()
        self.dead_threshold = dead_threshold
        self._engine = engine
        self._trace = trace
        self._probes = probes
        self._looker = Looker(engine, node.id)
        self._expectation = Expectation(rules)
        self._expected_of = rules
        self.oracle = SafetyOracle(self.model, self._truth, lambda text: found(self.id, text))
        self.model.journal.add_hook(self._note_call, reads=False)
        self.daemon = SimDaemon(
            DaemonHost(
                node_id=node.id,
                engine=engine,
                timeline=timeline,
                model=self.model,
                mounts=self.mounts,
                semaphores=self.semaphores,
                oracle=self.oracle,
                told=self._note_report,
                rested=self._rested,
            ),
            rules=rules,
            depth=depth,
        )

    # --- the host -------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Boot with empty tables; nothing happens while it is on."""
        if self.powered:
            return
        self.powered = True
        self.model.power_cycle()
        self.model.kernel.dead_threshold = self.dead_threshold

    def power_off(self) -> None:
        """Everything on it ends at once."""
        self.daemon.kill()
        self.powered = False
        self.mounts.umount(MOUNT_POINT)
        self.semaphores.power_cycle()
        self.model.power_cycle()

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

    @property
    def agent(self) -> Agent | None:
        """The running daemon's; None while none runs."""
        return self.daemon.agent

    @property
    def status(self) -> Status | None:
        """What the daemon says; None while it does not run."""
        return self.daemon.status

    def start_daemon(self) -> None:
        """Start the daemon's process; nothing happens while it runs."""
        self.daemon.start()

    def kill_daemon(self) -> None:
        """SIGKILL."""
        self.daemon.kill()

    def outside_hold(self, pid: int) -> FakeHold:
        """Return another process's view of the cluster's semaphore."""
        return FakeHold(self.semaphores.of(f"o2cb.{self._engine.cluster}"), pid)

    # --- the truth ------------------------------------------------------------------------------

    @property
    def view(self) -> ManagerView | None:
        """What the host's manager holds for true; None while it is no member."""
        return self._looker.view()

    @property
    def truth(self) -> Truth:
        """What is so on this host now, whatever its daemon believes."""
        return self._truth()

    def _truth(self) -> Truth:
        view = self._looker.view()
        rules = self.daemon.rules
        if rules is not self._expected_of:
            self._expectation, self._expected_of = Expectation(rules), rules
        cluster = self.model.kernel.cluster
        actual = () if cluster is None else cluster.nodes.values()
        return Truth(
            view=view,
            rows={} if view is None else self._expectation.rows(view, actual),
            holder=self.holder,
            in_use=self._in_use(),
        )

    @property
    def held_by_others(self) -> bool:
        """True while the daemon cannot take the semaphore."""
        semaphore = self.semaphores.of(f"o2cb.{self._engine.cluster}")
        return semaphore.unusable_errno is not None or self.holder not in {None, self.daemon.pid}

    @property
    def faulted(self) -> bool:
        """True while calls to configfs or readings of the manager are to fail."""
        return self.model.journal.armed or self._engine.read_fails(self.id)

    @property
    def holder(self) -> int | None:
        """The pid of whoever holds the cluster's semaphore."""
        return self.semaphores.of(f"o2cb.{self._engine.cluster}").holder

    def _in_use(self) -> str:
        if self.model.heartbeat.runs:
            return "a heartbeat region runs"
        if self.mounted:
            return "OCFS2 is mounted"
        if self.holder not in {None, self.daemon.pid}:
            return "somebody holds the semaphore"
        return ""

    # --- what is noted and judged ---------------------------------------------------------------

    def _rested(self) -> None:
        status = None if self.agent is None else self.agent.status
        self.oracle.at_rest(status)
        if status is not None:
            self._probes.rested(status)

    def _note_report(self, report: Report) -> None:
        self._probes.told(report)
        if self._trace.heard:
            self._trace.add(self.id, "report", report.code, text=report.text)
        else:
            self._trace.skip()

    def _note_call(self, call: Call) -> None:
        if self.daemon.stepping:
            self.oracle.call(call)
        self._probes.called(call)
        if self._trace.heard:
            value = call.data.decode("ascii", "backslashreplace")
            self._trace.add(self.id, "call", call.name, path=call.path, value=value)
        else:
            self._trace.skip()
