"""The `sim` arm: a `World` in virtual time, with the real agent on each host."""

from __future__ import annotations

import collections
import contextlib
import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from fakecluster.arms.rules import rules_of
from fakecluster.arms.sim_looks import SimLooks
from fakecluster.arms.untouched import UntouchedOracle
from fakecluster.arms.values import MISSING, ClusterSpec, Span
from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import NodeConfig
from fakecluster.depth import Depth
from fakecluster.report.words import event_text
from fakecluster.trace import Line
from fakecluster.world import World
from o2cbd.core.reports import symbol
from o2cbd.core.rules import SECOND_US as _SECOND_US

_SPANS_US: Final[Mapping[Span, int]] = {
    Span.SOON: 30 * _SECOND_US,
    Span.LATER: 150 * _SECOND_US,
    Span.A_MOMENT: 2 * _SECOND_US,
    Span.A_WHILE: 70 * _SECOND_US,
}
"""A death is noticed in 2.4 s and by the disk heartbeat in 10 s; a resync comes each 30 s."""

_TIMINGS: Final = Timings(token_ms=1000, consensus_ms=1200)
_FORMING_US: Final = 2 * _SECOND_US
_EVENTS_KEPT: Final = 30


class SimCluster(SimLooks):
    """One world, driven by the suite's words."""

    arm = "sim"
    missing = MISSING["sim"]

    def __init__(
        self,
        spec: ClusterSpec,
        *,
        depth: Depth = Depth.INTERFACES,
        made: Callable[[World], None] | None = None,
    ) -> None:
        """Boot it: managers up and of one mind, no daemon yet.

        Args:
            spec: what to boot.
            depth: what of the daemons is real.
            made: called with the world before anything has happened in it.
        """
        self.spec = spec
        self.untouched_oracle = UntouchedOracle(self)
        self.world = World(
            spec.topology, timings=_TIMINGS, dead_threshold=spec.dead_threshold, depth=depth
        )
        if made is not None:
            made(self.world)
        self._events: collections.deque[Line] = collections.deque(maxlen=_EVENTS_KEPT)
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

    def wait(self, condition: Callable[[], bool], within: Span) -> bool:
        """See `Cluster.wait`; exact: it stops at the very event that makes it so."""
        return self.world.run_until(condition, within_us=_SPANS_US[within])

    def watch(self, condition: Callable[[], bool], during: Span) -> bool:
        """See `Cluster.watch`; exact: asked after every event."""
        return not self.world.run_until(lambda: not condition(), within_us=_SPANS_US[during])

    # --- hosts and their managers ---------------------------------------------------------------

    def start(self, host: int, *, daemon: bool = True) -> None:
        """See `Cluster.start`."""
        self.world.start(host, daemon=daemon)

    def kill(self, host: int) -> None:
        """See `Cluster.kill`."""
        self.untouched_oracle.boots(host)
        self.world.kill(host)

    def leave(self, host: int, *, removed: bool = False) -> None:
        """See `Cluster.leave`."""
        self.world.leave(host, removed=removed)

    def cman_start(self, host: int) -> None:
        """See `Cluster.cman_start`."""
        self.world.cman_start(host)

    def cman_crash(self, host: int) -> None:
        """See `Cluster.cman_crash`."""
        self.world.cman_crash(host)

    def cman_stop(self, host: int) -> None:
        """See `Cluster.cman_stop`."""
        self.world.cman_stop(host)

    def cman_cont(self, host: int) -> None:
        """See `Cluster.cman_cont`."""
        self.world.cman_cont(host)

    def fence(self, host: int, *, by: int) -> None:
        """See `Cluster.fence`."""
        self.world.fence(host, by=by)

    def qdisk(self, host: int, *, available: bool) -> None:
        """See `Cluster.qdisk`."""
        self.world.qdisk(host, available=available)

    def expected(self, host: int, votes: int) -> None:
        """See `Cluster.expected`."""
        self.world.expected(host, votes)

    # --- the network ----------------------------------------------------------------------------

    def partition(self, *groups: Sequence[int]) -> None:
        """See `Cluster.partition`."""
        self.world.partition(*groups)

    def cut(self, speaker: int, listener: int) -> None:
        """See `Cluster.cut`."""
        self.world.cut(speaker, listener)

    def heal(self) -> None:
        """See `Cluster.heal`."""
        self.world.heal()

    # --- the kernels ----------------------------------------------------------------------------

    def mount(self, host: int) -> None:
        """See `Cluster.mount`."""
        self.world.mount(host)

    def umount(self, host: int) -> None:
        """See `Cluster.umount`."""
        self.world.umount(host)

    def pin(self, host: int, node: str) -> None:
        """See `Cluster.pin`."""
        self.world.pin(host, node)

    def unpin(self, host: int, node: str) -> None:
        """See `Cluster.unpin`."""
        self.world.unpin(host, node)

    def give_address(self, host: int, address: str) -> None:
        """See `Cluster.give_address`."""
        self.world.give_address(host, address)

    def take_address(self, host: int, address: str) -> None:
        """See `Cluster.take_address`."""
        self.world.take_address(host, address)

    def place_cluster(self, host: int, name: str | None = None) -> None:
        """See `Cluster.place_cluster`."""
        self.world.place_cluster(host, name)

    def place_node(
        self,
        host: int,
        name: str,
        *,
        num: int | None = None,
        address: str | None = None,
        port: int | None = None,
        local: bool = False,
    ) -> None:
        """See `Cluster.place_node`."""
        self.untouched_oracle.handled(host, name)
        self.world.place_node(host, name, num=num, address=address, port=port, local=local)

    def drop_cluster(self, host: int, name: str) -> None:
        """See `Cluster.drop_cluster`."""
        self.world.drop_cluster(host, name)

    def drop_node(self, host: int, name: str) -> None:
        """See `Cluster.drop_node`."""
        self.untouched_oracle.handled(host, name)
        self.world.drop_node(host, name)

    # --- the configuration ----------------------------------------------------------------------

    def address(self, node: int, *addresses: str) -> None:
        """See `Cluster.address`."""
        self.world.address(node, *addresses)

    def add_node(self, node: NodeConfig) -> None:
        """See `Cluster.add_node`."""
        self.world.add_node(node)

    def remove_node(self, node: int) -> None:
        """See `Cluster.remove_node`."""
        self.world.remove_node(node)

    def rename_node(self, node: int, name: str) -> None:
        """See `Cluster.rename_node`."""
        self.world.rename_node(node, name)

    def rename_cluster(self, name: str) -> None:
        """See `Cluster.rename_cluster`."""
        self.world.rename_cluster(name)

    # --- the semaphore --------------------------------------------------------------------------

    def hold(self, host: int) -> None:
        """See `Cluster.hold`."""
        self.world.hold(host)

    def release(self, host: int) -> None:
        """See `Cluster.release`."""
        self.world.release(host)

    def kill_holder(self, host: int) -> None:
        """See `Cluster.kill_holder`."""
        self.world.kill_holder(host)

    def remove_semaphore(self, host: int) -> None:
        """See `Cluster.remove_semaphore`."""
        self.world.remove_semaphore(host)

    # --- the daemon -----------------------------------------------------------------------------

    def daemon_start(self, host: int) -> None:
        """See `Cluster.daemon_start`."""
        self.world.daemon_start(host)

    def daemon_kill(self, host: int) -> None:
        """See `Cluster.daemon_kill`."""
        self.world.daemon_kill(host)

    def daemon_term(self, host: int) -> None:
        """See `Cluster.daemon_term`."""
        self.world.daemon_sigterm(host)

    def forget(self, host: int, node: str) -> None:
        """See `Cluster.forget`."""
        self.world.forget(host, node)

    @contextlib.contextmanager
    def unseen(self, host: int) -> Iterator[None]:
        """See `Cluster.unseen`: verbs take no time here, so nothing is to be done."""
        before_us = self.world.now_us()
        yield
        self.check(f"host {host} has seen nothing yet", self.world.now_us() == before_us)

    # --- faults ---------------------------------------------------------------------------------

    def notice(self, host: int, fault: NoticeFault, *, count: int = 1) -> None:
        """See `Cluster.notice`."""
        self.world.notice(host, fault, count=count)

    def fail_read(self, host: int, errno: int, *, count: int = 1) -> None:
        """See `Cluster.fail_read`."""
        self.world.fail_read(host, errno, count=count)

    def fault(self, host: int, call: str, errno: int, *, count: int = 1) -> None:
        """See `Cluster.fault`."""
        self.world.fault(host, call, errno, count=count)

    def mend_calls(self, host: int) -> None:
        """See `Cluster.mend_calls`."""
        self.world.mend_calls(host)

    def crash_daemon_at(self, host: int, call: str, nth: int = 1) -> None:
        """See `Cluster.crash_daemon_at`."""
        self.world.crash_daemon_at(host, call, nth)

    def hide_mounts(self, host: int) -> None:
        """See `Cluster.hide_mounts`."""
        self.world.mounts_unreadable(host, errno.EIO)

    def show_mounts(self, host: int) -> None:
        """See `Cluster.show_mounts`."""
        self.world.mounts_unreadable(host, None)

    # --- the shutdown question ------------------------------------------------------------------

    def shutdown(self, host: int, *, force: bool = False, remove: bool = False) -> SimQuestion:
        """See `Cluster.shutdown`."""
        self.world.shutdown(host, forced=force, removed=remove)
        return SimQuestion(self.world, host)

    # --- judging --------------------------------------------------------------------------------

    def findings(self) -> tuple[str, ...]:
        """See `Cluster.findings`: safety after every event until now, and liveness."""
        late = self.world.settle()
        return (*self.seen_wrong(), *late)

    def seen_wrong(self) -> tuple[str, ...]:
        """See `Cluster.seen_wrong`: safety after every event until now."""
        return (*self.world.violations, *self.untouched_oracle.findings)

    def last_events(self) -> tuple[str, ...]:
        """See `Cluster.last_events`."""
        return tuple(event_text(line) for line in self._events)


class SimQuestion:
    """A shutdown that was asked in a world."""

    def __init__(self, world: World, host: int) -> None:
        self._world = world
        self._host = host

    @property
    def outcome(self) -> str | None:
        """See `Question.outcome`."""
        result = self._world.shutdown_result(self._host)
        return "allowed" if result == 0 else symbol(result) or None
