"""What every `MembershipSource` does, told by what happens to a cluster.

The driver's cluster is seen from node 1, which is called the local node here.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology
from fakecluster.conformance.checks import checks_in
from o2cbd.core.events import ConfigChange, ManagerLost, Notice, ShutdownAsked, StateChange
from o2cbd.core.model import Absentee, Member, Membership, Quorum
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
    """Those of a node of which nothing else is configured."""
    member_has_votes: bool = False
    """Each member has its own; cman's node list has none, so those of all are one number."""
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
        """Wait until the cluster is at rest (half a minute of its time)."""
        ...

    def start(self, node_id: int) -> None:
        """Start a node's manager."""
        ...

    def leave(self, node_id: int) -> None:
        """Leave in good order on a node; nobody is asked."""
        ...

    def die(self, node_id: int) -> None:
        """Power a host off."""
        ...

    def crash(self, node_id: int) -> None:
        """Kill a node's manager alone."""
        ...

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        """Cut all links between groups of nodes."""
        ...

    def heal(self) -> None:
        """Restore all links."""
        ...

    def reconfigure(self) -> None:
        """Announce the next version of the configuration."""
        ...

    def rename(self, name: str) -> None:
        """Change the cluster name that every manager reports."""
        ...

    def fail_read(self, errno_: int) -> None:
        """Fail the local manager's next reading of the node list with that errno."""
        ...

    def fenced(self, node_id: int) -> None:
        """Report to the managers that a node was fenced."""
        ...

    def ask_shutdown(self, *, forced: bool = False, removed: bool = False) -> list[int]:
        """Ask the local manager to shut down; the list gets its answer: 0 or -errno."""
        ...


Make = Callable[[Topology], MembershipDriver]


def all_started(make: Make, topology: Topology | None = None) -> MembershipDriver:
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
    driver = all_started(make, topology)
    source = driver.connect()
    driver.settle()
    source.dispatch()
    return driver, source


def ids(nodes: Iterable[Member | Absentee]) -> list[int]:
    """Return who they are."""
    return [node.id for node in nodes]


def member_of(membership: Membership, node_id: int) -> Member:
    """Return the member with this id."""
    return next(member for member in membership.members if member.id == node_id)


def settle_and_take(driver: MembershipDriver, source: MembershipSource) -> tuple[Notice, ...]:
    """Settle, and return the notices of a source that was woken."""
    driver.settle()
    assert driver.readable(source)
    notices = source.dispatch()
    assert source.dispatch() == ()
    return notices


def absentee_of(driver: MembershipDriver, node_id: int, *, fenced: bool = False) -> Absentee:
    """Return what a reading says of a node, of those that `Topology.of` makes, that is away."""
    addresses = (f"10.0.0.{node_id}",) if driver.dialect.lists_addresses else ()
    return Absentee(
        id=node_id,
        name=f"node{node_id}",
        addresses=addresses,
        votes=driver.dialect.votes,
        fenced=fenced,
    )


def connect_errno(driver: MembershipDriver) -> int | None:
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


# -- connecting, and what is read


def a_manager_that_does_not_run_refuses(make: Make) -> None:
    """Never started, or left in good order."""
    driver = make(Topology.of(3))
    assert connect_errno(driver) == driver.dialect.not_running
    driver.start(LOCAL)
    driver.settle()
    assert connect_errno(driver) is None
    driver.leave(LOCAL)
    driver.settle()
    assert connect_errno(driver) == driver.dialect.not_running


def a_crashed_manager_refuses(make: Make) -> None:
    """Cman's socket is still there then."""
    driver = all_started(make)
    driver.crash(LOCAL)
    driver.settle()
    assert connect_errno(driver) == driver.dialect.crashed


def a_manager_that_came_back_is_connected_anew(make: Make) -> None:
    """The old connection stays dead, the new one sees the cluster."""
    driver, old = connected(make)
    driver.crash(LOCAL)
    driver.settle()
    driver.start(LOCAL)
    driver.settle()
    new = driver.connect()
    assert ids(new.snapshot().members) == [1, 2, 3]
    assert old.dispatch() == (ManagerLost(errno=errno.EHOSTDOWN),)


# -- reading


def a_reading_is_whole(make: Make) -> None:
    """Cluster, local node, quorum, members by id with names and addresses, and who is absent."""
    driver = make(Topology.of(3, cluster="alpha"))
    for node_id in (2, LOCAL):
        driver.start(node_id)
    driver.settle()
    membership = driver.connect().snapshot()
    incarnations = [member.incarnation for member in membership.members]
    votes = driver.dialect.votes
    assert membership == Membership(
        cluster="alpha",
        local_id=LOCAL,
        quorum=Quorum.QUORATE,
        two_node=False,
        members=tuple(
            Member(
                id=i,
                name=f"node{i}",
                incarnation=incarnation,
                addresses=(f"10.0.0.{i}",),
                votes=votes if driver.dialect.member_has_votes else None,
            )
            for i, incarnation in zip((1, 2), incarnations, strict=True)
        ),
        absentees=(absentee_of(driver, 3),),
        member_votes=None if votes is None or driver.dialect.member_has_votes else 2 * votes,
    )


