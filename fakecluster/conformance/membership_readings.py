"""What a source says of connecting and of what it reads."""

from __future__ import annotations

import errno
from collections.abc import Callable

from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology
from fakecluster.conformance.membership_support import (
    LOCAL,
    Make,
    absentee,
    connected,
    ids,
    refusal,
    running,
)
from o2cbd.core.events import ManagerLost
from o2cbd.core.model import Absentee, Member, Membership, Quorum
from o2cbd.membership.interface import ManagerGoneError


def a_manager_that_does_not_run_refuses(make: Make) -> None:
    """Never started, or left in good order."""
    driver = make(Topology.of(3))
    assert refusal(driver) == driver.dialect.not_running
    driver.start(LOCAL)
    driver.settle()
    assert refusal(driver) is None
    driver.leave(LOCAL)
    driver.settle()
    assert refusal(driver) == driver.dialect.not_running


def a_crashed_manager_refuses(make: Make) -> None:
    """Cman's socket is still there then."""
    driver = running(make)
    driver.crash(LOCAL)
    driver.settle()
    assert refusal(driver) == driver.dialect.crashed


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
                votes=driver.dialect.votes,
            )
            for i, incarnation in zip((1, 2), incarnations, strict=True)
        ),
        absentees=(absentee(driver, 3),),
    )


def any_id_is_a_number_that_counts(make: Make) -> None:
    """Ids over 254 and over 31 bits are members as others are, sorted as numbers."""
    node_ids = (1, 255, 2**31 - 1, 2**31, 2**32 - 1)
    nodes = [
        NodeConfig(id=node_id, name=f"n{node_id}", addresses=(f"10.0.0.{number}",))
        for number, node_id in enumerate(node_ids, start=1)
    ]
    driver = running(make, Topology(cluster="o2", nodes=tuple(nodes)).checked())
    assert ids(driver.connect().snapshot().members) == list(node_ids)


def long_names_are_whole(make: Make) -> None:
    """Up to the 254 bytes that end with a NUL on the way, also where they are no text."""
    name = "\udcff" + "ä" * 126 + "x"
    nodes = (NodeConfig(id=1, name=name, addresses=("10.0.0.1",)),)
    driver = running(make, Topology(cluster="o2", nodes=nodes).checked())
    assert [member.name for member in driver.connect().snapshot().members] == [name]


def two_hundred_and_fifty_five_nodes_are_read(make: Make) -> None:
    """In one reading."""
    driver = running(make, Topology.of(255))
    assert ids(driver.connect().snapshot().members) == list(range(1, 256))


def addresses_come_in_the_managers_order(make: Make) -> None:
    """An IPv4 address that is not the first is found; a node without an address is a member."""
    given = {1: ("fd00::1", "10.0.0.1"), 2: ("fd00::2",), 3: ()}
    nodes = [NodeConfig(id=i, name=f"n{i}", addresses=each) for i, each in given.items()]
    driver = running(make, Topology(cluster="o2", nodes=tuple(nodes)).checked())
    membership = driver.connect().snapshot()
    assert {member.id: member.addresses for member in membership.members} == given


def an_absentee_has_the_configured_addresses_or_none(make: Make) -> None:
    """What cman shows there is left over from another node."""
    driver, source = connected(make)
    driver.leave(3)
    driver.settle()
    assert source.snapshot().absentees == (absentee(driver, 3),)


def the_quorum_disk_is_node_0_without_an_address(make: Make) -> None:
    """A member while it is polled; never taken for the local node."""
    topology = Topology.of(2, qdisk=QuorumDisk(name="/dev/q"))
    membership = running(make, topology).connect().snapshot()
    assert membership.local_id == LOCAL
    assert ids(membership.members) == [0, 1, 2]
    disk = membership.members[0]
    assert (disk.name, disk.incarnation, disk.addresses) == ("/dev/q", 0, ())


def a_quorum_disk_that_is_not_polled_is_absent(make: Make) -> None:
    """It stays in the list."""
    topology = Topology.of(2, qdisk=QuorumDisk(name="/dev/q", polled=False))
    membership = running(make, topology).connect().snapshot()
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


READINGS: tuple[Callable[[Make], None], ...] = (
    a_manager_that_does_not_run_refuses,
    a_crashed_manager_refuses,
    a_manager_that_came_back_is_connected_anew,
    a_reading_is_whole,
    any_id_is_a_number_that_counts,
    long_names_are_whole,
    two_hundred_and_fifty_five_nodes_are_read,
    addresses_come_in_the_managers_order,
    an_absentee_has_the_configured_addresses_or_none,
    the_quorum_disk_is_node_0_without_an_address,
    a_quorum_disk_that_is_not_polled_is_absent,
    a_failed_reading_leaves_the_connection,
    the_clusters_name_is_that_of_the_connection,
)
