"""A whole cman cluster in one object: what an operator, a fault or a client can do to it."""

from __future__ import annotations

import errno as errnos
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from fakecluster.clock import Timeline
from fakecluster.cman.answers import OnStatus
from fakecluster.cman.client import Client, Closed, Deliver, SocketKind
from fakecluster.cman.configuration import Configuration
from fakecluster.cman.constants import MAX_PORT, LeaveReason
from fakecluster.cman.context import Consent
from fakecluster.cman.messages import RingMessages
from fakecluster.cman.network import Network, Slowness
from fakecluster.cman.notices import NoticeFault, NoticeFaults
from fakecluster.cman.outside import EngineEvent, HostState, OperationError, Sockets, Watcher
from fakecluster.cman.process import CmanProcess, ProcessSpec
from fakecluster.cman.quorum import Judgement, Tally, judge
from fakecluster.cman.timings import Profile, Timings
from fakecluster.cman.topology import (
    NodeConfig,
    Topology,
    TopologyError,
    address_problems,
    merged,
    nodes_problems,
)
from fakecluster.cman.totem import Totem, Transition

__all__ = [
    "Engine",
    "EngineEvent",
    "HostState",
    "NoticeFault",
    "OperationError",
    "Sockets",
    "Watcher",
]


@dataclass(slots=True, eq=False)
class _CmanHost:
    """What of a node outlives its daemons."""

    node_id: int
    file: Configuration
    addresses: tuple[str, ...]
    notices: NoticeFaults
    lags: bool = False
    boot: int = 0
    daemon: CmanProcess | None = None
    sockets: Sockets = Sockets.ABSENT
    refusal: int | None = None
    read_errnos: deque[int] = field(default_factory=deque)

    def spec(self) -> ProcessSpec:
        """Return what its next process is started with."""
        return ProcessSpec(
            node_id=self.node_id,
            boot=self.boot,
            addresses=self.addresses,
            faults=self.notices,
            read_errnos=self.read_errnos,
        )