def any_id_is_a_number_that_counts(make: Make) -> None:
    """Ids over 254 and over 31 bits are members as others are, sorted as numbers."""
    node_ids = (1, 255, 2**31 - 1, 2**31, 2**32 - 1)
    nodes = [
        NodeConfig(id=node_id, name=f"n{node_id}", addresses=(f"10.0.0.{number}",))
        for number, node_id in enumerate(node_ids, start=1)
    ]
    driver = all_started(make, Topology(cluster="o2", nodes=tuple(nodes)).checked())
    assert ids(driver.connect().snapshot().members) == list(node_ids)


def long_names_are_whole(make: Make) -> None:
    """Up to the 254 bytes that end with a NUL on the way, also where they are no text."""
    name = "\udcff" + "ä" * 126 + "x"
    nodes = (NodeConfig(id=1, name=name, addresses=("10.0.0.1",)),)
    driver = all_started(make, Topology(cluster="o2", nodes=nodes).checked())
    assert [member.name for member in driver.connect().snapshot().members] == [name]


def two_hundred_and_fifty_five_nodes_are_read(make: Make) -> None:
    """In one reading."""
    driver = all_started(make, Topology.of(255))
    assert ids(driver.connect().snapshot().members) == list(range(1, 256))


def addresses_come_in_the_managers_order(make: Make) -> None:
    """An IPv4 address that is not the first is found; a node without an address is a member."""
    given = {1: ("fd00::1", "10.0.0.1"), 2: ("fd00::2",), 3: ()}
    nodes = [NodeConfig(id=i, name=f"n{i}", addresses=each) for i, each in given.items()]
    driver = all_started(make, Topology(cluster="o2", nodes=tuple(nodes)).checked())
    membership = driver.connect().snapshot()
    assert {member.id: member.addresses for member in membership.members} == given


def an_absentee_has_the_configured_addresses_or_none(make: Make) -> None:
    """What cman shows there is left over from another node."""
    driver, source = connected(make)
    driver.leave(3)
    driver.settle()
    assert source.snapshot().absentees == (absentee_of(driver, 3),)


def the_quorum_disk_is_node_0_without_an_address(make: Make) -> None:
    """A member while it is polled; never taken for the local node."""
    topology = Topology.of(2, qdisk=QuorumDisk(name="/dev/q"))
    membership = all_started(make, topology).connect().snapshot()
    assert membership.local_id == LOCAL
    assert ids(membership.members) == [0, 1, 2]
    disk = membership.members[0]
    assert (disk.name, disk.incarnation, disk.addresses) == ("/dev/q", 0, ())


def a_quorum_disk_that_is_not_polled_is_absent(make: Make) -> None:
    """It stays in the list."""
    topology = Topology.of(2, qdisk=QuorumDisk(name="/dev/q", polled=False))
    membership = all_started(make, topology).connect().snapshot()
    assert membership.absentees == (Absentee(id=0, name="/dev/q"),)


def a_failed_reading_leaves_the_connection(make: Make) -> None:
    """It has the manager's errno, and the next one works."""
    driver, source = connected(make)
    driver.fail_read(errno.ENOMEM)
    failure: OSError | None = None
    try:
        source.snapshot()
    except OSError as error:
        failure = error
    assert failure is not None
    assert failure.errno == errno.ENOMEM
    assert not isinstance(failure, ManagerGoneError)
    assert ids(source.snapshot().members) == [1, 2, 3]


def the_clusters_name_is_that_of_the_connection(make: Make) -> None:
    """It is read once a connection: under a living one no node changes its cluster."""
    driver, source = connected(make)
    before = source.snapshot().cluster
    driver.rename("other")
    driver.settle()
    assert source.snapshot().cluster == before
    source.close()
    source = driver.connect()
    assert source.snapshot().cluster == "other"
    assert before != "other"


# -- changes, and the end


def silence_is_silence(make: Make) -> None:
    """Nothing happens: nobody is woken, and a dispatch all the same gives nothing."""
    driver, source = connected(make)
    driver.settle()
    assert not driver.readable(source)
    assert source.dispatch() == ()


