"""What a world can be told to do: hosts, network, configuration, volumes, daemons, questions."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import replace

from fakecluster.cman.answers import FenceInfo
from fakecluster.cman.client import Client, SocketKind
from fakecluster.cman.constants import US, ShutdownFlag
from fakecluster.cman.engine import OperationError
from fakecluster.cman.errors import ManagerStuckError
from fakecluster.cman.network import Slowness
from fakecluster.cman.topology import NodeConfig
from fakecluster.ground import WorldGround
from fakecluster.streams import rng_for
from o2cbd.core.model import State
from o2cbd.core.rules import Rules


class WorldVerbs(WorldGround):
    """The verbs of `fakecluster ctl` and those that only a simulation can have.

    They take effect now; time passes only in `run_for`, `run_until` and `settle`. Hosts go by their
    node ids. What makes no sense now raises OperationError, or OSError where a kernel refuses.
    """

    # --- power ----------------------------------------------------------------------------------

    def boot(self, node_id: int) -> None:
        """Power a host's kernel on, with empty tables; neither cman nor daemon runs yet."""
        host = self.host(node_id)
        if not host.powered:
            self._verb(node_id, "boot")
            host.power_on()

    def start(self, node_id: int, *, daemon: bool = True) -> None:
        """Power a host on where it is off, and start its cman and its daemon where they are not.

        Args:
            node_id: which.
            daemon: False: start no daemon.
        """
        host = self.host(node_id)
        self._verb(node_id, "start")
        host.power_on()
        if not self.engine.state(node_id).running:
            self.engine.start(node_id)
        if daemon:
            host.daemon.start()

    def kill(self, node_id: int) -> None:
        """Power a host off: its kernel's tables are empty when it starts again."""
        host = self.host(node_id)
        if not host.powered:
            raise OperationError(f"node {node_id} has no power")
        self._verb(node_id, "kill")
        self.disk.die(node_id)
        # The manager ends with the power, and its daemon with it: nobody sees the other go.
        host.power_off()
        if self.engine.state(node_id).running:
            self.engine.kill(node_id)

    def leave(self, node_id: int, *, removed: bool = False) -> None:
        """Let a node leave the cluster cleanly, without asking anybody; the host stays up."""
        self._verb(node_id, "leave", removed=removed)
        self.engine.leave(node_id, removed=removed)

    # --- the cluster manager --------------------------------------------------------------------

    def cman_start(self, node_id: int) -> None:
        """Start the cman of a host that is on."""
        if not self.host(node_id).powered:
            raise OperationError(f"node {node_id} has no power: start it")
        self._verb(node_id, "cman-start")
        self.engine.start(node_id)

    def cman_crash(self, node_id: int) -> None:
        """SIGKILL of the cman alone."""
        self._verb(node_id, "cman-crash")
        self.engine.crash(node_id)

    def cman_stop(self, node_id: int) -> None:
        """SIGSTOP: its daemon stands still as soon as it asks, the other nodes see a death."""
        self._verb(node_id, "cman-stop")
        self.engine.stop(node_id)

    def cman_cont(self, node_id: int) -> None:
        """SIGCONT."""
        self._verb(node_id, "cman-cont")
        self.engine.cont(node_id)

    def fence(self, node_id: int, *, by: int) -> None:
        """Tell `by`'s manager that a node was fenced (as fenced does after it did so)."""
        self._verb(node_id, "fence", by=by)
        admin = self.engine.connect(by, SocketKind.ADMIN)
        seconds = self.now_us() // 1_000_000
        admin.update_fence_info(FenceInfo(node_id=node_id, time_s=seconds, agent="fence_virt"))
        admin.disconnect()

    def qdisk(self, node_id: int, *, available: bool) -> None:
        """Let the quorum disk's daemon on a node poll with that result."""
        self._verb(node_id, "qdisk", available=available)
        self.engine.qdisk(node_id, available=available)

    def expected(self, node_id: int, votes: int) -> None:
        """`cman_tool expected -e VOTES` on a node; quorum may go down in its partition.

        Raises:
            OSError: EINVAL: its members do not have so many votes; there is no manager.
            ManagerStuckError: the manager is stopped; whoever asks it waits.
        """
        self._verb(node_id, "expected", votes=votes)
        admin = self.engine.connect(node_id, SocketKind.ADMIN)
        try:
            admin.set_expected_votes(votes)
        finally:
            admin.disconnect()

    def votes(self, node_id: int, votes: int) -> None:
        """`cman_tool votes -v VOTES` on a node: it has so many from now on.

        Raises:
            OSError: EINVAL: its members would not be quorate; there is no manager.
            ManagerStuckError: the manager is stopped; whoever asks it waits.
        """
        self._verb(node_id, "votes", votes=votes)
        admin = self.engine.connect(node_id, SocketKind.ADMIN)
        try:
            admin.set_votes(US, votes)
        finally:
            admin.disconnect()

    def bind_port(self, node_id: int, port: int) -> None:
        """Let a client of a node's manager bind a port.

        Raises:
            OSError: EADDRINUSE, EINVAL (port 0), or there is no manager.
        """
        self._verb(node_id, "bind-port", port=port)
        self.port_holders.bind(node_id, port)

    def close_port(self, node_id: int, port: int) -> None:
        """End what `bind_port` began."""
        self._verb(node_id, "close-port", port=port)
        self.port_holders.close(node_id, port)

    # --- the network ----------------------------------------------------------------------------

    def partition(self, *groups: Sequence[int]) -> None:
        """Let only the nodes within a group hear each other; those not named are a group too."""
        text = "/".join(",".join(str(node_id) for node_id in group) for group in groups)
        self._verb(0, "partition", groups=text)
        self.engine.partition(groups)

    def isolate(self, node_id: int) -> None:
        """Let a node hear nobody and be heard by nobody."""
        self.partition((node_id,))

    def cut(self, speaker_id: int, listener_id: int) -> None:
        """Let a listener hear nothing from a speaker, one way."""
        self._verb(0, "cut", speaker=speaker_id, listener=listener_id)
        self.engine.cut(speaker_id, listener_id)

    def ring(self) -> None:
        """Let each node hear only its two neighbours, by id."""
        ids = sorted(self.hosts)
        self._verb(0, "ring")
        for place, node_id in enumerate(ids):
            near = {ids[place - 1], ids[(place + 1) % len(ids)], node_id}
            for other in ids:
                if other not in near:
                    self.engine.cut(other, node_id)

    def mend(self, speaker_id: int, listener_id: int) -> None:
        """Undo one `cut`."""
        self._verb(0, "mend", speaker=speaker_id, listener=listener_id)
        self.engine.mend(speaker_id, listener_id)

    def heal(self) -> None:
        """Undo all partitions and cuts."""
        self._verb(0, "heal")
        self.engine.heal()

    def slow_network(self, *, delay_us: int = 0, jitter_us: int = 0, loss_percent: int = 0) -> None:
        """Let everything between nodes take longer, nothing at all: as fast as it was.

        Args:
            delay_us: always so much more.
            jitter_us: and at most so much more on top, drawn.
            loss_percent: how many of a hundred messages are lost and sent again.
        """
        self._verb(0, "slow-network", delay_us=delay_us, jitter_us=jitter_us, loss=loss_percent)
        slow = Slowness(
            delay_us=delay_us,
            jitter_us=jitter_us,
            loss_percent=loss_percent,
            rng=rng_for(self.seed, "network"),
        )
        self.engine.slow_network(slow if delay_us or jitter_us or loss_percent else None)

    # --- the shared volume and the kernel -------------------------------------------------------

    def mount(self, node_id: int) -> None:
        """Mount the shared volume: a region with a thread, a slot on the disk, a mount.

        Raises:
            OSError: EBUSY: it is mounted; EINVAL: the kernel has no cluster or no local node.
        """
        host = self.host(node_id)
        if host.mounted:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        num = host.mount()
        self._verb(node_id, "mount")
        self.disk.mount(node_id, num=num, dead_threshold=host.model.kernel.dead_threshold)
        self._slots.pop(node_id, None)
        if host.status is not None and host.status.state is State.SYNCED:
            self._judge_slots(node_id, num)

    def _judge_slots(self, node_id: int, num: int) -> None:
        """Two that write one slot of the disk destroy it; their daemons let both mount."""
        for other, taken in self._slots.items():
            if taken == num and self.disk.mounted(other):
                self._violation(node_id, f"mounted as number {num}, as host {other} is")
        self._slots[node_id] = num

    def umount(self, node_id: int) -> None:
        """Unmount it cleanly."""
        self._verb(node_id, "umount")
        self.disk.umount(node_id)
        self.host(node_id).umount()

    def pin(self, node_id: int, name: str) -> None:
        """Let the kernel of a host refuse to let go of a node."""
        self._verb(node_id, "pin", node=name)
        self.host(node_id).model.heartbeat.pin(name)

    def unpin(self, node_id: int, name: str) -> None:
        """End what `pin` began."""
        self._verb(node_id, "unpin", node=name)
        self.host(node_id).model.heartbeat.unpin(name)

    # --- configuration --------------------------------------------------------------------------

    def address(
        self, node_id: int, *addresses: str, now: bool = True, host_too: bool = True
    ) -> None:
        """Give a node other addresses.

        Args:
            node_id: whose.
            addresses: all of them, the first interface's first.
            now: the manager tells everybody now; else at the node's next join.
            host_too: the host itself has these and no others from now on.
        """
        self._verb(node_id, "address", addresses=",".join(addresses), now=now)
        self.engine.set_address(node_id, addresses, now=now)
        if host_too:
            host = self.host(node_id).model.host
            for gone in set(host.addresses) - set(addresses):
                host.remove_address(gone)
            for address in addresses:
                host.add_address(address)

    def give_address(self, node_id: int, address: str) -> None:
        """Let the host have an address; the manager is not told."""
        self._verb(node_id, "give-address", address=address)
        self.host(node_id).model.host.add_address(address)

    def take_address(self, node_id: int, address: str) -> None:
        """Let the host lose an address; the manager is not told."""
        self._verb(node_id, "take-address", address=address)
        self.host(node_id).model.host.remove_address(address)

    def take_port(self, node_id: int, port: int) -> None:
        """Let some other program listen on a port of the host."""
        self._verb(node_id, "take-port", port=port)
        self.host(node_id).model.host.take_port(port)

    def free_port(self, node_id: int, port: int) -> None:
        """End what `take_port` began."""
        self._verb(node_id, "free-port", port=port)
        self.host(node_id).model.host.free_port(port)

    def add_node(self, node: NodeConfig, *, lagging: Sequence[int] = ()) -> None:
        """Put a node into the manager's configuration; its host is there, powered off."""
        self._verb(node.id, "add-node", name=node.name)
        self.engine.add_node(node, lagging=lagging)
        self.removals.reconfigured()
        if node.id not in self.hosts:
            self._add_host(node)

    def remove_node(self, node_id: int, *, lagging: Sequence[int] = ()) -> None:
        """Take a node out of the manager's configuration; its host stays as it is."""
        self._verb(node_id, "remove-node")
        self.engine.remove_node(node_id, lagging=lagging)
        self.removals.reconfigured()

    def rename_node(self, node_id: int, name: str) -> None:
        """Give a node another name in the manager's configuration, effective at once."""
        self._verb(node_id, "rename-node", name=name)
        nodes = self.engine.configured
        changed = [replace(node, name=name) if node.id == node_id else node for node in nodes]
        self.engine.reconfigure(changed)
        self.host(node_id).name = name

    def config_older(self, node_id: int) -> None:
        """Announce the next version of the configuration, which this node's file has not."""
        self._verb(node_id, "config-older")
        self.engine.reconfigure(lagging=[node_id])

    def config_newer(self, node_id: int) -> None:
        """Write the next version of the configuration to one node alone; nobody is told."""
        self._verb(node_id, "config-newer")
        self.engine.write_config(node_id)

    def config_mend(self) -> None:
        """Give every node the newest configuration, and announce it."""
        self._verb(0, "config-mend")
        self.engine.mend_configs()

    def rename_cluster(self, name: str) -> None:
        """Let every manager report another cluster name from now on."""
        self._verb(0, "rename-cluster", name=name)
        self.engine.rename_cluster(name)

    # --- the daemon -----------------------------------------------------------------------------

    def daemon_start(self, node_id: int) -> None:
        """Start the daemon of a host that is on; nothing happens while it runs."""
        host = self.host(node_id)
        if not host.powered:
            raise OperationError(f"node {node_id} has no power: start it")
        self._verb(node_id, "daemon-start")
        host.daemon.start()

    def daemon_kill(self, node_id: int) -> None:
        """SIGKILL the daemon."""
        self._verb(node_id, "daemon-kill")
        self.host(node_id).daemon.kill()

    def daemon_sigterm(self, node_id: int) -> None:
        """SIGTERM the daemon; it ends in its own time, see `daemon_exit`."""
        self._verb(node_id, "daemon-sigterm")
        self.host(node_id).daemon.terminate()

    def daemon_restart(self, node_id: int) -> None:
        """SIGKILL the daemon and start another."""
        self.daemon_kill(node_id)
        self.daemon_start(node_id)

    def daemon_exit(self, node_id: int) -> int | None:
        """Return the exit code of the last daemon that ended by itself; None: it did not."""
        return self.host(node_id).daemon.exit_code

    def set_rules(self, node_id: int, rules: Rules) -> None:
        """Give a host's daemon other settings, from its next start on."""
        self._verb(node_id, "set-rules")
        self.host(node_id).daemon.next_rules = rules

    def forget(self, node_id: int, name: str) -> None:
        """`o2cbd forget NAME` on a host."""
        self._verb(node_id, "forget", node=name)
        host = self.host(node_id)
        host.oracle.forget(name)
        host.daemon.forget(name)

    # --- the shutdown question ------------------------------------------------------------------

    def shutdown(self, node_id: int, *, forced: bool = False, removed: bool = False) -> None:
        """Ask for a shutdown as an administrator does; see `shutdown_result`.

        Raises:
            OSError: there is no manager, it is in its start, or a question is open already.
            ManagerStuckError: the manager is stopped; whoever asks it waits.
        """
        self._verb(node_id, "shutdown", forced=forced, removed=removed)
        before = dict(self._shutdowns)

        def ended(status: int) -> None:
            if node_id in self._shutdowns and self._shutdowns[node_id] is None:
                self._shutdowns[node_id] = -status

        def closed() -> None:
            ended(-errno.EHOSTDOWN)

        admin: Client = self.engine.connect(node_id, SocketKind.ADMIN, closed=closed)
        flags = ShutdownFlag.ANYWAY * forced | ShutdownFlag.REMOVED * removed
        self._shutdowns[node_id] = None
        try:
            admin.try_shutdown(flags, ended)
        except (OSError, ManagerStuckError):
            # It was not asked: what an earlier question came to still stands.
            admin.disconnect()
            self._shutdowns = before
            raise

    def shutdown_result(self, node_id: int) -> int | None:
        """Return the errno of the host's last shutdown request, 0 for granted, None: not yet."""
        return self._shutdowns.get(node_id)