class Engine:
    """The cluster. Every operation takes effect at `timeline.now_us()`; node ids are ints.

    It is the `ClusterContext` of each of its processes, and sees to it that what they send arrives.

    An operation that makes no sense now (start of a running node) raises OperationError and
    changes nothing.
    """

    others_may_refuse = False
    counts_disks = True
    ports_per_client = MAX_PORT
    crashes = True

    def __init__(
        self,
        topology: Topology,
        timeline: Timeline,
        *,
        timings: Timings | None = None,
        profile: Profile = Profile.B,
        rng: random.Random | None = None,
        wall_epoch_us: int = 1_700_000_000_000_000,
        watcher: Watcher | None = None,
        trace: Callable[[EngineEvent], None] | None = None,
    ) -> None:
        """Make a cluster of which nothing runs yet.

        Args:
            topology: what cluster.conf says.
            timeline: whose events drive it; whoever owns it pumps it.
            timings: the cluster's clocks.
            profile: which observed version to follow.
            rng: draws what varied in the observations (how often a notice is repeated, the skew
                between hosts); None: always the least.
            wall_epoch_us: the wall clock, in microseconds since 1970, at the timeline's 0.
            watcher: told of sockets and stops.
            trace: called with everything that happens.

        Raises:
            TopologyError: the topology cannot be.
        """
        topology = topology.checked()
        self.timeline = timeline
        self.timings = Timings() if timings is None else timings
        self.profile = profile
        self.rng = rng
        self.cluster = topology.cluster
        self.quorum_provider = topology.quorum_provider
        self.number = topology.number
        self._wall_epoch_us = wall_epoch_us
        self._watcher = Watcher() if watcher is None else watcher
        self._trace = trace
        self._file = Configuration.first(topology)
        self._network = Network()
        self._totem = Totem(
            timeline,
            self._network,
            self.timings,
            self._install,
            rng,
            leavers_blink=profile is Profile.A,
        )
        self._messages = RingMessages(timeline, self._network, self._totem, self.sent)
        self._hosts: dict[int, _CmanHost] = {}
        for node in topology.nodes:
            self._add_host(node)

    def _add_host(self, node: NodeConfig) -> None:
        self._hosts[node.id] = _CmanHost(
            node.id, self._file, node.addresses, NoticeFaults(self.timeline)
        )

    # -- hosts

    def start(self, node_id: int) -> None:
        """Start the node's cman; it reads the configuration file that lies there."""
        host = self._host(node_id)
        if host.daemon is not None:
            raise OperationError(f"node {node_id} runs already")
        host.boot += 1
        daemon = host.daemon = CmanProcess(self, host.spec())
        self.trace(node_id, "start")
        self._set_sockets(host, Sockets.ABSENT)

        def begin() -> None:
            if self.timings.early_sockets:
                self._set_sockets(host, Sockets.LISTENING)
            self._totem.begin(node_id, daemon.boot)

        daemon.after(self.timings.boot_us, begin, "begins to join")

    def kill(self, node_id: int) -> None:
        """Power the host off: stale sockets, silence."""
        daemon = self._running(node_id)
        self.trace(node_id, "power off")
        daemon.die()

    def crash(self, node_id: int, *, dying_us: int = 0) -> None:
        """Kill -9 of the cman alone. For `dying_us` connects still succeed, and fail at once."""
        host, daemon = self._host(node_id), self._running(node_id)
        self.trace(node_id, "kill -9")
        if not dying_us or host.sockets is not Sockets.LISTENING:
            daemon.die()
            return
        boot = host.boot

        def dead() -> None:
            if host.boot == boot and host.sockets is Sockets.LISTENING:
                self._set_sockets(host, Sockets.STALE)

        # The listener outlives the daemon, so that nothing else has to know of this race.
        host.sockets = Sockets.ABSENT
        daemon.die()
        host.sockets = Sockets.LISTENING
        self.timeline.schedule(dead, after_us=dying_us, label=f"node {node_id}: listener dies")

    def stop(self, node_id: int) -> None:
        """SIGSTOP: nobody is answered; the others see a death."""
        daemon = self._running(node_id)
        if daemon.frozen:
            raise OperationError(f"node {node_id} is stopped already")
        self.trace(node_id, "stop")
        daemon.freeze()
        self._totem.freeze(node_id, frozen=True)
        self._watcher.stopped(node_id, stopped=True)

    def cont(self, node_id: int) -> None:
        """SIGCONT: what was asked is answered, and the node merges again."""
        daemon = self._running(node_id)
        if not daemon.frozen:
            raise OperationError(f"node {node_id} is not stopped")
        self.trace(node_id, "continue")
        self._totem.freeze(node_id, frozen=False)
        self._watcher.stopped(node_id, stopped=False)
        daemon.thaw()

    def leave(self, node_id: int, *, removed: bool = False) -> None:
        """Leave cleanly; nobody is asked (that is a client's `try_shutdown`)."""
        self._answering(node_id).leave(removed=removed)

    def kill_node(self, killer_id: int, victim_id: int) -> None:
        """`cman_tool kill -n victim` on the killer.

        Raises:
            OperationError: the killer does not answer, or does not count the victim in.
        """
        killer = self._answering(killer_id)
        if victim_id not in killer.nodes.member_ids():
            raise OperationError(f"node {victim_id} is no member for node {killer_id}")
        killer.kill(victim_id)

    # -- network

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        """Cut all links between groups; the nodes that are not named are a group too.

        Raises:
            OperationError: an unknown node, or one in two groups.
        """
        for group in groups:
            for node_id in group:
                self._host(node_id)
        try:
            self._network.partition(groups)
        except ValueError as error:
            raise OperationError(str(error)) from error
        self.trace(0, "partition", "/".join(",".join(map(str, group)) for group in groups))
        self._links_changed()

    def cut(self, from_id: int, to_id: int) -> None:
        """Cut the link from one node to another, one way."""
        self._network.cut(self._host(from_id).node_id, self._host(to_id).node_id)
        self.trace(0, "cut", f"{from_id}->{to_id}")
        self._links_changed()

    def mend(self, from_id: int, to_id: int) -> None:
        """Undo one `cut`."""
        self._network.mend(self._host(from_id).node_id, self._host(to_id).node_id)
        self.trace(0, "mend", f"{from_id}->{to_id}")
        self._links_changed()

    def heal(self) -> None:
        """Undo all partitions and cuts."""
        self._network.heal()
        self.trace(0, "heal")
        self._links_changed()

    def slow_network(self, slowness: Slowness | None) -> None:
        """Delay messages and news of rings, in their order; None: no longer."""
        self._network.slowness = slowness
        text = (
            "fast"
            if slowness is None
            else f"{slowness.delay_us}+{slowness.jitter_us} us, {slowness.loss_percent} % lost"
        )
        self.trace(0, "network", text)

    # -- configuration

    def set_address(self, node_id: int, addresses: Sequence[str], *, now: bool = False) -> None:
        """Change a node's addresses from its next join on; `now`: while it runs.

        Raises:
            TopologyError: they are no addresses.
        """
        host = self._host(node_id)
        found = tuple(addresses)
        problems = address_problems(found, f"node {node_id}")
        if problems:
            raise TopologyError(tuple(problems))
        host.addresses = found
        self.trace(node_id, "address", ",".join(found))
        if now and host.daemon is not None:
            for other in self._daemons():
                other.readdress(node_id, found)

    def add_node(self, node: NodeConfig, *, lagging: Sequence[int] = ()) -> None:
        """Add a node to the configuration and announce it; see `reconfigure`."""
        if any(known.id == node.id for known in self._file.nodes):
            raise OperationError(f"node {node.id} is configured already")
        self.reconfigure((*self._file.nodes, node), lagging=lagging)

    def remove_node(self, node_id: int, *, lagging: Sequence[int] = ()) -> None:
        """Take a node out of the configuration and announce it; see `reconfigure`."""
        rest = tuple(node for node in self._file.nodes if node.id != node_id)
        if len(rest) == len(self._file.nodes):
            raise OperationError(f"node {node_id} is not configured")
        self.reconfigure(rest, lagging=lagging)

    def reconfigure(
        self, nodes: Sequence[NodeConfig] | None = None, *, lagging: Sequence[int] = ()
    ) -> None:
        """Announce the next version of the configuration, with other nodes or the same ones.

        It is written to every node that does not lag, and announced on the first one of those that
        runs. A node's addresses count from its next join on.

        Args:
            nodes: None leaves them as they are.
            lagging: nodes whose file stays as it was until `mend_config`.

        Raises:
            TopologyError: they cannot be.
            OperationError: `lagging` names an unknown node.
        """
        for node_id in lagging:
            self._host(node_id)
        self._write_files(nodes, lagging)
        self._announce_file()

    def _announce_file(self) -> None:
        version, asked = self._file.version, False
        for daemon in self._daemons():
            asker = not asked and not self._host(daemon.node_id).lags
            asked = asked or asker
            told = partial(daemon.version_announced, version, asker=asker)
            daemon.after(self.timings.hop_us, told, "new version")

    def write_config(
        self,
        node_id: int,
        nodes: Sequence[NodeConfig] | None = None,
        *,
        version: int | None = None,
    ) -> None:
        """Write a configuration to one node alone; nobody is told.

        A daemon that waits for this version, since its file lagged, reads it.

        Args:
            node_id: whose file.
            nodes: None leaves them as they are.
            version: None: a newer one than any node has.

        Raises:
            TopologyError: they cannot be.
        """
        host, file = self._host(node_id), self._next_file(nodes)
        host.file = file if version is None else replace(file, version=version)
        self.trace(node_id, "file", str(host.file.version))
        if host.daemon is not None:
            host.daemon.run(host.daemon.file_mended)

    def mend_configs(self) -> None:
        """Write the newest configuration that any node has to all, and announce it."""
        self._file = max(
            (host.file for host in self._hosts.values()), key=lambda file: file.version
        )
        for node_id in self.ids:
            self.mend_config(node_id)
        self._announce_file()

    def mend_config(self, node_id: int) -> None:
        """Write the current configuration to a node that lags."""
        host = self._host(node_id)
        host.lags = False
        host.file = self._file
        self.trace(node_id, "file mended", str(host.file.version))
        if host.daemon is not None:
            host.daemon.run(host.daemon.file_mended)

    def rename_cluster(self, name: str) -> None:
        """Change the cluster name that every daemon reports.

        Raises:
            TopologyError: it cannot be a cluster's name.
        """
        Topology(cluster=name, nodes=self._file.nodes).checked()
        self.cluster = name
        self.trace(0, "cluster name", name)

    # -- quorum disk

    def qdisk(self, node_id: int, *, available: bool) -> None:
        """Poll the quorum disk on this node, with that result."""
        daemon = self._answering(node_id)
        if daemon.nodes.disk is None:
            raise OperationError(f"node {node_id} knows no quorum disk")
        daemon.poll_disk(available=available)

    # -- faults

    def fault_notices(
        self, node_id: int, fault: NoticeFault, *, count: int = 1, delay_us: int = 1_000_000
    ) -> None:
        """Do that to the next `count` notices of this node; faults queue up.

        Args:
            node_id: whose clients miss out.
            fault: what to do.
            count: how many notices.
            delay_us: for DELAY; and the longest that COALESCE holds back.
        """
        host = self._host(node_id)
        if count < 1 or delay_us < 0:
            raise OperationError("count is at least 1, delay_us at least 0")
        self.trace(node_id, "notices", f"{fault.value} {count}")
        host.notices.plan(fault, count, delay_us)

    def fail_read(self, node_id: int, errno: int, *, count: int = 1) -> None:
        """Fail the next `count` readings of the node list with that errno."""
        host = self._host(node_id)
        self.trace(node_id, "reads fail", f"{errnos.errorcode.get(errno, errno)} {count}")
        host.read_errnos.extend([errno] * count)

    def read_fails(self, node_id: int) -> bool:
        """Return whether the next reading of the node list will fail, see `fail_read`."""
        return bool(self._host(node_id).read_errnos)

    def refuse(self, node_id: int, errno: int | None) -> None:
        """Refuse new connections with that errno (EACCES ...), None: take them again."""
        self._host(node_id).refusal = errno

    # -- clients and inspection

    def connect(
        self,
        node_id: int,
        kind: SocketKind = SocketKind.CLIENT,
        *,
        deliver: Deliver | None = None,
        closed: Closed | None = None,
    ) -> Client:
        """Connect to a node's daemon.

        Raises:
            OSError: ENOENT, ECONNREFUSED, or what `refuse` said.
        """
        host = self._host(node_id)
        if host.refusal is not None:
            raise _os_error(host.refusal)
        if host.sockets is Sockets.ABSENT:
            raise _os_error(errnos.ENOENT)
        if host.sockets is Sockets.STALE:
            raise _os_error(errnos.ECONNREFUSED)
        daemon = host.daemon
        if daemon is None:
            return self._connect_to_the_dying(host, kind, closed)
        return Client(daemon, kind, deliver, closed)

    def _connect_to_the_dying(
        self, host: _CmanHost, kind: SocketKind, closed: Closed | None
    ) -> Client:
        ghost = CmanProcess(self, host.spec())
        ghost.alive = False
        client = Client(ghost, kind, None, closed)
        self.timeline.schedule(
            client.end.dropped, after_us=0, label="dropped by the dying listener"
        )
        return client

    def is_stopped(self, node_id: int) -> bool:
        """Return whether the daemon is stopped: a request would block."""
        daemon = self._host(node_id).daemon
        return daemon is not None and daemon.frozen

    def is_outcast(self, node_id: int) -> bool:
        """Return whether the others go on without the node, and it cannot agree to any ring.

        It hears them, and at least one of them does not hear it.
        """
        return self._totem.is_outcast(node_id)

    def state(self, node_id: int) -> HostState:
        """Return what the outside sees of one node."""
        host = self._host(node_id)
        daemon = host.daemon
        names = (node.name for node in host.file.nodes if node.id == node_id)
        return HostState(
            node_id=node_id,
            name=next(names, f"Node{node_id}"),
            running=daemon is not None,
            stopped=daemon is not None and daemon.frozen,
            sockets=host.sockets,
            is_member=daemon is not None and node_id in daemon.nodes.member_ids(),
            quorate=daemon is not None and daemon.quorate,
            members=() if daemon is None else daemon.nodes.member_ids(),
            generation=0 if daemon is None else daemon.generation,
        )

    @property
    def configured(self) -> tuple[NodeConfig, ...]:
        """The nodes of the current configuration, sorted by id."""
        return self._file.nodes

    @property
    def ids(self) -> tuple[int, ...]:
        """All nodes that are or were configured, sorted."""
        return tuple(sorted(self._hosts))

    # -- what the processes need (ClusterContext)

    def wall_us(self) -> int:
        """Return the wall clock, in microseconds since 1970."""
        return self._wall_epoch_us + self.timeline.now_us()

    def file_of(self, node_id: int) -> Configuration:
        """Return the configuration file that lies on a node."""
        return self._host(node_id).file

    def daemon_of(self, node_id: int) -> CmanProcess | None:
        """Return the daemon that runs on a node."""
        host = self._hosts.get(node_id)
        return None if host is None else host.daemon

    def send(
        self, sender_id: int, effect: Callable[[CmanProcess], None], *, after_us: int, itself: bool
    ) -> None:
        """Send a message of this effect to every process that the sender reaches."""
        receivers = [each for each in self._daemons() if itself or each.node_id != sender_id]
        self._messages.send(sender_id, receivers, effect, after_us=after_us)

    def send_to(
        self, sender_id: int, node_id: int, effect: Callable[[CmanProcess], None], *, after_us: int
    ) -> None:
        """Send a message of this effect to one process; lost if the sender does not reach it."""
        receiver = self.daemon_of(node_id)
        if receiver is not None:
            self._messages.send(sender_id, [receiver], effect, after_us=after_us)

    def judge(self, tally: Tally, *, current: int, two_node: bool, may_decrease: bool) -> Judgement:
        """Judge as every cman does by itself."""
        return judge(tally, current=current, two_node=two_node, may_decrease=may_decrease)

    def depart(
        self,
        node_id: int,
        reason: LeaveReason,
        consent: Consent,
        *,
        back: Callable[[], None],
        refused: Callable[[int], None],
    ) -> None:
        """Leave the ring; no other node can refuse.

        While somebody in the ring is silent no message comes round: the next ring is waited for.
        """
        daemon = self._running(node_id)
        if self._awaits_ring(daemon):
            self._totem.wants_to_leave(node_id)
            daemon.after(
                self.timings.timer_slack_us,
                lambda: self.depart(node_id, reason, consent, back=back, refused=refused),
                "waits for a ring",
            )
            return
        self.send(
            node_id,
            lambda other: other.hear_goodbye(node_id, reason),
            after_us=self.timings.hop_us,
            itself=True,
        )
        daemon.after(self.timings.hop_us, back, "its own goodbye is back")

    def _awaits_ring(self, daemon: CmanProcess) -> bool:
        """Return whether a new ring is due (a member is silent) or already forming."""
        ring = self._totem.ring_of(daemon.node_id)
        return ring is not None and (ring.silence or ring.seq != daemon.generation)

    def first_transition(self, node_id: int) -> None:
        """The daemon there is a member: its sockets appear, its quorum disk is polled."""
        self._set_sockets(self._host(node_id), Sockets.LISTENING)
        daemon = self._running(node_id)
        qdisk = daemon.config.qdisk
        if qdisk is not None and qdisk.polled:
            daemon.after(
                self.timings.quorum_disk_us,
                daemon.first_poll_of_disk,
                "first poll of the quorum disk",
            )

    def ended(self, node_id: int, *, clean: bool, goodbye: bool) -> None:
        """The process ends: its ring, its clients and its sockets find out, in this order."""
        host, daemon = self._host(node_id), self._running(node_id)
        host.daemon = None
        self.trace(node_id, "ended", "clean" if clean else "")
        self._totem.end(node_id, goodbye=goodbye)
        daemon.close_clients()
        if host.sockets is Sockets.LISTENING:
            self._set_sockets(host, Sockets.ABSENT if clean else Sockets.STALE)

    def may_have_version(self, node_id: int, version: int) -> bool:
        """Return False where the configuration file on a node is older."""
        return self.file_of(node_id).version >= version

    def announce_version(self, sender_id: int, version: int, reply: OnStatus) -> None:
        """An operator said on this node that this version of the configuration is current.

        Whether a file has it is not looked at; `reply` is called with 0 at once.
        """
        reply(0)
        self.send(
            sender_id,
            lambda other: other.version_announced(version, asker=other.node_id == sender_id),
            after_us=self.timings.hop_us,
            itself=True,
        )

    def trace(self, node_id: int, what: str, detail: str = "") -> None:
        """Log what happened."""
        if self._trace is not None:
            self._trace(
                EngineEvent(
                    time_us=self.timeline.now_us(), node_id=node_id, what=what, detail=detail
                )
            )

    def sent(self, node_id: int, to: Iterable[int], after_us: int, what: str = "message") -> None:
        """Log that a message is under way."""
        others = tuple(each for each in to if each != node_id)
        if self._trace is not None and others:
            now_us = self.timeline.now_us()
            self._trace(
                EngineEvent(
                    time_us=now_us,
                    node_id=node_id,
                    what=what,
                    to=others,
                    arrives_us=now_us + after_us,
                )
            )

    # -- inside

    def _next_file(self, nodes: Iterable[NodeConfig] | None) -> Configuration:
        wanted = self._file.nodes if nodes is None else merged(tuple(nodes))
        problems = nodes_problems(wanted)
        if problems:
            raise TopologyError(tuple(problems))
        newest = max(host.file.version for host in self._hosts.values())
        return replace(self._file, version=newest + 1, nodes=wanted)

    def _write_files(self, nodes: Iterable[NodeConfig] | None, lagging: Sequence[int]) -> None:
        self._file = self._next_file(nodes)
        wanted = self._file.nodes
        self.trace(0, "configuration", str(self._file.version))
        before = {node.id: node for host in self._hosts.values() for node in host.file.nodes}
        for node in wanted:
            if node.id not in self._hosts:
                self._add_host(node)
            elif nodes is not None and before.get(node.id) != node:
                self._hosts[node.id].addresses = node.addresses
        for host in self._hosts.values():
            host.lags = host.lags or host.node_id in lagging
            if not host.lags:
                host.file = self._file

    def _links_changed(self) -> None:
        self._totem.look()
        self._messages.retry()

    def _install(self, node_id: int, boot: int, transition: Transition) -> None:
        daemon = self.daemon_of(node_id)
        if daemon is not None and daemon.boot == boot:
            daemon.run(lambda: daemon.install(transition))

    def _set_sockets(self, host: _CmanHost, sockets: Sockets) -> None:
        if host.sockets is not sockets:
            host.sockets = sockets
            self.trace(host.node_id, "sockets", sockets.value)
            self._watcher.sockets(host.node_id, sockets)

    def _daemons(self) -> list[CmanProcess]:
        hosts = (self._hosts[node_id] for node_id in sorted(self._hosts))
        return [host.daemon for host in hosts if host.daemon is not None]

    def _host(self, node_id: int) -> _CmanHost:
        try:
            return self._hosts[node_id]
        except KeyError:
            raise OperationError(f"there is no node {node_id}") from None

    def _running(self, node_id: int) -> CmanProcess:
        daemon = self._host(node_id).daemon
        if daemon is None:
            raise OperationError(f"node {node_id} does not run")
        return daemon

    def _answering(self, node_id: int) -> CmanProcess:
        daemon = self._running(node_id)
        if daemon.frozen:
            raise OperationError(f"node {node_id} is stopped")
        return daemon


def _os_error(code: int) -> OSError:
    return OSError(code, errnos.errorcode.get(code, str(code)))
