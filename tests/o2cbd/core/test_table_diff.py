"""Two tables side by side: which rows are one node, and in what they differ."""

from __future__ import annotations

import pytest

from o2cbd.core.model import Node
from o2cbd.core.table_diff import differing, pairs


def node(name: str, num: int, host: int, port: int = 7777) -> Node:
    return Node(name=name, num=num, address=f"10.0.0.{host}", port=port)


A, B, C = node("a", 1, 1), node("b", 2, 2), node("c", 3, 3)


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (A, ()),
        (node("a", 0, 9, 17777), ("num", "address", "port")),
        (node("a.example", 1, 9), ("name", "address")),
        (node("x", 9, 1), ("name", "num")),
    ],
)
def test_a_node_is_found_by_name_num_or_address(other: Node, differs: tuple[str, ...]) -> None:
    assert pairs([A], [other]) == ([(A, other)], [], [])
    assert differing(A, other) == differs


def test_a_name_says_more_than_a_num() -> None:
    """Nodes that swapped their numbers."""
    first, second = node("a", 2, 1), node("b", 1, 2)
    assert pairs([A, B], [second, first]) == ([(A, first), (B, second)], [], [])


def test_what_is_nobodys_is_left_over() -> None:
    other = node("z", 9, 9)
    assert pairs([C, A], [other, A]) == ([(A, A)], [C], [other])


def test_pairs_come_in_the_order_of_the_first() -> None:
    """However they were found."""
    renamed = node("x", 1, 1)
    found, _left, _there = pairs([A, B], [B, renamed])
    assert found == [(A, renamed), (B, B)]
