"""A whole cman cluster in one object: what an operator, a fault or a client can do to it."""

from __future__ import annotations

import errno as errnos
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from fakecluster.cman.client import Client, Closed, Deliver, Kind
from fakecluster.cman.daemon import Daemon
from fakecluster.cman.ground import Ground, Host
from fakecluster.cman.network import Slowness
from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.outside import HostState, OperationError, Sockets, Trace, Watcher
from fakecluster.cman.topology import NodeConfig, Topology, TopologyError, address_problems

__all__ = [
    "Engine",
    "HostState",
    "NoticeFault",
    "OperationError",
    "Sockets",
    "Trace",
    "Watcher",
]


class Engine(Ground):
    """The cluster. Every operation takes effect at `timeline.now_us()`; node ids are ints.

    An operation that makes no sense now (start of a running node) raises OperationError and
    changes nothing.
    """

    # -- hosts

    def start(self, node_id: int) -> None:
        """Start the node's cman; it reads the configuration file that lies there."""
        host = self._host(node_id)
        if host.daemon is not None:
            raise OperationError(f"node {node_id} runs already")
        host.boot += 1
        daemon = host.daemon = Daemon(self, host.birth())
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
        """Let only the nodes within a group hear each other; those not named are a group too.

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
        """Let `to_id` hear nothing from `from_id` (one way)."""
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
        """Let messages and news of rings take longer, in their order; None: no more."""
        self._network.slowness = slowness
        text = (
            "fast"
            if slowness is None
            else f"{slowness.delay_us}+{slowness.jitter_us} us, {slowness.loss_percent} % lost"
        )
        self.trace(0, "network", text)

    # -- configuration

    def set_address(self, node_id: int, addresses: Sequence[str], *, now: bool = False) -> None:
        """Give a node other addresses from its next join on; `now`: while it runs.

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
            told = partial(daemon.reader.told_version, version, asker=asker)
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
            host.daemon.run(host.daemon.reader.file_mended)

    def mend_configs(self) -> None:
        """Give every node the newest file that any of them has, and announce it."""
        self._file = max(
            (host.file for host in self._hosts.values()), key=lambda file: file.version
        )
        for node_id in self.ids:
            self.mend_config(node_id)
        self._announce_file()

    def mend_config(self, node_id: int) -> None:
        """Give a lagging node the current file."""
        host = self._host(node_id)
        host.lags = False
        host.file = self._file
        self.trace(node_id, "file mended", str(host.file.version))
        if host.daemon is not None:
            host.daemon.run(host.daemon.reader.file_mended)

    def rename_cluster(self, name: str) -> None:
        """Let every daemon report another cluster name from now on.

        Raises:
            TopologyError: it cannot be a cluster's name.
        """
        Topology(cluster=name, nodes=self._file.nodes).checked()
        self.cluster = name
        self.trace(0, "cluster name", name)

    # -- quorum disk

    def qdisk(self, node_id: int, *, available: bool) -> None:
        """Let the quorum disk's daemon on this node poll with that result."""
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
        """Let the next `count` readings of the node list fail with that errno."""
        host = self._host(node_id)
        self.trace(node_id, "reads fail", f"{errnos.errorcode.get(errno, errno)} {count}")
        host.read_errnos.extend([errno] * count)

    def read_fails(self, node_id: int) -> bool:
        """Tell whether the next reading of the node list will fail, see `fail_read`."""
        return bool(self._host(node_id).read_errnos)

    def refuse(self, node_id: int, errno: int | None) -> None:
        """Refuse new connections with that errno (EACCES ...), None: take them again."""
        self._host(node_id).refusal = errno

    # -- clients and inspection

    def connect(
        self,
        node_id: int,
        kind: Kind = Kind.CLIENT,
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
        client = Client(daemon, kind, deliver, closed)
        daemon.clients[client] = None
        return client

    def _connect_to_the_dying(self, host: Host, kind: Kind, closed: Closed | None) -> Client:
        ghost = Daemon(self, host.birth())
        ghost.alive = False
        client = Client(ghost, kind, None, closed)
        self.timeline.schedule(client.dropped, after_us=0, label="dropped by the dying listener")
        return client

    def is_stopped(self, node_id: int) -> bool:
        """Tell whether the daemon is stopped: a request would block."""
        daemon = self._host(node_id).daemon
        return daemon is not None and daemon.frozen

    def is_outcast(self, node_id: int) -> bool:
        """Tell whether the others go on without the node, and it cannot agree to any ring.

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


def _os_error(code: int) -> OSError:
    return OSError(code, errnos.errorcode.get(code, str(code)))
