"""Wanted nodes and entries compared, with a memory and without."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from fakecluster.testing.examples import entry, node
from o2cbd.core import planner
from o2cbd.core.fingerprint import fingerprint, row_of
from o2cbd.core.memo import for_each
from o2cbd.core.model import Entry, Node
from o2cbd.core.planner import TableDiff, by_name, fit_of

NUMBERS = range(1, 6)


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


def compare(nodes: list[Node], entries: list[Entry]) -> TableDiff:
    return planner.compare(by_name(nodes), by_name(entries))


@given(readings)
def test_a_memory_changes_no_comparison(history: list[Reading]) -> None:
    remembering = for_each(fit_of)
    for reading in history:
        nodes, entries = by_name(reading.nodes), by_name(reading.entries)
        assert planner.compare(nodes, entries, remembering) == planner.compare(nodes, entries)


@given(readings)
def test_a_memory_changes_no_fingerprint(history: list[Reading]) -> None:
    remembering = for_each(row_of)
    for reading in history:
        assert fingerprint(reading.entries, remembering) == fingerprint(reading.entries)


def names(diff: TableDiff) -> tuple[list[str], list[str]]:
    return [one.name for one in diff.mismatched], [one.name for one in diff.unsatisfied]


def test_what_is_right_is_no_difference() -> None:
    found = compare([node(1, local=True), node(2), node(3)], [entry(2), entry(3, port=1)])
    assert names(found) == (["n3"], ["n1", "n3"])


def test_our_own_node_needs_to_be_local() -> None:
    assert names(compare([node(1, local=True)], [entry(1, local=False)])) == ([], ["n1"])
    assert names(compare([node(1, local=True)], [entry(1, local=True)])) == ([], [])


def test_a_local_entry_that_is_not_ours_is_wrong() -> None:
    found = compare([node(2)], [entry(2, local=True)])
    assert names(found) == (["n2"], ["n2"])


def test_an_entry_of_nobody_wanted_is_wrong() -> None:
    assert names(compare([], [entry(2)])) == (["n2"], [])


def test_an_owner_has_the_num_or_the_address_under_another_name() -> None:
    found = compare(
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
    found = compare([], [entry(3, num=0), entry(4, num=0, port=0)])
    assert found.owners(node(2, num=0)) == {"n3"}