def a_join_is_told(make: Make) -> None:
    """The reading after the notice has the new member."""
    driver = make(Topology.of(3))
    driver.start(LOCAL)
    driver.start(2)
    driver.settle()
    source = driver.connect()
    driver.settle()
    source.dispatch()
    driver.start(3)
    assert set(settle_and_take(driver, source)) == {StateChange(quorate=True)}
    assert ids(source.snapshot().members) == [1, 2, 3]


def a_leave_is_told(make: Make) -> None:
    """The reading after the notice has one member less."""
    driver, source = connected(make)
    driver.leave(3)
    assert set(settle_and_take(driver, source)) == {StateChange(quorate=True)}
    assert ids(source.snapshot().members) == [1, 2]


def a_death_is_told(make: Make) -> None:
    """As a leave is."""
    driver, source = connected(make)
    driver.die(3)
    assert set(settle_and_take(driver, source)) == {StateChange(quorate=True)}
    assert ids(source.snapshot().members) == [1, 2]


def lost_quorum_is_told(make: Make) -> None:
    """The last notice and the reading agree."""
    driver, source = connected(make)
    driver.die(2)
    driver.die(3)
    assert settle_and_take(driver, source)[-1] == StateChange(quorate=False)
    membership = source.snapshot()
    assert (membership.quorum, ids(membership.members)) == (Quorum.INQUORATE, [1])
    assert ids(membership.absentees) == [2, 3]


def healing_brings_others_back_with_a_new_incarnation(make: Make) -> None:
    """Our own stays as it is: we never left."""
    driver, source = connected(make)
    before = source.snapshot()
    driver.partition([[1, 2], [3]])
    settle_and_take(driver, source)
    driver.heal()
    settle_and_take(driver, source)
    after = source.snapshot()
    assert ids(after.members) == [1, 2, 3]
    changed = [m.id for m in after.members if m.incarnation != member_of(before, m.id).incarnation]
    assert changed == [3]


def a_fast_restart_changes_the_incarnation_alone(make: Make) -> None:
    """Both readings have the member; only its incarnation tells that it was away."""
    driver, source = connected(make)
    before = member_of(source.snapshot(), 3)
    driver.crash(3)
    driver.start(3)
    settle_and_take(driver, source)
    after = member_of(source.snapshot(), 3)
    assert after.incarnation != before.incarnation
    assert (after.name, after.addresses) == (before.name, before.addresses)


def what_comes_during_a_reading_is_not_lost(make: Make) -> None:
    """A notice is there, a reading goes first: whoever waits is woken all the same."""
    driver, source = connected(make)
    driver.die(3)
    driver.settle()
    assert ids(source.snapshot().members) == [1, 2]
    assert driver.readable(source)
    assert set(source.dispatch()) == {StateChange(quorate=True)}


def every_connection_is_told(make: Make) -> None:
    """Two of them hear the same."""
    driver, first = connected(make)
    second = driver.connect()
    driver.die(3)
    driver.settle()
    assert first.dispatch() == second.dispatch() != ()


def a_new_configuration_is_told_with_its_version(make: Make) -> None:
    """Among state changes, or alone."""
    driver, source = connected(make)
    driver.reconfigure()
    notices = settle_and_take(driver, source)
    assert [each for each in notices if isinstance(each, ConfigChange)] == [ConfigChange(version=2)]


# -- two nodes


def two_node_mode_is_told(make: Make) -> None:
    """One of the two stays quorate alone, which proves nothing."""
    driver, source = connected(make, Topology.of(2, two_node=True))
    assert source.snapshot().two_node
    driver.die(2)
    settle_and_take(driver, source)
    membership = source.snapshot()
    assert (membership.two_node, membership.quorum) == (True, Quorum.QUORATE)
    assert membership.absentees == (absentee_of(driver, 2),)


def a_fenced_node_is_told_in_two_node_mode(make: Make) -> None:
    """Until it is a member again."""
    driver, source = connected(make, Topology.of(2, two_node=True))
    driver.die(2)
    settle_and_take(driver, source)
    driver.fenced(2)
    driver.settle()
    assert source.snapshot().absentees == (absentee_of(driver, 2, fenced=True),)
    driver.start(2)
    settle_and_take(driver, source)
    driver.die(2)
    settle_and_take(driver, source)
    assert source.snapshot().absentees == (absentee_of(driver, 2),)


# -- the end


def a_crash_is_told_once(make: Make) -> None:
    """After what came before it; from then on the source is silent."""
    driver, source = connected(make)
    driver.die(3)
    driver.settle()
    driver.crash(LOCAL)
    driver.settle()
    assert driver.readable(source)
    notices = source.dispatch()
    assert notices[-1] == ManagerLost(errno=errno.EHOSTDOWN)
    before = {StateChange(quorate=True)} if driver.dialect.delivers_after_death else set()
    assert set(notices[:-1]) == before
    assert source.dispatch() == ()
    source.close()


