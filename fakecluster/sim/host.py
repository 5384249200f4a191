"""One simulated host: a fake kernel, semaphores, a mount table, and its daemon."""

from __future__ import annotations

from collections.abc import Callable

from fakecluster.clock import Timeline
from fakecluster.cman.engine import Engine
from fakecluster.cman.topology import NodeConfig
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.oracles.instrumentation import Instrumentation
from fakecluster.oracles.mutual_removals import MutualRemovals
from fakecluster.oracles.probes import Probes
from fakecluster.oracles.safety import SafetyOracle
from fakecluster.sim.daemon_under_test import Subject
from fakecluster.sim.foreign_program import ForeignDaemon
from fakecluster.sim.host_truth import HostTruth
from fakecluster.sim.mount_table import FakeMount, FakeMountTable
from fakecluster.sim.o2cbd_program import DaemonHost, O2cbd
from fakecluster.sim.process import Program, SimulatedProcess
from fakecluster.sim.semaphores import FakeSemaphore, FakeSemaphores
from fakecluster.trace.events import Trace
from o2cbd.core.model import Status
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
        removals: MutualRemovals,
        found: Callable[[int, str], None],
        subject: Subject | None,
    ) -> None:
        self.id = node.id
        self.name = node.name
        self.powered = False
        self.model = ConfigfsModel(addresses=node.addresses)
        self.mounts = FakeMountTable()
        self.semaphores = FakeSemaphores()
        self.dead_threshold = dead_threshold
        self._engine = engine
        self._removals = removals
        self.truth = HostTruth(
            node_id=node.id,
            engine=engine,
            model=self.model,
            mounts=self.mounts,
            semaphores=self.semaphores,
            daemon=lambda: (self.daemon.rules, self.daemon.pid),
        )
        self.oracle = SafetyOracle(
            node.id,
            self.model,
            self.truth,
            lambda text: found(self.id, text),
            removals=removals,
            now_us=timeline.now_us,
        )
        instrumentation = Instrumentation(
            node_id=node.id,
            trace=trace,
            probes=probes,
            oracle=self.oracle,
            stepping=lambda: self.daemon.stepping,
        )
        self.model.journal.add_hook(instrumentation.called, reads=False)
        self.model.journal.listen(instrumentation.done)
        program: Program
        if subject is None:
            program = O2cbd(
                DaemonHost(
                    node_id=node.id,
                    engine=engine,
                    timeline=timeline,
                    model=self.model,
                    mounts=self.mounts,
                    semaphores=self.semaphores,
                    oracle=self.oracle,
                    instrumentation=instrumentation,
                    connected=self.truth.connected,
                )
            )
        else:
            name = node.name or f"node{node.id}"
            program = ForeignDaemon(subject, node.id, name, trace, timeline.now_us)
        self.daemon = SimulatedProcess(
            program,
            node_id=node.id,
            engine=engine,
            timeline=timeline,
            rules=rules,
            stood=lambda: probes.hit("state-stuck"),
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
        self._removals.rebooted(self.id)

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
    def status(self) -> Status | None:
        """What the daemon says; None while it does not run."""
        return self.daemon.status

    @property
    def cluster(self) -> str:
        """The cluster's name in OCFS2: the settings', else what the manager says now."""
        return self.daemon.rules.o2cb_name or self._engine.cluster

    @property
    def semaphore(self) -> FakeSemaphore:
        """The one by which others ask that configfs is left alone."""
        return self.semaphores.of(f"o2cb.{self.cluster}")

    # --- the truth ------------------------------------------------------------------------------

    @property
    def faulted(self) -> bool:
        """True while calls to configfs or readings of the manager are to fail."""
        return self.model.journal.armed or self._engine.read_fails(self.id)
