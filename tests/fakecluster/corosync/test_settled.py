"""When corosyncs have come to what must be."""

from __future__ import annotations

from fakecluster.cman.topology import Topology
from fakecluster.corosync.configuration import CorosyncConf
from fakecluster.corosync.observer import RingView
from fakecluster.corosync.settled import settled

THREE = CorosyncConf.of(Topology.of(3))
ALL = [frozenset({1, 2, 3})]


def ring(number: int, *members: int, quorate: bool = True) -> RingView:
    return RingView(number=number, members=members, quorate=quorate)


def test_one_ring_of_all_that_run_is_settled() -> None:
    assert settled(THREE, ALL, {node: ring(4, 3, 1, 2) for node in (1, 2, 3)})
    assert settled(THREE, ALL, {node: ring(4, 1, 2) for node in (1, 2)})
    assert settled(THREE, ALL, {})


def test_who_has_not_heard_of_a_join_or_an_end_is_not() -> None:
    assert not settled(THREE, ALL, {1: ring(4, 1, 2), 2: ring(4, 1, 2), 3: ring(4, 1, 2, 3)})
    assert not settled(THREE, ALL, {1: ring(4, 1, 2, 3), 2: ring(4, 1, 2, 3)})


def test_the_same_members_in_two_rings_are_not() -> None:
    """One was away and has come back: the others still hold its old ring for true."""
    assert not settled(THREE, ALL, {1: ring(4, 1, 2, 3), 2: ring(8, 1, 2, 3), 3: ring(8, 1, 2, 3)})


def test_each_group_has_a_ring_and_the_quorum_that_it_deserves() -> None:
    groups = [frozenset({1, 2}), frozenset({3})]
    two = {node: ring(8, 1, 2) for node in (1, 2)}
    assert settled(THREE, groups, two | {3: ring(12, 3, quorate=False)})
    assert not settled(THREE, groups, two | {3: ring(12, 3)})
    assert not settled(THREE, groups, {node: ring(4, 1, 2, 3) for node in (1, 2, 3)})


def test_one_of_two_is_quorate_where_the_configuration_says_so() -> None:
    two_node = CorosyncConf.of(Topology.of(2, two_node=True))
    pair = [frozenset({1, 2})]
    assert settled(two_node, pair, {1: ring(8, 1)})
    assert not settled(two_node, pair, {1: ring(8, 1, quorate=False)})
    assert not settled(CorosyncConf.of(Topology.of(2)), pair, {1: ring(8, 1)})


def test_without_a_provider_quorum_does_not_count() -> None:
    unjudged = CorosyncConf.of(Topology.of(3))
    unjudged.provider = False
    assert settled(unjudged, ALL, {node: ring(4, 1, 2, 3, quorate=False) for node in (1, 2, 3)})