def a_leave_of_our_own_is_an_end(make: Make) -> None:
    """The manager closes its connections."""
    driver, source = connected(make)
    driver.leave(LOCAL)
    driver.settle()
    assert source.dispatch()[-1] == ManagerLost(errno=errno.EHOSTDOWN)


def a_request_finds_the_manager_gone(make: Make) -> None:
    """Where no notice was taken before; the notice is not given then."""
    driver, source = connected(make)
    driver.crash(LOCAL)
    driver.settle()
    assert gone(source.snapshot) == errno.EHOSTDOWN
    assert source.dispatch() == ()
    source.close()


def closed_is_closed(make: Make) -> None:
    """Twice does no harm, and nothing is heard after it, alive or dead."""
    driver, source = connected(make)
    source.close()
    source.close()
    driver.die(3)
    driver.settle()
    assert source.dispatch() == ()
    driver.crash(LOCAL)
    driver.settle()
    source.close()
    assert source.dispatch() == ()


# -- the shutdown question


def a_yes_ends_the_manager(make: Make) -> None:
    """The requester gets 0, and we hear of the end once."""
    driver, source = connected(make)
    outcome = driver.ask_shutdown()
    assert driver.readable(source)
    assert source.dispatch() == (ShutdownAsked(forced=False, removed=False),)
    source.reply_shutdown(yes=True)
    driver.settle()
    assert outcome == [0]
    assert source.dispatch()[-1] == ManagerLost(errno=errno.EHOSTDOWN)
    assert connect_errno(driver) == driver.dialect.not_running


def a_no_keeps_the_manager(make: Make) -> None:
    """The requester gets EBUSY, and we hear nothing of that. A new question is asked anew."""
    driver, source = connected(make)
    for _ in range(2):
        outcome = driver.ask_shutdown()
        assert source.dispatch() == (ShutdownAsked(forced=False, removed=False),)
        source.reply_shutdown(yes=False)
        driver.settle()
        assert outcome == [-errno.EBUSY]
        assert source.dispatch() == ()
    assert ids(source.snapshot().members) == [1, 2, 3]


def silence_is_a_no(make: Make) -> None:
    """After the manager's time-out; a late yes is not heard."""
    driver, source = connected(make)
    outcome = driver.ask_shutdown()
    driver.settle()
    assert outcome == [-errno.EBUSY]
    assert source.dispatch() == (ShutdownAsked(forced=False, removed=False),)
    source.reply_shutdown(yes=True)
    driver.settle()
    assert source.dispatch() == ()


def the_question_says_force_and_remove(make: Make) -> None:
    """A forced one is not kept by a no."""
    driver, source = connected(make)
    removed = driver.dialect.says_removed
    driver.ask_shutdown(removed=removed)
    assert source.dispatch() == (ShutdownAsked(forced=False, removed=removed),)
    source.reply_shutdown(yes=False)
    driver.settle()
    outcome = driver.ask_shutdown(forced=True, removed=removed)
    assert source.dispatch() == (ShutdownAsked(forced=True, removed=removed),)
    source.reply_shutdown(yes=False)
    driver.settle()
    assert outcome == [0]
    assert source.dispatch()[-1] == ManagerLost(errno=errno.EHOSTDOWN)


def a_newcomer_is_asked_too(make: Make) -> None:
    """One who connects while a question is out has it to answer."""
    driver, first = connected(make)
    outcome = driver.ask_shutdown()
    first.dispatch()
    second = driver.connect()
    assert driver.readable(second)
    assert second.dispatch() == (ShutdownAsked(forced=False, removed=False),)
    first.reply_shutdown(yes=True)
    assert outcome == []
    second.reply_shutdown(yes=True)
    driver.settle()
    assert outcome == [0]


def one_no_among_two_is_a_no(make: Make) -> None:
    """Each of two connections is asked."""
    driver, first = connected(make)
    second = driver.connect()
    outcome = driver.ask_shutdown()
    assert first.dispatch() == second.dispatch() == (ShutdownAsked(forced=False, removed=False),)
    first.reply_shutdown(yes=False)
    second.reply_shutdown(yes=True)
    driver.settle()
    assert outcome == [-errno.EBUSY]


def a_connection_that_ends_while_asked_is_a_yes(make: Make) -> None:
    """Which is why a stopping daemon answers first."""
    driver, source = connected(make)
    outcome = driver.ask_shutdown()
    source.dispatch()
    source.close()
    driver.settle()
    assert outcome == [0]


CHECKS: tuple[Callable[[Make], None], ...] = checks_in(__name__)
"""Every check makes a cluster of its own."""
