"""A world: hosts with the real agent on each, one cman, one shared disk, in virtual time."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from functools import singledispatchmethod
from typing import Final

from fakecluster import verbs
from fakecluster.clock import Timeline
from fakecluster.cman.constants import ShutdownFlag
from fakecluster.cman.engine import Engine, EngineEvent, OperationError, Sockets, Watcher
from fakecluster.cman.errors import ManagerStuckError
from fakecluster.cman.network import Slowness
from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.configfs.directories import Presence
from fakecluster.configfs.journal import READS, Call
from fakecluster.oracles.mutual_removals import MutualRemovals
from fakecluster.oracles.probes import Probes
from fakecluster.sim.daemon_under_test import Subject
from fakecluster.sim.disk import SharedDisk
from fakecluster.sim.engine_verbs import EngineVerbs
from fakecluster.sim.host import SimHost
from fakecluster.sim.liveness import LivenessOracle
from fakecluster.sim.process import DaemonKilled, SimulatedProcess
from fakecluster.sim.semaphores import FakeHold
from fakecluster.streams import rng_for
from fakecluster.trace.events import Trace
from fakecluster.verb_codec import trace_detail
from fakecluster.verb_methods import VerbMethods
from fakecluster.verbs import ANY_CALL, ANY_CHANGE, Verb
from o2cbd.core.model import State
from o2cbd.core.records import ranges
from o2cbd.core.reports import symbol
from o2cbd.core.rules import Rules

DEFAULT_BOUND_US = 90_000_000
"""Virtual time within which a world comes to rest once nothing is done to it: a death's detection,
the longest pause between two tries, a resync, and as much again."""
_SLACK_US = 2_000_000
_SETTLE_STEPS_MAX = 1_000_000
_OUTSIDE_PID: Final = 900
"""Of another process of a host that holds."""
_NOTED_LATER: Final = (
    *(verbs.Boot, verbs.Start, verbs.Kill, verbs.CmanStart, verbs.Mount, verbs.DaemonStart),
    *(verbs.DaemonRestart, verbs.Isolate, verbs.PlaceCluster, verbs.PlaceNode),
)
"""Verbs that are noted once they make sense, or as the verbs that they consist of."""


class World(VerbMethods):
    """Hosts, their manager and their disk; every verb has a handler.

    Verbs take effect now; time passes only in `run_for`, `run_until` and `settle`. What makes no
    sense now raises OperationError, or OSError where a kernel refuses.

    `violations` is what the safety oracles found; `settle` asks the liveness oracle.
    """

    def __init__(
        self,
        topology: Topology,
        *,
        timings: Timings | None = None,
        rules: Rules | None = None,
        dead_threshold: int = 31,
        seed: int = 0,
        subject: Subject | None = None,
    ) -> None:
        """Make it; nothing runs yet.

        Args:
            topology: the cluster's configuration.
            timings: the manager's clocks.
            rules: every daemon's, until `set_rules` gives a host its own.
            dead_threshold: the disk heartbeat's, in its intervals of two seconds.
            seed: of everything that is drawn.
            subject: what runs in place of o2cbd; None: o2cbd.
        """
        self._subject = subject
        self.seed = seed
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
        self._holds: dict[int, FakeHold] = {}
        """By host: what another process has taken."""
        self.engine = Engine(
            topology,
            self.timeline,
            timings=timings,
            rng=rng_for(seed, "cman"),
            watcher=_Wakers(self),
            trace=self._on_cman,
        )
        self._managers = EngineVerbs(self.engine, "sim", self.now_us)
        self.disk = SharedDisk(self.timeline, self._on_live_changed, self._fences_itself)
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

    def settle(self, bound_us: int = DEFAULT_BOUND_US) -> list[str]:
        """Let time pass until every host is as it should be, and say what is not by then.

        Only a difference without a true reason is a finding: a step that quorum, a pin, a holder or
        a fault of ours keeps back is none, as long as the daemon says so.

        It has come to rest when nothing was wrong twice, a death's detection apart: what the
        manager has not noticed yet nobody can be blamed for.

        Args:
            bound_us: no longer than this.

        Returns:
            What is not as it should be, in words; empty: all is well.
        """
        judge = self.judge()
        end_us = self.now_us() + bound_us
        calm_us = self.engine.timings.detection_us + _SLACK_US
        while self.run_until(judge.ok, within_us=max(0, end_us - self.now_us())):
            self.run_for(calm_us)
            if judge.ok():
                return []
            if self.now_us() >= end_us:
                break
        return judge.findings()

    def judge(self) -> LivenessOracle | Subject:
        """Return the liveness oracle of this world."""
        if self._subject is not None:
            return self._subject
        return LivenessOracle(self.engine, self.hosts, lambda: self.open_shutdowns)

    def end_faults(self) -> None:
        """Undo what keeps hosts from being as they should be, as far as an operator could.

        Links are healed, stopped managers go on, calls, readings and semaphores work, holders let
        go. What is powered off, dead, pinned or unmounted stays so.
        """
        self.heal()
        self.slow_network()
        for node_id, host in self.hosts.items():
            if self.engine.is_stopped(node_id):
                self.cman_cont(node_id)
            if host.powered:
                self.mend_calls(node_id)
                self.mount_configfs(node_id)
                self.mounts_unreadable(node_id, None)
                self.semaphore_unusable(node_id, None)
        for node_id in list(self._holds):
            self.release(node_id)

    # --- looking --------------------------------------------------------------------------------

    def host(self, node_id: int) -> SimHost:
        """Return a host.

        Raises:
            OperationError: there is none with this id.
        """
        try:
            return self.hosts[node_id]
        except KeyError:
            raise OperationError(f"there is no node {node_id}") from None

    def table(self, node_id: int) -> tuple[str, ...]:
        """Return the names of the nodes in a host's kernel, by num."""
        cluster = self.host(node_id).model.kernel.cluster
        nodes = [] if cluster is None else list(cluster.nodes.values())
        return tuple(node.name for node in sorted(nodes, key=lambda one: (one.num or 0, one.name)))

    def daemon_exit(self, node_id: int) -> int | None:
        """Return the exit code of the last daemon that ended by itself; None: it did not."""
        return self.host(node_id).daemon.exit_code

    def question(self, host: int) -> WorldQuestion:
        """Return the last shutdown that was asked for on a host."""
        return WorldQuestion(self, host)

    def shutdown_result(self, node_id: int) -> int | None:
        """Return the errno of the host's last shutdown request, 0 for granted, None: not yet."""
        return self._shutdowns.get(node_id)

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

    # --- verbs ----------------------------------------------------------------------------------

    def apply(self, verb: Verb) -> None:
        """Do a verb, and note it in the trace.

        Raises:
            OperationError: it makes no sense now, or names what is not there.
            TopologyError: the configuration cannot be so.
            OSError: a kernel or a manager refuses it.
            ManagerStuckError: the manager is stopped; whoever asks it waits.
        """
        if not isinstance(verb, _NOTED_LATER):
            self._note(verb)
        self._do(verb)

    def _note(self, verb: Verb) -> None:
        self.trace.add(verb.subject, "verb", verb.word, **trace_detail(verb))

    @singledispatchmethod
    def _do(self, verb: Verb) -> None:
        self._managers.apply(verb)

    # --- power

    @_do.register
    def _boot(self, verb: verbs.Boot) -> None:
        host = self.host(verb.node)
        if not host.powered:
            self._note(verb)
            host.power_on()

    @_do.register
    def _start(self, verb: verbs.Start) -> None:
        host = self.host(verb.node)
        self._note(verb)
        host.power_on()
        if not self.engine.state(verb.node).running:
            self.engine.start(verb.node)
        if verb.daemon:
            host.daemon.start()

    @_do.register
    def _kill(self, verb: verbs.Kill) -> None:
        self._powered(verb.node)
        self._note(verb)
        self._power_off(verb.node)

    def _power_off(self, node_id: int) -> None:
        self.disk.die(node_id)
        # The manager ends with the power, and its daemon with it: nobody sees the other go.
        self.hosts[node_id].power_off()
        if self.engine.state(node_id).running:
            self.engine.kill(node_id)
        if self._subject is not None:
            self._subject.power_lost(node_id)

    def _powered(self, node_id: int, hint: str = "") -> SimHost:
        host = self.host(node_id)
        if not host.powered:
            raise OperationError(f"node {node_id} has no power{hint}")
        return host

    # --- the cluster manager

    @_do.register
    def _cman_start(self, verb: verbs.CmanStart) -> None:
        self._powered(verb.node, ": start it")
        self._note(verb)
        self.engine.start(verb.node)

    # --- the network

    @_do.register
    def _isolate(self, verb: verbs.Isolate) -> None:
        self.partition((verb.node,))

    @_do.register
    def _ring(self, _verb: verbs.Ring) -> None:
        ids = sorted(self.hosts)
        for place, node_id in enumerate(ids):
            near = {ids[place - 1], ids[(place + 1) % len(ids)], node_id}
            for other in ids:
                if other not in near:
                    self.engine.cut(other, node_id)

    @_do.register
    def _slow_network(self, verb: verbs.SlowNetwork) -> None:
        slow = Slowness(
            delay_us=verb.delay_us,
            jitter_us=verb.jitter_us,
            loss_percent=verb.loss_percent,
            rng=rng_for(self.seed, "network"),
        )
        slows = verb.delay_us or verb.jitter_us or verb.loss_percent
        self.engine.slow_network(slow if slows else None)

    # --- the shared volume and the kernel

    @_do.register
    def _mount(self, verb: verbs.Mount) -> None:
        host = self.host(verb.node)
        if host.mounted:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        num = host.mount()
        self._note(verb)
        self.disk.mount(verb.node, num=num, dead_threshold=host.model.kernel.dead_threshold)
        self._slots.pop(verb.node, None)
        if host.status is not None and host.status.state is State.SYNCED:
            self._judge_slots(verb.node, num)

    def _judge_slots(self, node_id: int, num: int) -> None:
        """Two that write one slot of the disk destroy it; their daemons let both mount."""
        for other, taken in self._slots.items():
            if taken == num and self.disk.mounted(other):
                self._violation(node_id, f"mounted as number {num}, as host {other} is")
        self._slots[node_id] = num

    @_do.register
    def _umount(self, verb: verbs.Umount) -> None:
        self.disk.umount(verb.node)
        self.host(verb.node).umount()

    @_do.register
    def _stall_disk(self, verb: verbs.StallDisk) -> None:
        self.disk.stall(verb.node)

    def _fences_itself(self, node_id: int) -> None:
        self.trace.add(node_id, "verb", verbs.FENCED_ITSELF)
        self._power_off(node_id)

    @_do.register
    def _pin(self, verb: verbs.Pin) -> None:
        self.host(verb.node).model.heartbeat.pin(verb.name)

    @_do.register
    def _unpin(self, verb: verbs.Unpin) -> None:
        self.host(verb.node).model.heartbeat.unpin(verb.name)

    # --- configuration

    @_do.register
    def _change_address(self, verb: verbs.ChangeAddress) -> None:
        self.engine.set_address(verb.node, verb.addresses, now=verb.now)
        if verb.host:
            self.host(verb.node).model.host.set_addresses(verb.addresses)

    @_do.register
    def _give_address(self, verb: verbs.GiveAddress) -> None:
        self.host(verb.node).model.host.add_address(verb.address)

    @_do.register
    def _take_address(self, verb: verbs.TakeAddress) -> None:
        self.host(verb.node).model.host.remove_address(verb.address)

    @_do.register
    def _take_port(self, verb: verbs.TakePort) -> None:
        self.host(verb.node).model.host.take_port(verb.port)

    @_do.register
    def _free_port(self, verb: verbs.FreePort) -> None:
        self.host(verb.node).model.host.free_port(verb.port)

    @_do.register
    def _add_node(self, verb: verbs.AddNode) -> None:
        self.engine.add_node(verb.config, lagging=verb.lagging)
        self.removals.reconfigured()
        if verb.id not in self.hosts:
            self._add_host(verb.config)

    @_do.register
    def _remove_node(self, verb: verbs.RemoveNode) -> None:
        self._managers.apply(verb)
        self.removals.reconfigured()

    @_do.register
    def _rename_node(self, verb: verbs.RenameNode) -> None:
        nodes = self.engine.configured
        self.engine.reconfigure(
            [replace(node, name=verb.name) if node.id == verb.node else node for node in nodes]
        )
        self.host(verb.node).name = verb.name

    # --- the daemon

    @_do.register
    def _daemon_start(self, verb: verbs.DaemonStart) -> None:
        host = self._powered(verb.node, ": start it")
        self._note(verb)
        host.daemon.start()

    @_do.register
    def _daemon_kill(self, verb: verbs.DaemonKill) -> None:
        self.host(verb.node).daemon.kill()

    @_do.register
    def _daemon_sigterm(self, verb: verbs.DaemonSigterm) -> None:
        self.host(verb.node).daemon.terminate()

    @_do.register
    def _daemon_restart(self, verb: verbs.DaemonRestart) -> None:
        self.daemon_kill(verb.node)
        self.daemon_start(verb.node)

    @_do.register
    def _set_rules(self, verb: verbs.SetRules) -> None:
        self.host(verb.node).daemon.next_rules = verb.rules

    @_do.register
    def _forget(self, verb: verbs.Forget) -> None:
        host = self.host(verb.node)
        host.oracle.forget(verb.name)
        host.daemon.forget(verb.name)

    # --- the shutdown question

    @_do.register
    def _shutdown(self, verb: verbs.Shutdown) -> None:
        node_id = verb.node
        before = dict(self._shutdowns)

        def ended(status: int) -> None:
            if node_id in self._shutdowns and self._shutdowns[node_id] is None:
                self._shutdowns[node_id] = -status

        def closed() -> None:
            ended(-errno.EHOSTDOWN)

        admin = self._managers.connect_admin(node_id, closed=closed)
        flags = ShutdownFlag.ANYWAY * verb.forced | ShutdownFlag.REMOVED * verb.removed
        self._shutdowns[node_id] = None
        try:
            admin.try_shutdown(flags, ended)
        except (OSError, ManagerStuckError):
            # It was not asked: what an earlier question came to still stands.
            admin.disconnect()
            self._shutdowns = before
            raise

    # --- faults

    @_do.register
    def _fault(self, verb: verbs.Fault) -> None:
        self.host(verb.node).model.fault(verb.call, verb.errno, verb.count, path=verb.path)

    @_do.register
    def _mend_calls(self, verb: verbs.MendCalls) -> None:
        self.host(verb.node).model.journal.disarm()

    @_do.register
    def _crash_daemon_at(self, verb: verbs.CrashDaemonAt) -> None:
        host = self.host(verb.node)
        crash = _CrashAt(verb.call, verb.nth, host.daemon, lambda: self._crashed(verb.node))
        # First in line: a call that never happens is nobody else's to see.
        host.model.journal.add_hook(crash, first=True)

    def _crashed(self, node_id: int) -> None:
        self.probes.hit("daemon-crashed-in-call")
        self.trace.add(node_id, "verb", verbs.DAEMON_CRASHED)

    @_do.register
    def _unmount_configfs(self, verb: verbs.UnmountConfigfs) -> None:
        self.host(verb.node).model.presence = Presence.EMPTY

    @_do.register
    def _mount_configfs(self, verb: verbs.MountConfigfs) -> None:
        self.host(verb.node).model.presence = Presence.O2CB

    @_do.register
    def _mounts_unreadable(self, verb: verbs.MountsUnreadable) -> None:
        self.host(verb.node).mounts.unreadable_errno = verb.errno

    # --- what somebody else left in a kernel

    @_do.register
    def _place_cluster(self, verb: verbs.PlaceCluster) -> None:
        self.boot(verb.node)
        host = self.host(verb.node)
        name = host.cluster if verb.name is None else verb.name
        self._note(replace(verb, name=name))
        host.model.mkdir(f"/cluster/{name}")

    @_do.register
    def _place_node(self, verb: verbs.PlaceNode) -> None:
        self.boot(verb.node)
        model = self.host(verb.node).model
        if model.kernel.cluster is None:
            self.place_cluster(verb.node)
        cluster = model.kernel.cluster
        if cluster is None:
            raise OperationError("the kernel has no cluster")
        self._note(verb)
        where = f"/cluster/{cluster.name}/node/{verb.name}"
        model.mkdir(where)
        values = {
            "ipv4_port": verb.port,
            "ipv4_address": verb.address,
            "num": verb.num,
            "local": 1 if verb.local else None,
        }
        try:
            for attribute, value in values.items():
                if value is not None:
                    model.write_value(f"{where}/{attribute}", str(value).encode())
        finally:
            # Whatever it may do to the kernel, it was not the daemon.
            self.host(verb.node).oracle.poison_known()

    @_do.register
    def _drop_node(self, verb: verbs.DropNode) -> None:
        model = self.host(verb.node).model
        cluster = model.kernel.cluster
        model.rmdir(f"/cluster/{'' if cluster is None else cluster.name}/node/{verb.name}")

    @_do.register
    def _drop_cluster(self, verb: verbs.DropCluster) -> None:
        self.host(verb.node).model.rmdir(f"/cluster/{verb.name}")

    # --- the semaphore

    @_do.register
    def _hold(self, verb: verbs.Hold) -> None:
        taken = FakeHold(self.host(verb.node).semaphore, _OUTSIDE_PID)
        if taken.take() is not None:
            raise OperationError(f"the semaphore of node {verb.node} is held already")
        self._holds[verb.node] = taken

    @_do.register
    def _release(self, verb: verbs.Release) -> None:
        held = self._holds.pop(verb.node, None)
        if held is not None:
            held.release()

    @_do.register
    def _kill_holder(self, verb: verbs.KillHolder) -> None:
        self._holds.pop(verb.node, None)
        self.host(verb.node).semaphores.process_ended(_OUTSIDE_PID)

    @_do.register
    def _remove_semaphore(self, verb: verbs.RemoveSemaphore) -> None:
        self.host(verb.node).semaphore.remove_set()

    @_do.register
    def _semaphore_unusable(self, verb: verbs.SemaphoreUnusable) -> None:
        self.host(verb.node).semaphore.unusable_errno = verb.errno

    # --- what its parts tell --------------------------------------------------------------------

    def _add_host(self, node: NodeConfig) -> None:
        self.hosts[node.id] = SimHost(
            node=node,
            engine=self.engine,
            timeline=self.timeline,
            trace=self.trace,
            probes=self.probes,
            rules=self.rules,
            dead_threshold=self._dead_threshold,
            removals=self.removals,
            found=self._violation,
            subject=self._subject,
        )

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


