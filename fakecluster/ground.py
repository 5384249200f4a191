"""What a world's verbs act on: the timeline, the cluster manager, the disk, the hosts."""

from __future__ import annotations

from collections.abc import Callable

from fakecluster.clock import Timeline
from fakecluster.cman.engine import Engine, EngineEvent, OperationError, Sockets, Watcher
from fakecluster.cman.port_holders import PortHolders
from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.depth import Depth
from fakecluster.heartbeat import SharedDisk
from fakecluster.hold import FakeHold
from fakecluster.host import SimHost
from fakecluster.mutual_removals import MutualRemovals
from fakecluster.probes import Probes
from fakecluster.streams import rng_for
from fakecluster.trace import Trace
from o2cbd.core.records import ranges
from o2cbd.core.rules import Rules

_SETTLE_STEPS_MAX = 1_000_000


class WorldGround:
    """Hosts with the real agent on each, one cman, one shared disk, in virtual time."""

    def __init__(
        self,
        topology: Topology,
        *,
        timings: Timings | None = None,
        rules: Rules | None = None,
        dead_threshold: int = 31,
        seed: int = 0,
        depth: Depth = Depth.INTERFACES,
    ) -> None:
        """Make it; nothing runs yet.

        Args:
            topology: the cluster's configuration.
            timings: the manager's clocks.
            rules: every daemon's, until `set_rules` gives a host its own.
            dead_threshold: the disk heartbeat's, in its intervals of two seconds.
            seed: of everything that is drawn.
            depth: what of the daemon is real.
        """
        self.seed = seed
        self.depth = depth
        self.timeline = Timeline()
        self.trace = Trace(self.timeline.now_us)
        self.probes = Probes()
        self.violations: list[str] = []
        """What the safety oracles found; empty in a good world."""
        self.rules = rules or Rules()
        self._dead_threshold = dead_threshold
        self.removals = MutualRemovals(lambda node_id: self.hosts[node_id].model)
        self._slots: dict[int, int] = {}
        """By host: the num as which it mounted when its daemon last let it."""
        self._shutdowns: dict[int, int | None] = {}
        self._holds: dict[tuple[int, int], FakeHold] = {}
        """By host and pid: what other processes have taken."""
        self.engine = Engine(
            topology,
            self.timeline,
            timings=timings,
            rng=rng_for(seed, "cman"),
            watcher=_Wakers(self),
            trace=self._on_cman,
        )
        self.port_holders = PortHolders(self.engine)
        self.disk = SharedDisk(self.timeline, self._on_live_changed)
        self.hosts: dict[int, SimHost] = {}
        """By node id, in the order in which they came to be."""
        for node in topology.nodes:
            self._add_host(node)

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

    # --- looking --------------------------------------------------------------------------------

    @property
    def open_shutdowns(self) -> tuple[int, ...]:
        """The hosts on which a shutdown was asked and could be decided, and was not.

        A manager that is stopped, or waits for a ring that does not come, decides nothing.
        """
        return tuple(
            node_id
            for node_id, result in self._shutdowns.items()
            if result is None
            and not self.engine.is_stopped(node_id)
            and not self.engine.is_outcast(node_id)
        )

    # --- for the verbs --------------------------------------------------------------------------

    def host(self, node_id: int) -> SimHost:
        """Return a host.

        Raises:
            OperationError: there is none with this id.
        """
        try:
            return self.hosts[node_id]
        except KeyError:
            raise OperationError(f"there is no node {node_id}") from None

    def _add_host(self, node: NodeConfig) -> None:
        self.hosts[node.id] = SimHost(
            node=node,
            engine=self.engine,
            timeline=self.timeline,
            trace=self.trace,
            probes=self.probes,
            rules=self.rules,
            dead_threshold=self._dead_threshold,
            depth=self.depth,
            removals=self.removals,
            found=self._violation,
        )

    def _verb(self, host: int, what: str, **detail: str | int | bool | None) -> None:
        self.trace.add(host, "verb", what, **detail)

    def _violation(self, host: int, text: str) -> None:
        self.violations.append(f"node {host}: {text}")
        self.trace.add(host, "check", "violation", text=text)

    def _on_cman(self, event: EngineEvent) -> None:
        if event.to:
            self.trace.add(
                event.node_id,
                "message",
                event.what,
                to=ranges(event.to) if self.trace.heard else "",
                arrives_us=event.arrives_us,
            )
            return
        self.trace.add(event.node_id, "cman", event.what, detail=event.detail)

    def _on_live_changed(self, node_id: int, nums: frozenset[int]) -> None:
        heartbeat = self.hosts[node_id].model.heartbeat
        heartbeat.see(sorted(nums))


class _Wakers(Watcher):
    """Lets a daemon go on that stood still in a call, once that can end."""

    def __init__(self, world: WorldGround) -> None:
        self._world = world

    def sockets(self, node_id: int, sockets: Sockets) -> None:
        """A manager came or went."""
        del sockets
        self._go_on(node_id)

    def stopped(self, node_id: int, *, stopped: bool) -> None:
        """A manager was stopped, or goes on."""
        if not stopped:
            self._go_on(node_id)

    def _go_on(self, node_id: int) -> None:
        host = self._world.hosts.get(node_id)
        if host is not None and host.daemon.stuck_since_us is not None:
            host.daemon.wake()
