"""A whole cman cluster in one object: what an operator, a fault or a client can do to it."""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fakecluster.clock import Timeline
from fakecluster.cman.client import Client, Closed, Deliver, Kind
from fakecluster.cman.timings import Profile, Timings
from fakecluster.cman.topology import NodeConfig, Topology


class Sockets(enum.Enum):
    """What connect(2) finds at a node's socket paths."""

    ABSENT = "absent"
    """ENOENT: never started, joining, left cleanly, killed by order."""
    LISTENING = "listening"
    STALE = "stale"
    """ECONNREFUSED: it crashed or its host lost power."""


class NoticeFault(enum.Enum):
    """What happens to the next STATECHANGE and CONFIG_UPDATE notices of one node.

    The shutdown question is never touched: a second question would have to be answered again.
    """

    DROP = "drop"
    DUPLICATE = "dup"
    DELAY = "delay"
    """Comes later; what follows it waits behind it (it is a stream)."""
    COALESCE = "coalesce"
    """Held back until all of them are there, then delivered at one instant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """One node as the outside sees it."""

    node_id: int
    name: str
    running: bool
    stopped: bool
    sockets: Sockets
    is_member: bool
    quorate: bool
    members: tuple[int, ...]
    """In its own view; empty before its first transition."""
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One thing that happened, for the event log; the same operations give the same log."""

    time_us: int
    node_id: int
    """0: the network or the whole cluster."""
    what: str
    detail: str = ""


class Watcher:
    """Who has to know when sockets and processes come and go; override what you need."""

    def sockets(self, node_id: int, sockets: Sockets) -> None:
        """`node_id`'s sockets appeared, vanished or went stale (after its clients were closed)."""

    def stopped(self, node_id: int, *, stopped: bool) -> None:
        """`node_id`'s daemon serves nobody any more (SIGSTOP), or goes on."""


class Engine:
    """The cluster. Every operation takes effect at `timeline.now_us()`; node ids are ints.

    An operation that makes no sense now (start of a running node) raises OperationError and
    changes nothing.
    """

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
        """
        raise NotImplementedError

    # -- hosts

    def start(self, node_id: int) -> None:
        """Start the node's cman; it reads the cluster's current configuration."""
        raise NotImplementedError

    def kill(self, node_id: int) -> None:
        """Power the host off: stale sockets, silence."""
        raise NotImplementedError

    def crash(self, node_id: int, *, dying_us: int = 0) -> None:
        """Kill -9 of the cman alone. For `dying_us` connects still succeed, and fail at once."""
        raise NotImplementedError

    def stop(self, node_id: int) -> None:
        """SIGSTOP: nobody is answered; the others see a death."""
        raise NotImplementedError

    def cont(self, node_id: int) -> None:
        """SIGCONT: what was asked is answered, and the node merges again."""
        raise NotImplementedError

    def leave(self, node_id: int, *, removed: bool = False) -> None:
        """Leave cleanly; nobody is asked (that is a client's `try_shutdown`)."""
        raise NotImplementedError

    def kill_node(self, killer_id: int, victim_id: int) -> None:
        """`cman_tool kill -n victim` on the killer."""
        raise NotImplementedError

    # -- network

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        """Let only the nodes within a group hear each other; those not named are a group too."""
        raise NotImplementedError

    def cut(self, from_id: int, to_id: int) -> None:
        """Let `to_id` hear nothing from `from_id` (one way)."""
        raise NotImplementedError

    def mend(self, from_id: int, to_id: int) -> None:
        """Undo one `cut`."""
        raise NotImplementedError

    def heal(self) -> None:
        """Undo all partitions and cuts."""
        raise NotImplementedError

    # -- configuration

    def set_address(self, node_id: int, addresses: Sequence[str], *, now: bool = False) -> None:
        """Give a node other addresses from its next join on; `now`: while it runs."""
        raise NotImplementedError

    def add_node(self, node: NodeConfig, *, lagging: Sequence[int] = ()) -> None:
        """Add a node to the configuration and announce it; see `reconfigure`."""
        raise NotImplementedError

    def remove_node(self, node_id: int, *, lagging: Sequence[int] = ()) -> None:
        """Take a node out of the configuration and announce it; see `reconfigure`."""
        raise NotImplementedError

    def reconfigure(
        self, nodes: Sequence[NodeConfig] | None = None, *, lagging: Sequence[int] = ()
    ) -> None:
        """Announce the next version of the configuration, with other nodes or the same ones.

        Args:
            nodes: None leaves them as they are.
            lagging: nodes whose file stays as it was until `mend_config`.
        """
        raise NotImplementedError

    def mend_config(self, node_id: int) -> None:
        """Give a lagging node the current file."""
        raise NotImplementedError

    def rename_cluster(self, name: str) -> None:
        """Let every daemon report another cluster name from now on."""
        raise NotImplementedError

    # -- quorum disk

    def qdisk(self, node_id: int, *, available: bool) -> None:
        """Let the quorum disk's daemon on this node poll with that result."""
        raise NotImplementedError

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
        raise NotImplementedError

    def fail_read(self, node_id: int, errno: int, *, count: int = 1) -> None:
        """Let the next `count` readings of the node list fail with that errno."""
        raise NotImplementedError

    def refuse(self, node_id: int, errno: int | None) -> None:
        """Refuse new connections with that errno (EACCES ...), None: take them again."""
        raise NotImplementedError

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
        raise NotImplementedError

    def is_stopped(self, node_id: int) -> bool:
        """Tell whether the daemon is stopped: a request would block."""
        raise NotImplementedError

    def state(self, node_id: int) -> HostState:
        """Return what the outside sees of one node."""
        raise NotImplementedError

    @property
    def ids(self) -> tuple[int, ...]:
        """All nodes that are or were configured, sorted."""
        raise NotImplementedError


class OperationError(ValueError):
    """The operation makes no sense now, or names what is not there."""
