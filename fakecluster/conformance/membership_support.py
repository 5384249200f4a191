"""The words in which the checks of a membership source are written.

The driver's cluster is seen from node 1, which is called the local node here.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from fakecluster.cman.topology import Topology
from o2cbd.core.events import Notice
from o2cbd.core.model import Absentee, Member, Membership
from o2cbd.membership.interface import ManagerGoneError, MembershipSource

LOCAL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """In what cluster managers differ, each with the reason; the defaults are cman's."""

    not_running: int = errno.ENOENT
    """Who connects where no manager runs gets this; corosync has no socket file to miss."""
    crashed: int = errno.ECONNREFUSED
    """Who connects where one was killed gets this."""
    lists_addresses: bool = False
    """Absentees have the addresses that are configured; cman shows another node's there."""
    votes: int | None = 1
    """Those of a node of which nothing else is configured; cman's node list has none."""
    delivers_after_death: bool = True
    """What was not taken before the manager's death is delivered after it; corosync's events are
    in memory that is not looked into any more."""
    says_removed: bool = True
    """The shutdown question says whether quorum is to be adjusted; corosync always does that as
    its configuration says."""


CMAN: Final = Dialect()


class MembershipDriver(Protocol):
    """A cluster of which nothing runs yet. Nothing takes effect elsewhere but while time passes."""

    @property
    def dialect(self) -> Dialect:
        """How this manager differs."""
        ...

    def connect(self) -> MembershipSource:
        """Connect to the local manager; raises what `Connect` does."""
        ...

    def readable(self, source: MembershipSource) -> bool:
        """Return whether whoever waits on the source is woken now."""
        ...

    def settle(self) -> None:
        """Let time pass until the cluster has nothing more to say (half a minute of its time)."""
        ...

    def start(self, node_id: int) -> None:
        """Start a node's manager."""
        ...

    def leave(self, node_id: int) -> None:
        """Let a node leave in good order; nobody is asked."""
        ...

    def die(self, node_id: int) -> None:
        """Power a host off."""
        ...

    def crash(self, node_id: int) -> None:
        """Kill a node's manager alone."""
        ...

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        """Let only the nodes of a group hear each other."""
        ...

    def heal(self) -> None:
        """Let all nodes hear each other."""
        ...

    def reconfigure(self) -> None:
        """Announce the next version of the configuration."""
        ...

    def rename(self, name: str) -> None:
        """Let every manager say another cluster name from now on."""
        ...

    def fail_read(self, errno_: int) -> None:
        """Let the local manager refuse its next reading of the node list with that errno."""
        ...

    def fenced(self, node_id: int) -> None:
        """Tell the managers that a node was fenced."""
        ...

    def ask_shutdown(self, *, forced: bool = False, removed: bool = False) -> list[int]:
        """Ask the local manager to shut down; the list gets its answer: 0 or -errno."""
        ...


Make = Callable[[Topology], MembershipDriver]


def running(make: Make, topology: Topology | None = None) -> MembershipDriver:
    """Return a cluster, of three nodes if nothing else is said, all of whose nodes are members."""
    topology = Topology.of(3) if topology is None else topology
    driver = make(topology)
    for node_id in topology.ids:
        driver.start(node_id)
    driver.settle()
    return driver


def connected(
    make: Make, topology: Topology | None = None
) -> tuple[MembershipDriver, MembershipSource]:
    """Return a running cluster, and a source that has taken all that there was to take."""
    driver = running(make, topology)
    source = driver.connect()
    driver.settle()
    source.dispatch()
    return driver, source


def ids(nodes: Iterable[Member | Absentee]) -> list[int]:
    """Return who they are."""
    return [node.id for node in nodes]


def member(membership: Membership, node_id: int) -> Member:
    """Return the member with this id."""
    return next(member for member in membership.members if member.id == node_id)


def told(driver: MembershipDriver, source: MembershipSource) -> tuple[Notice, ...]:
    """Let things happen, and return what whoever waits is told."""
    driver.settle()
    assert driver.readable(source)
    notices = source.dispatch()
    assert source.dispatch() == ()
    return notices


def absentee(driver: MembershipDriver, node_id: int, *, fenced: bool = False) -> Absentee:
    """Return what a reading says of a node, of those that `Topology.of` makes, that is away."""
    addresses = (f"10.0.0.{node_id}",) if driver.dialect.lists_addresses else ()
    return Absentee(
        id=node_id,
        name=f"node{node_id}",
        addresses=addresses,
        votes=driver.dialect.votes,
        fenced=fenced,
    )


def refusal(driver: MembershipDriver) -> int | None:
    """Return why nobody can connect; None: one can."""
    try:
        driver.connect().close()
    except OSError as error:
        return error.errno
    return None


def gone(call: Callable[[], object]) -> int | None:
    """Return the errno of the dead connection that a call finds; None: it lives."""
    try:
        call()
    except ManagerGoneError as error:
        return error.errno
    return None
