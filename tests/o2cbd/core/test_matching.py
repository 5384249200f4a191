"""Wanted nodes held against entries, step by step and all at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from fakecluster.pocket.examples import entry, node
from o2cbd.core.fingerprint import Fingerprint, fingerprint
from o2cbd.core.matching import Matching
from o2cbd.core.model import Entry, Node

NUMBERS = range(1, 6)


def matching(nodes: list[Node], entries: list[Entry]) -> Matching:
    made = Matching()
    made.update(nodes, entries)
    return made


@dataclass(frozen=True)
class Reading:
    """One desired table and one reading of the kernel."""

    nodes: list[Node]
    entries: list[Entry]


nodes = st.builds(
    lambda number, port, local: replace(node(number), port=port, local=local),
    st.sampled_from(NUMBERS),
    st.sampled_from([7777, 1]),
    st.booleans(),
)
entries = st.builds(
    lambda number, num, address, port, local: entry(
        number, num=num, address=f"10.0.0.{address}", port=port, local=local
    ),
    st.sampled_from(NUMBERS),
    st.integers(0, 5),
    st.sampled_from(NUMBERS),
    st.sampled_from([7777, 0]),
    st.booleans(),
)
readings = st.lists(
    st.builds(
        Reading,
        st.lists(nodes, max_size=5, unique_by=lambda one: one.name),
        st.lists(entries, max_size=5, unique_by=lambda one: one.name),
    ),
    min_size=1,
    max_size=6,
)


def told(one: Matching) -> object:
    return (
        dict(one.nodes),
        dict(one.entries),
        one.unwell(),
        sorted(one.unsettled(), key=lambda each: each.name),
        [one.owners(node(number)) for number in NUMBERS],
    )


@given(readings)
def test_step_by_step_it_comes_to_the_same(history: list[Reading]) -> None:
    kept = Matching()
    for reading in history:
        kept.update(reading.nodes, reading.entries)
        assert told(kept) == told(matching(reading.nodes, reading.entries))


@given(readings)
def test_so_does_the_fingerprint(history: list[Reading]) -> None:
    kept = Fingerprint()
    for reading in history:
        assert kept.of(reading.entries) == fingerprint(reading.entries)


def test_what_is_right_is_neither_unwell_nor_unsettled() -> None:
    found = matching([node(1, local=True), node(2), node(3)], [entry(2), entry(3, port=1)])
    assert [one.name for one in found.unwell()] == ["n3"]
    assert {one.name for one in found.unsettled()} == {"n1", "n3"}


def test_our_own_node_is_always_looked_at() -> None:
    found = matching([node(1, local=True)], [entry(1)])
    assert found.unwell() == []
    assert [one.name for one in found.unsettled()] == ["n1"]


def test_a_local_entry_that_is_not_ours_is_unwell() -> None:
    found = matching([node(2)], [entry(2, local=True)])
    assert [one.name for one in found.unwell()] == ["n2"]


def test_an_owner_has_the_num_or_the_address_under_another_name() -> None:
    found = matching(
        [],
        [
            entry(2),
            entry(3, num=2),
            entry(4, address="10.0.0.2"),
            entry(5, num=0, port=0, address="10.0.0.2"),
            entry(6),
        ],
    )
    assert found.owners(node(2)) == {"n3", "n4", "n5"}


def test_whoever_may_have_num_0_owns_it_and_no_half_made_entry() -> None:
    found = matching([], [entry(3, num=0), entry(4, num=0, port=0)])
    assert found.owners(node(2, num=0)) == {"n3"}
