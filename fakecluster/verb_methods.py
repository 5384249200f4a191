"""A typed method for each verb, for whoever writes scenarios: it makes the verb and applies it."""

from __future__ import annotations

import errno as errnos
from collections.abc import Sequence
from typing import Protocol

from fakecluster import verbs
from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import NodeConfig
from o2cbd.core.rules import Rules


class Question(Protocol):
    """A shutdown that was asked for."""

    @property
    def outcome(self) -> str | None:
        """`allowed`, or the errno's symbol with which it was refused; None: not decided yet."""
        ...


class VerbMethods(Protocol):
    """Whatever verbs can be done to; hosts go by their node ids.

    Verbs take effect at once where nothing says otherwise; what the daemons make of it comes later.
    A verb that makes no sense now raises, so that a scenario cannot pass by doing nothing; one that
    cannot be done at all raises UnsupportedVerbError.
    """

    def apply(self, verb: verbs.Verb) -> object:
        """Do a verb."""
        ...

    def question(self, host: int) -> Question:
        """Return the last shutdown that was asked for on a host."""
        ...

    # --- hosts and their managers

    def boot(self, host: int) -> None:
        """Power a host on, and start nothing."""
        self.apply(verbs.Boot(node=host))

    def start(self, host: int, *, daemon: bool = True) -> None:
        """Boot a host that has no power, and start its manager and daemon where they are not."""
        self.apply(verbs.Start(node=host, daemon=daemon))

    def kill(self, host: int) -> None:
        """Cut a host's power: everything on it ends, its tables are empty when it boots."""
        self.apply(verbs.Kill(node=host))

    def leave(self, host: int, *, removed: bool = False) -> None:
        """Let a node leave cleanly, nobody is asked; its host stays up."""
        self.apply(verbs.Leave(node=host, removed=removed))

    def cman_start(self, host: int) -> None:
        """Start the manager of a host that is on."""
        self.apply(verbs.CmanStart(node=host))

    def cman_crash(self, host: int) -> None:
        """Kill the manager alone."""
        self.apply(verbs.CmanCrash(node=host))

    def cman_stop(self, host: int) -> None:
        """Stop the manager's process: it takes requests and answers none."""
        self.apply(verbs.CmanStop(node=host))

    def cman_cont(self, host: int) -> None:
        """Continue the manager's process."""
        self.apply(verbs.CmanCont(node=host))

    def fence(self, host: int, *, by: int) -> None:
        """Tell `by`'s manager that a node was fenced."""
        self.apply(verbs.Fence(node=host, by=by))

    def qdisk(self, host: int, *, available: bool) -> None:
        """Poll the quorum disk on a host with that result."""
        self.apply(verbs.Qdisk(node=host, available=available))

    def expected(self, host: int, votes: int) -> None:
        """Make the manager of a host and its partition expect so many votes."""
        self.apply(verbs.Expected(node=host, votes=votes))

    def votes(self, host: int, votes: int) -> None:
        """Give a node so many votes."""
        self.apply(verbs.Votes(node=host, votes=votes))

    def bind_port(self, host: int, port: int) -> None:
        """Bind a port of a host's manager."""
        self.apply(verbs.BindPort(node=host, port=port))

    def close_port(self, host: int, port: int) -> None:
        """End the client that `bind_port` made."""
        self.apply(verbs.ClosePort(node=host, port=port))

    # --- the network

    def partition(self, *groups: Sequence[int]) -> None:
        """Cut the network between groups of nodes; those not named are a group too.

        The disk heartbeat goes on.
        """
        self.apply(verbs.Partition(groups=tuple(tuple(group) for group in groups)))

    def isolate(self, host: int) -> None:
        """Cut a node off from all others."""
        self.apply(verbs.Isolate(node=host))

    def cut(self, speaker: int, listener: int) -> None:
        """Cut what a listener hears from a speaker, one way."""
        self.apply(verbs.Cut(speaker=speaker, listener=listener))

    def mend(self, speaker: int, listener: int) -> None:
        """Undo one `cut`."""
        self.apply(verbs.Mend(speaker=speaker, listener=listener))

    def ring(self) -> None:
        """Cut all links but those of neighbours by id."""
        self.apply(verbs.Ring())

    def heal(self) -> None:
        """Undo all partitions and cuts."""
        self.apply(verbs.Heal())

    def slow_network(self, *, delay_us: int = 0, jitter_us: int = 0, loss_percent: int = 0) -> None:
        """Delay everything between nodes; with nothing given it is as fast as it was.

        Args:
            delay_us: always so much more.
            jitter_us: and at most so much more on top, drawn.
            loss_percent: how many of a hundred messages are lost and sent again.
        """
        self.apply(
            verbs.SlowNetwork(delay_us=delay_us, jitter_us=jitter_us, loss_percent=loss_percent)
        )

    # --- the kernels

    def mount(self, host: int) -> None:
        """Mount the shared volume: a heartbeat region with a thread."""
        self.apply(verbs.Mount(node=host))

    def umount(self, host: int) -> None:
        """Unmount it."""
        self.apply(verbs.Umount(node=host))

    def stall_disk(self, host: int) -> None:
        """Stall a host's writes to the shared disk: it fences itself before others give it up."""
        self.apply(verbs.StallDisk(node=host))

    def pin(self, host: int, node: str) -> None:
        """Make a kernel refuse to let go of a node."""
        self.apply(verbs.Pin(node=host, name=node))

    def unpin(self, host: int, node: str) -> None:
        """Undo `pin`."""
        self.apply(verbs.Unpin(node=host, name=node))

    def give_address(self, host: int, address: str) -> None:
        """Add an address to a host; its manager is not told."""
        self.apply(verbs.GiveAddress(node=host, address=address))

    def take_address(self, host: int, address: str) -> None:
        """Remove an address from a host; its manager is not told."""
        self.apply(verbs.TakeAddress(node=host, address=address))

    def take_port(self, host: int, port: int) -> None:
        """Make another program listen on a port of a host."""
        self.apply(verbs.TakePort(node=host, port=port))

    def free_port(self, host: int, port: int) -> None:
        """Undo `take_port`."""
        self.apply(verbs.FreePort(node=host, port=port))

    def place_cluster(self, host: int, name: str | None = None) -> None:
        """Make a cluster in a kernel by hand; None: of our name."""
        self.apply(verbs.PlaceCluster(node=host, name=name))

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
        """Make a node in our cluster of a kernel by hand; what is None is not written."""
        self.apply(
            verbs.PlaceNode(node=host, name=name, num=num, address=address, port=port, local=local)
        )

    def drop_cluster(self, host: int, name: str) -> None:
        """Take an empty cluster out of a kernel by hand."""
        self.apply(verbs.DropCluster(node=host, name=name))

    def drop_node(self, host: int, name: str) -> None:
        """Take a node out of a kernel by hand."""
        self.apply(verbs.DropNode(node=host, name=name))

    # --- the configuration

    def address(self, node: int, *addresses: str, now: bool = True, host: bool = True) -> None:
        """Give a node other addresses.

        Args:
            node: whose.
            addresses: all of them, the first interface's first.
            now: the managers learn it now; else at the node's next join.
            host: the host itself has these and no others from now on.
        """
        self.apply(verbs.ChangeAddress(node=node, addresses=addresses, now=now, host=host))

    def add_node(self, node: NodeConfig, *, lagging: Sequence[int] = ()) -> None:
        """Put a node into the configuration; its host is there, without power."""
        self.apply(
            verbs.AddNode(
                id=node.id,
                name=node.name,
                addresses=node.addresses,
                votes=node.votes,
                lagging=tuple(lagging),
            )
        )

    def remove_node(self, node: int, *, lagging: Sequence[int] = ()) -> None:
        """Take a node out of the configuration; its host stays as it is."""
        self.apply(verbs.RemoveNode(node=node, lagging=tuple(lagging)))

    def rename_node(self, node: int, name: str) -> None:
        """Give a node another name in the configuration, effective at once."""
        self.apply(verbs.RenameNode(node=node, name=name))

    def config_older(self, node: int) -> None:
        """Announce the next version of the configuration, which this node's file has not."""
        self.apply(verbs.ConfigOlder(node=node))

    def config_newer(self, node: int) -> None:
        """Write the next version of the configuration to one node alone; nobody is told."""
        self.apply(verbs.ConfigNewer(node=node))

    def config_mend(self) -> None:
        """Give every node the newest configuration, and announce it."""
        self.apply(verbs.ConfigMend())

    def rename_cluster(self, name: str) -> None:
        """Make every manager report another cluster name."""
        self.apply(verbs.RenameCluster(name=name))

    # --- the semaphore

    def hold(self, host: int) -> None:
        """Take the semaphore of a host by another process; it is taken when this returns."""
        self.apply(verbs.Hold(node=host))

    def release(self, host: int) -> None:
        """Make that process give the semaphore back."""
        self.apply(verbs.Release(node=host))

    def kill_holder(self, host: int) -> None:
        """Kill that process."""
        self.apply(verbs.KillHolder(node=host))

    def remove_semaphore(self, host: int) -> None:
        """Remove the set under its holder."""
        self.apply(verbs.RemoveSemaphore(node=host))

    def semaphore_unusable(self, host: int, errno: int | None) -> None:
        """Make every use of a host's semaphore fail; None: it works again."""
        self.apply(verbs.SemaphoreUnusable(node=host, errno=errno))

    # --- the daemon

    def daemon_start(self, host: int) -> None:
        """Start a host's daemon."""
        self.apply(verbs.DaemonStart(node=host))

    def daemon_kill(self, host: int) -> None:
        """SIGKILL it."""
        self.apply(verbs.DaemonKill(node=host))

    def daemon_term(self, host: int) -> None:
        """SIGTERM it; see `daemon_exit`."""
        self.apply(verbs.DaemonSigterm(node=host))

    def daemon_restart(self, host: int) -> None:
        """SIGKILL it and start another."""
        self.apply(verbs.DaemonRestart(node=host))

    def set_rules(self, host: int, rules: Rules) -> None:
        """Give a host's daemon other settings, from its next start on."""
        self.apply(verbs.SetRules(node=host, rules=rules))

    def forget(self, host: int, node: str) -> None:
        """`o2cbd forget NODE`."""
        self.apply(verbs.Forget(node=host, name=node))

    def shutdown(self, host: int, *, force: bool = False, remove: bool = False) -> Question:
        """Ask the manager for a shutdown as an administrator does."""
        self.apply(verbs.Shutdown(node=host, forced=force, removed=remove))
        return self.question(host)

    # --- faults

    def notice(
        self, host: int, fault: NoticeFault, *, count: int = 1, delay_us: int = 1_000_000
    ) -> None:
        """Lose, double, delay or coalesce the next notices of a host's manager."""
        self.apply(verbs.Notice(node=host, fault=fault, count=count, delay_us=delay_us))

    def fail_read(self, host: int, errno: int, *, count: int = 1) -> None:
        """Make the next readings of a host's membership fail."""
        self.apply(verbs.FailRead(node=host, errno=errno, count=count))

    def fault(
        self, host: int, call: str, errno: int, *, count: int | None = 1, path: str | None = None
    ) -> None:
        """Make the next configfs calls of a kind fail, not applied.

        Args:
            host: on which host.
            call: `mkdir`, `rmdir`, `write:num`, `write`, `read:local`, `scandir`, `open` ...
            errno: with which.
            count: how many; None: until `mend_calls`.
            path: only at this path of the configfs (`/cluster/C/node/N`) or below it.
        """
        self.apply(verbs.Fault(node=host, call=call, errno=errno, count=count, path=path))

    def mend_calls(self, host: int) -> None:
        """End all configfs faults of a host."""
        self.apply(verbs.MendCalls(node=host))

    def crash_daemon_at(self, host: int, call: str, nth: int = 1) -> None:
        """Kill the daemon inside its nth such call from now on, which is not applied.

        Args:
            host: whose.
            call: as for `fault`, or `verbs.ANY_CHANGE`, `verbs.ANY_CALL`.
            nth: 1 for the next one.
        """
        self.apply(verbs.CrashDaemonAt(node=host, call=call, nth=nth))

    def unmount_configfs(self, host: int) -> None:
        """Unmount configfs on a host."""
        self.apply(verbs.UnmountConfigfs(node=host))

    def mount_configfs(self, host: int) -> None:
        """Undo `unmount_configfs`."""
        self.apply(verbs.MountConfigfs(node=host))

    def mounts_unreadable(self, host: int, errno: int | None) -> None:
        """Make the mount table unreadable with that errno; None: readable again."""
        self.apply(verbs.MountsUnreadable(node=host, errno=errno))

    def hide_mounts(self, host: int) -> None:
        """Make the mount table unreadable."""
        self.mounts_unreadable(host, errnos.EIO)

    def show_mounts(self, host: int) -> None:
        """Undo `hide_mounts`."""
        self.mounts_unreadable(host, None)
