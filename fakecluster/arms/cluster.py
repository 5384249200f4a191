"""The driver that every arm of the scenario suite is: what can be done to a cluster and seen of it.

A scenario never says how: it names hosts by their node ids, does a verb, and asks for what should
be so. The verbs are those of `fakecluster ctl`, and what an operator does to a daemon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from fakecluster.arms.values import Call, Capability, ClusterSpec, Row, Span, Vote, Waiting
from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import NodeConfig
from o2cbd.core.model import State


class Question(Protocol):
    """A shutdown that was asked for."""

    @property
    def outcome(self) -> str | None:
        """`allowed`, or the errno's symbol with which it was refused; None: not decided yet."""
        ...


class Cluster(Protocol):
    """A cluster under test.

    Verbs take effect at once where nothing says otherwise; what the daemons make of it comes later,
    and is waited for with `eventually` and its kin in `ClusterWords`. A verb that makes no sense
    now raises, so that a scenario cannot pass by doing nothing.
    """

    arm: str
    missing: Mapping[Capability, str]
    """What this arm cannot do, with the reason."""
    spec: ClusterSpec

    # --- time -----------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], bool], within: Span) -> bool:
        """Let time pass until the condition holds; False: it did not in that time."""
        ...

    def watch(self, condition: Callable[[], bool], during: Span) -> bool:
        """Let that much time pass; False: the condition did not hold throughout."""
        ...

    # --- hosts and their managers ---------------------------------------------------------------

    def start(self, host: int, *, daemon: bool = True) -> None:
        """Boot a host that has no power, and start its manager and daemon where they are not."""
        ...

    def kill(self, host: int) -> None:
        """Cut a host's power: everything on it ends, its tables are empty when it boots."""
        ...

    def leave(self, host: int, *, removed: bool = False) -> None:
        """Let a node leave cleanly, nobody is asked; its host stays up."""
        ...

    def cman_start(self, host: int) -> None:
        """Start the manager of a host that is on."""
        ...

    def cman_crash(self, host: int) -> None:
        """Kill the manager alone."""
        ...

    def cman_stop(self, host: int) -> None:
        """Let the manager hang: it takes requests and answers none."""
        ...

    def cman_cont(self, host: int) -> None:
        """Let it go on."""
        ...

    def fence(self, host: int, *, by: int) -> None:
        """Tell `by`'s manager that a node was fenced."""
        ...

    def qdisk(self, host: int, *, available: bool) -> None:
        """Let the quorum disk's daemon on a host poll with that result."""
        ...

    def expected(self, host: int, votes: int) -> None:
        """Let the manager of a host and its partition expect so many votes."""
        ...

    # --- the network ----------------------------------------------------------------------------

    def partition(self, *groups: Sequence[int]) -> None:
        """Let only nodes of one group hear each other; those not named are a group too.

        The disk heartbeat goes on.
        """
        ...

    def cut(self, speaker: int, listener: int) -> None:
        """Let a listener hear nothing from a speaker, one way."""
        ...

    def heal(self) -> None:
        """Undo all of that."""
        ...

    # --- the kernels ----------------------------------------------------------------------------

    def mount(self, host: int) -> None:
        """Mount the shared volume: a heartbeat region with a thread."""
        ...

    def umount(self, host: int) -> None:
        """Unmount it."""
        ...

    def pin(self, host: int, node: str) -> None:
        """Let a kernel refuse to let go of a node."""
        ...

    def unpin(self, host: int, node: str) -> None:
        """End that."""
        ...

    def give_address(self, host: int, address: str) -> None:
        """Let a host have an address; its manager is not told."""
        ...

    def take_address(self, host: int, address: str) -> None:
        """Let a host lose one; its manager is not told."""
        ...

    def place_cluster(self, host: int, name: str | None = None) -> None:
        """Make a cluster in a kernel by hand; None: of our name."""
        ...

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
        ...

    def drop_cluster(self, host: int, name: str) -> None:
        """Take an empty cluster out of a kernel by hand."""
        ...

    def drop_node(self, host: int, name: str) -> None:
        """Take a node out of a kernel by hand."""
        ...

    # --- the configuration ----------------------------------------------------------------------

    def address(self, node: int, *addresses: str) -> None:
        """Give a node other addresses, its host and all managers too."""
        ...

    def add_node(self, node: NodeConfig) -> None:
        """Put a node into the configuration; its host is there, without power."""
        ...

    def remove_node(self, node: int) -> None:
        """Take a node out of the configuration; its host stays as it is."""
        ...

    def rename_node(self, node: int, name: str) -> None:
        """Give a node another name in the configuration, effective at once."""
        ...

    def rename_cluster(self, name: str) -> None:
        """Let every manager report another cluster name."""
        ...

    # --- the semaphore --------------------------------------------------------------------------

    def hold(self, host: int) -> None:
        """Let somebody else of the host take the semaphore; it is taken when this returns."""
        ...

    def release(self, host: int) -> None:
        """Let it give the semaphore back."""
        ...

    def kill_holder(self, host: int) -> None:
        """Kill that process."""
        ...

    def remove_semaphore(self, host: int) -> None:
        """Remove the set under its holder."""
        ...

    # --- the daemon -----------------------------------------------------------------------------

    def daemon_start(self, host: int) -> None:
        """Start a host's daemon."""
        ...

    def daemon_kill(self, host: int) -> None:
        """SIGKILL it."""
        ...

    def daemon_term(self, host: int) -> None:
        """SIGTERM it; see `daemon_exit`."""
        ...

    def daemon_exit(self, host: int) -> int | None:
        """Return the exit code of a daemon that ran and does not; negative for a signal's."""
        ...

    def forget(self, host: int, node: str) -> None:
        """`o2cbd forget NODE`."""
        ...

    def unseen(self, host: int) -> AbstractContextManager[None]:
        """What is done inside happens before the host's daemon gets to see any of it."""
        ...

    # --- faults ---------------------------------------------------------------------------------

    def notice(self, host: int, fault: NoticeFault, *, count: int = 1) -> None:
        """Lose, double, delay or coalesce the next notices of a host's manager."""
        ...

    def fail_read(self, host: int, errno: int, *, count: int = 1) -> None:
        """Let the next readings of a host's membership fail."""
        ...

    def fault(self, host: int, call: str, errno: int, *, count: int = 1) -> None:
        """Let the next configfs calls of a kind fail: `mkdir`, `rmdir`, `write:num` ..."""
        ...

    def mend_calls(self, host: int) -> None:
        """End that."""
        ...

    def crash_daemon_at(self, host: int, call: str, nth: int = 1) -> None:
        """Let the daemon be killed inside its nth such call from now on, which is not applied."""
        ...

    def hide_mounts(self, host: int) -> None:
        """Let the mount table be unreadable."""
        ...

    def show_mounts(self, host: int) -> None:
        """End that."""
        ...

    # --- the shutdown question ------------------------------------------------------------------

    def shutdown(self, host: int, *, force: bool = False, remove: bool = False) -> Question:
        """Ask the manager for a shutdown as an administrator does."""
        ...

    # --- looking --------------------------------------------------------------------------------

    def table(self, host: int) -> Mapping[str, Row]:
        """Return our cluster's nodes in a kernel, by name; empty where there is no cluster."""
        ...

    def inodes(self, host: int) -> Mapping[str, int]:
        """Return each entry's inode: another one means that it was made anew."""
        ...

    def clusters(self, host: int) -> tuple[str, ...]:
        """Return the names of all clusters in a kernel."""
        ...

    def attribute(self, host: int, name: str) -> str:
        """Return an attribute of our cluster in a kernel."""
        ...

    def calls(self, host: int) -> tuple[Call, ...]:
        """Return all changing calls that a kernel has seen, whoever made them."""
        ...

    def state(self, host: int) -> State | None:
        """Return what the daemon says of itself; None: there is none."""
        ...

    def reason(self, host: int) -> str:
        """Return why, in the daemon's words."""
        ...

    def quorate(self, host: int) -> bool | None:
        """Return what the daemon knows of quorum."""
        ...

    def incarnations(self, host: int) -> Mapping[int, int]:
        """Return the members that the daemon knows, by id, each with its incarnation."""
        ...

    def pending(self, host: int) -> tuple[Waiting, ...]:
        """Return what the daemon says that it waits with."""
        ...

    def left_out(self, host: int) -> Mapping[int, str]:
        """Return the nodes that the daemon leaves out, by id, each with its reason."""
        ...

    def held(self, host: int) -> bool:
        """Return whether the daemon knows that somebody else holds."""
        ...

    def vote(self, host: int) -> Vote | None:
        """Return the daemon's last answer to a shutdown question."""
        ...

    def fingerprint(self, host: int) -> str:
        """Return the daemon's fingerprint of its table; empty: there is no daemon."""
        ...

    # --- judging --------------------------------------------------------------------------------

    def findings(self) -> tuple[str, ...]:
        """Let the cluster come to rest, and return all that the arm's oracles find wrong."""
        ...

    def seen_wrong(self) -> tuple[str, ...]:
        """Return what the arm's oracles have found wrong so far; no time passes."""
        ...

    def last_events(self) -> tuple[str, ...]:
        """Return the last things that happened, a line each."""
        ...
