"""What the daemons of one cluster stand on: hosts, files, network, rings, messages, the log."""

from __future__ import annotations

import dataclasses
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from fakecluster.clock import Timeline
from fakecluster.cman.configuration import Configuration
from fakecluster.cman.constants import LeaveReason
from fakecluster.cman.daemon import Daemon
from fakecluster.cman.messages import Post
from fakecluster.cman.network import Network
from fakecluster.cman.notices import NoticeFaults
from fakecluster.cman.outside import OperationError, Sockets, Trace, Watcher
from fakecluster.cman.process import Birth
from fakecluster.cman.quorum import Judgement, Tally, judge
from fakecluster.cman.surroundings import Consent
from fakecluster.cman.timings import Profile, Timings
from fakecluster.cman.topology import NodeConfig, Topology, TopologyError, merged, nodes_problems
from fakecluster.cman.totem import Totem, Transition


@dataclass(slots=True, eq=False)
class Host:
    """What of a node outlives its daemons."""

    node_id: int
    file: Configuration
    addresses: tuple[str, ...]
    notices: NoticeFaults
    lags: bool = False
    boot: int = 0
    daemon: Daemon | None = None
    sockets: Sockets = Sockets.ABSENT
    refusal: int | None = None
    read_errnos: deque[int] = field(default_factory=deque)

    def birth(self) -> Birth:
        """Return what its next process is born with."""
        return Birth(
            node_id=self.node_id,
            boot=self.boot,
            addresses=self.addresses,
            faults=self.notices,
            read_errnos=self.read_errnos,
        )


class Ground:
    """The `Surroundings` of every daemon."""

    others_may_refuse = False
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
        trace: Callable[[Trace], None] | None = None,
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
        self._post = Post(timeline, self._network, self._totem, self.sent)
        self._hosts: dict[int, Host] = {}
        for node in topology.nodes:
            self._add_host(node)

    def _add_host(self, node: NodeConfig) -> None:
        self._hosts[node.id] = Host(
            node.id, self._file, node.addresses, NoticeFaults(self.timeline)
        )

    # -- what the daemons need (Surroundings)

    def wall_us(self) -> int:
        """Return the wall clock, in microseconds since 1970."""
        return self._wall_epoch_us + self.timeline.now_us()

    def file_of(self, node_id: int) -> Configuration:
        """Return the configuration file that lies on a node."""
        return self._host(node_id).file

    def daemon_of(self, node_id: int) -> Daemon | None:
        """Return the daemon that runs on a node."""
        host = self._hosts.get(node_id)
        return None if host is None else host.daemon

    def send(
        self, sender_id: int, act: Callable[[Daemon], None], *, after_us: int, itself: bool
    ) -> None:
        """Let `act` happen in every daemon that a message of the sender's reaches."""
        receivers = [each for each in self._daemons() if itself or each.node_id != sender_id]
        self._post.send(sender_id, receivers, act, after_us=after_us)

    def send_to(
        self, sender_id: int, node_id: int, act: Callable[[Daemon], None], *, after_us: int
    ) -> None:
        """Let `act` happen in one daemon, if a message of the sender's reaches it."""
        receiver = self.daemon_of(node_id)
        if receiver is not None:
            self._post.send(sender_id, [receiver], act, after_us=after_us)

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
        """Say goodbye to the ring; nobody else can refuse.

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

    def _awaits_ring(self, daemon: Daemon) -> bool:
        """Tell whether another ring must come, since somebody is silent, or is under way."""
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

    def announce_version(self, sender_id: int, version: int) -> None:
        """An operator said on this node that this version of the configuration is current.

        Whether a file has it is not looked at.
        """
        self.send(
            sender_id,
            lambda other: other.reader.told_version(version, asker=other.node_id == sender_id),
            after_us=self.timings.hop_us,
            itself=True,
        )

    def trace(self, node_id: int, what: str, detail: str = "") -> None:
        """Log what happened."""
        if self._trace is not None:
            self._trace(
                Trace(time_us=self.timeline.now_us(), node_id=node_id, what=what, detail=detail)
            )

    def sent(self, node_id: int, to: Iterable[int], after_us: int, what: str = "message") -> None:
        """Log that a message is under way."""
        others = tuple(each for each in to if each != node_id)
        if self._trace is not None and others:
            now_us = self.timeline.now_us()
            self._trace(
                Trace(
                    time_us=now_us,
                    node_id=node_id,
                    what=what,
                    to=others,
                    arrives_us=now_us + after_us,
                )
            )

    # -- what the engine needs

    def _next_file(self, nodes: Iterable[NodeConfig] | None) -> Configuration:
        wanted = self._file.nodes if nodes is None else merged(tuple(nodes))
        problems = nodes_problems(wanted)
        if problems:
            raise TopologyError(tuple(problems))
        newest = max(host.file.version for host in self._hosts.values())
        return dataclasses.replace(self._file, version=newest + 1, nodes=wanted)

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
        self._post.retry()

    def _install(self, node_id: int, boot: int, transition: Transition) -> None:
        daemon = self.daemon_of(node_id)
        if daemon is not None and daemon.boot == boot:
            daemon.run(lambda: daemon.follower.install(transition))

    def _set_sockets(self, host: Host, sockets: Sockets) -> None:
        if host.sockets is not sockets:
            host.sockets = sockets
            self.trace(host.node_id, "sockets", sockets.value)
            self._watcher.sockets(host.node_id, sockets)

    def _daemons(self) -> list[Daemon]:
        hosts = (self._hosts[node_id] for node_id in sorted(self._hosts))
        return [host.daemon for host in hosts if host.daemon is not None]

    def _host(self, node_id: int) -> Host:
        try:
            return self._hosts[node_id]
        except KeyError:
            raise OperationError(f"there is no node {node_id}") from None

    def _running(self, node_id: int) -> Daemon:
        daemon = self._host(node_id).daemon
        if daemon is None:
            raise OperationError(f"node {node_id} does not run")
        return daemon

    def _answering(self, node_id: int) -> Daemon:
        daemon = self._running(node_id)
        if daemon.frozen:
            raise OperationError(f"node {node_id} is stopped")
        return daemon