class WorldQuestion:
    """A shutdown that was asked for in a world."""

    def __init__(self, world: World, host: int) -> None:
        self._world = world
        self._host = host

    @property
    def outcome(self) -> str | None:
        """`allowed`, the errno of the refusal, or None while it is open."""
        result = self._world.shutdown_result(self._host)
        return "allowed" if result == 0 else symbol(result) or None


class _Wakers(Watcher):
    """Lets a daemon go on that stood still in a call, once that can end."""

    def __init__(self, world: World) -> None:
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


class _CrashAt:
    """A hook that ends the daemon inside its nth call of a kind, once."""

    def __init__(
        self, call: str, nth: int, daemon: SimulatedProcess, crashed: Callable[[], None]
    ) -> None:
        self._call = call
        self._left = nth
        self._daemon = daemon
        self._crashed = crashed

    def __call__(self, call: Call) -> None:
        """Count the call, and strike when it is the one.

        Raises:
            DaemonKilled: it is; the call is not applied.
        """
        if self._left <= 0 or not self._daemon.stepping or not self._means(call):
            return
        self._left -= 1
        if self._left == 0:
            self._crashed()
            raise DaemonKilled

    def _means(self, call: Call) -> bool:
        if self._call == ANY_CALL:
            return True
        if self._call == ANY_CHANGE:
            return call.name.partition(":")[0] not in READS
        return call.matches(self._call)
