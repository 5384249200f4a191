"""Who hears whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecluster.cman.network import Network


def test_a_whole_network_is_one_clique() -> None:
    network = Network()
    assert (network.cliques([1, 2, 3]), network.cliques([]), network.whole) == (
        [(1, 2, 3)],
        [],
        True,
    )


def test_those_not_named_are_a_group() -> None:
    network = Network()
    network.partition([[2], [4, 5]])
    assert network.groups([1, 2, 3, 4, 5]) == [(1, 3), (2,), (4, 5)]
    network.heal()
    assert network.whole


def test_a_node_in_two_groups_is_refused_and_changes_nothing() -> None:
    network = Network()
    with pytest.raises(ValueError, match="node 2 is in two groups"):
        network.partition([[1, 2], [2]])
    assert network.whole


def test_a_one_way_cut_breaks_the_link_but_not_the_other_direction() -> None:
    network = Network()
    network.cut(1, 2)
    assert (network.hears(2, 1), network.hears(1, 2), network.linked(1, 2)) == (False, True, False)
    assert network.hears(1, 1)
    network.mend(1, 2)
    assert network.linked(1, 2)


def test_where_links_are_not_transitive_the_lowest_ids_win() -> None:
    network = Network()
    network.cut(1, 3)
    network.cut(3, 1)
    assert network.cliques([1, 2, 3]) == [(1, 2), (3,)]


def test_who_is_not_heard_is_in_no_clique_and_who_is_alone_is_in_its_own() -> None:
    network = Network()
    network.cut(1, 2)
    assert network.cliques([1, 2, 3]) == [(2, 3)]
    network.cut(2, 1)
    network.cut(3, 1)
    assert network.cliques([1, 2, 3]) == [(2, 3), (1,)]


def test_a_token_goes_round_while_each_is_heard_by_the_next() -> None:
    network = Network()
    network.cut(2, 1)
    network.cut(1, 3)
    assert (network.goes_round([1, 2, 3]), network.goes_round([1, 2])) == (True, False)
    network.cut(3, 1)
    assert not network.goes_round([1, 2, 3])


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), max_size=12),
    st.lists(st.integers(0, 2), min_size=6, max_size=6),
)
def test_in_a_clique_all_are_linked_and_nobody_is_in_two(
    cuts: list[tuple[int, int]], groups: list[int]
) -> None:
    network = Network()
    network.partition([[i for i in range(1, 7) if groups[i - 1] == g] for g in range(3)])
    for one, other in cuts:
        network.cut(one, other)
    parts = network.groups(range(1, 7))
    assert sorted(i for part in parts for i in part) == [1, 2, 3, 4, 5, 6]
    cliques = [clique for group in parts for clique in network.cliques(group)]
    ids = [i for clique in cliques for i in clique]
    assert len(set(ids)) == len(ids) > 0
    assert all(network.linked(a, b) for clique in cliques for a in clique for b in clique)
