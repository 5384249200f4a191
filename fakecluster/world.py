"""A world: hosts with the real agent on each, one cman, one shared disk, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fakecluster.clock import Timeline
from fakecluster.cman.client import Client, Kind
from fakecluster.cman.engine import Engine
from fakecluster.cman.engine import Trace as CmanTrace
from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import Topology
from fakecluster.heartbeat import SharedDisk
from fakecluster.host import SimHost
from fakecluster.trace import Trace
from o2cbd.core.rules import Rules

_SETTLE_STEPS_MAX = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownResult:
    """How a shutdown request ended: 0 or the errno that the requester got."""

    host: int
    errno: int


class World:
    """Everything at once. Verbs take effect now; time passes only in `run_for` and `run_until`."""

    def __init__(
        self,
        topology: Topology,
        *,
        timings: Timings | None = None,
        rules: Rules | None = None,
        dead_threshold: int = 31,
        seed: int = 0,
    ) -> None:
        """Make it; nothing runs yet.

        Args:
            topology: the cluster's configuration.
            timings: the manager's clocks.
            rules: every daemon's.
            dead_threshold: the disk heartbeat's, in its intervals of two seconds.
            seed: of the manager's draws.
        """
        self.timeline = Timeline()
        self.trace = Trace(self.timeline.now_us)
        self.violations: list[str] = []
        self._shutdowns: list[ShutdownResult] = []
        self.engine = Engine(
            topology,
            self.timeline,
            timings=timings,
            rng=random.Random(seed),  # noqa: S311 - a simulation draws reproducibly
            trace=self._on_cman,
        )
        self.disk = SharedDisk(self.timeline, self._on_live_changed)
        self.hosts = {
            node.id: SimHost(
                node=node,
                engine=self.engine,
                timeline=self.timeline,
                trace=self.trace,
                rules=rules or Rules(),
                dead_threshold=dead_threshold,
                found=self._violation,
            )
            for node in topology.nodes
        }

    # --- time -----------------------------------------------------------------------------------

    def now_us(self) -> int:
        """Return the virtual time in microseconds."""
        return self.timeline.now_us()

    def run_for(self, span_us: int) -> None:
        """Let that much virtual time pass."""
        self.timeline.run_until(self.now_us() + span_us)

    def run_until(self, condition: Callable[[], bool], *, within_us: int) -> bool:
        """Let time pass until the condition holds, but no longer than that; whether it held."""
        end_us = self.now_us() + within_us
        for _ in range(_SETTLE_STEPS_MAX):
            if condition():
                return True
            due_us = self.timeline.next_due_us()
            if due_us is None or due_us > end_us:
                self.timeline.run_until(end_us)
                return condition()
            self.timeline.run_next()
        raise RuntimeError("the world does not come to rest: something is woken without end")

    # --- verbs ----------------------------------------------------------------------------------

    def start(self, node_id: int) -> None:
        """Power a host on: its kernel, its cman, its daemon."""
        self._verb(node_id, "start")
        self.hosts[node_id].power_on()

    def kill(self, node_id: int) -> None:
        """Power a host off."""
        self._verb(node_id, "kill")
        self.disk.die(node_id)
        self.hosts[node_id].power_off()

    def leave(self, node_id: int) -> None:
        """Let a node leave the cluster cleanly, without asking anybody."""
        self._verb(node_id, "leave")
        self.engine.leave(node_id)

    def partition(self, *groups: Sequence[int]) -> None:
        """Let only the nodes within a group hear each other."""
        text = "/".join(",".join(str(node_id) for node_id in group) for group in groups)
        self._verb(0, "partition", groups=text)
        self.engine.partition(groups)

    def heal(self) -> None:
        """Undo all partitions."""
        self._verb(0, "heal")
        self.engine.heal()

    def mount(self, node_id: int) -> None:
        """Mount the shared volume: a region with a thread, a slot on the disk, a mount."""
        self._verb(node_id, "mount")
        num = self.hosts[node_id].mount()
        threshold = self.hosts[node_id].model.kernel.dead_threshold
        self.disk.mount(node_id, num=num, dead_threshold=threshold)

    def umount(self, node_id: int) -> None:
        """Unmount it cleanly."""
        self._verb(node_id, "umount")
        self.disk.umount(node_id)
        self.hosts[node_id].umount()

    def pin(self, node_id: int, name: str) -> None:
        """Let the kernel of a host refuse to let go of a node."""
        self._verb(node_id, "pin", node=name)
        self.hosts[node_id].model.heartbeat.pin(name)

    def unpin(self, node_id: int, name: str) -> None:
        """End what `pin` began."""
        self._verb(node_id, "unpin", node=name)
        self.hosts[node_id].model.heartbeat.unpin(name)

    def shutdown(self, node_id: int, *, forced: bool = False, removed: bool = False) -> None:
        """Ask for a shutdown as an administrator does; the result comes into `shutdowns`."""
        self._verb(node_id, "shutdown", forced=forced, removed=removed)
        admin: Client = self.engine.connect(node_id, Kind.ADMIN)

        def ended(status: int) -> None:
            if all(one.host != node_id for one in self._shutdowns):
                self._shutdowns.append(ShutdownResult(host=node_id, errno=-status))

        self._shutdowns = [one for one in self._shutdowns if one.host != node_id]
        admin.try_shutdown(int(forced) | int(removed) << 1, ended)

    def shutdown_result(self, node_id: int) -> int | None:
        """Return the errno of the host's last shutdown request, 0 for granted, None: not yet."""
        return next((one.errno for one in self._shutdowns if one.host == node_id), None)

    # --- looking --------------------------------------------------------------------------------

    def table(self, node_id: int) -> tuple[str, ...]:
        """Return the names of the nodes in a host's kernel, by num."""
        cluster = self.hosts[node_id].model.kernel.cluster
        nodes = [] if cluster is None else list(cluster.nodes.values())
        return tuple(node.name for node in sorted(nodes, key=lambda one: (one.num or 0, one.name)))

    def _verb(self, host: int, what: str, **detail: str | int | bool | None) -> None:
        self.trace.add(host, "verb", what, **detail)

    def _violation(self, host: int, text: str) -> None:
        self.violations.append(f"node {host}: {text}")
        self.trace.add(host, "check", "violation", text=text)

    def _on_cman(self, event: CmanTrace) -> None:
        self.trace.add(event.node_id, "cman", event.what, detail=event.detail)

    def _on_live_changed(self, node_id: int, nums: frozenset[int]) -> None:
        self.hosts[node_id].model.heartbeat.see(sorted(nums))
