"""What should be in a kernel, worked out apart from the daemon: it agrees with its policy."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecluster.clock import Timeline
from fakecluster.cman.answers import FenceInfo
from fakecluster.cman.client import SocketKind
from fakecluster.cman.engine import Engine
from fakecluster.cman.topology import Topology
from fakecluster.configfs.kernel import NodeState
from fakecluster.oracles.expected import (
    ExpectedNode,
    ExpectedTable,
    ListedNode,
    ManagerInspector,
    ManagerView,
    usable_cluster_name,
    usable_name,
)
from o2cbd.core.model import Absentee, Entry, Member, Membership, Quorum
from o2cbd.core.names import cluster_name_problem, node_name_problem
from o2cbd.core.policy import desired_table
from o2cbd.core.rules import NodeOverride, Rules, Scope, TableRules
from o2cbd.core.subnet import parse_subnet

NAMES = st.sampled_from(["a", "b", "c", "d", "", ".", "..", "x" * 65, "sla/sh", "be\x07ll"])
ADDRESSES = st.lists(
    st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3", "0.0.0.0", "fd00::1", "fd00::2"]),
    max_size=3,
).map(tuple)
IDS = st.sampled_from([0, 1, 2, 3, 4, 5, 254, 255, 300, 2**32 - 1])


@st.composite
def _listed(draw: st.DrawFn) -> tuple[ListedNode, ...]:
    ids = draw(st.lists(IDS, unique=True, max_size=6))
    return tuple(
        ListedNode(id=each, name=draw(NAMES), member=draw(st.booleans()), addresses=draw(ADDRESSES))
        for each in sorted(ids)
    )


@st.composite
def _actual(draw: st.DrawFn) -> tuple[NodeState, ...]:
    names = draw(st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True))
    return tuple(
        NodeState(
            name=name,
            num=draw(st.sampled_from([0, 1, 2, 3, 4, 5])),
            address=draw(st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3"])),
            port=7777,
        )
        for name in names
    )


RULES = st.builds(
    TableRules,
    ring=st.sampled_from([None, None, 0, 1]),
    subnet=st.sampled_from([None, None, parse_subnet("10.0.0.2/31"), parse_subnet("0.0.0.0/0")]),
    scope=st.sampled_from(Scope),
    port=st.sampled_from([7777, 7000]),
    num_offset=st.sampled_from([0, 0, -1, -250, 3]),
    nodes=st.dictionaries(
        st.sampled_from(["a", "b", "c", "node3"]),
        st.builds(
            NodeOverride,
            address=st.sampled_from([None, "10.0.0.3", "10.0.0.9"]),
            port=st.sampled_from([None, 7001]),
            num=st.sampled_from([None, None, 0, 4, 254]),
        ),
    ),
)


@given(listed=_listed(), actual=_actual(), rules=RULES)
def test_it_agrees_with_the_policy(
    listed: tuple[ListedNode, ...], actual: tuple[NodeState, ...], rules: TableRules
) -> None:
    # cman has no addresses of those who are not members.
    listed = tuple(each if each.member else replace(each, addresses=()) for each in listed)
    view = ManagerView(
        cluster="c", local_id=1, quorum=Quorum.QUORATE, two_node=False, listed=listed
    )
    membership = Membership(
        cluster="c",
        local_id=1,
        quorum=Quorum.QUORATE,
        two_node=False,
        members=tuple(
            Member(id=each.id, name=each.name, incarnation=4, addresses=each.addresses)
            for each in listed
            if each.member
        ),
        absentees=tuple(Absentee(id=each.id, name=each.name) for each in listed if not each.member),
    )
    entries = [
        Entry(
            name=node.name,
            inode=1,
            num=node.num or 0,
            address=node.address or "",
            port=node.port or 0,
            local=False,
            num_proved=True,
        )
        for node in actual
    ]

    expected = {
        ExpectedNode(
            name=node.name,
            num=node.num,
            address=node.address,
            port=node.port,
            local=node.local,
        )
        for node in desired_table(membership, rules, entries).nodes
    }
    expectation = ExpectedTable(Rules(table=rules))
    assert set(expectation.rows(view, actual).values()) == expected
    assert set(expectation.rows(view, actual).values()) == expected


def _view(*listed: tuple[int, bool], votes: tuple[int, ...] = ()) -> ManagerView:
    votes = votes or (1,) * len(listed)
    return ManagerView(
        cluster="c",
        local_id=1,
        quorum=Quorum.QUORATE,
        two_node=False,
        listed=tuple(
            ListedNode(id=i, name="", member=m, addresses=(), votes=v)
            for (i, m), v in zip(listed, votes, strict=True)
        ),
    )


@pytest.mark.parametrize(
    ("listed", "majority"),
    [
        (((1, True), (2, False)), False),
        (((1, True), (2, False), (0, True)), False),
        (((1, True), (2, True), (3, False)), True),
        (((1, True), (2, False), (3, False)), False),
        (((1, True),), True),
    ],
)
def test_a_majority_is_of_the_listed_nodes_without_the_disk(
    listed: tuple[tuple[int, bool], ...], majority: bool
) -> None:
    assert _view(*listed).majority is majority


@pytest.mark.parametrize(
    ("votes", "majority"), [((1, 1, 3), False), ((3, 1, 1), True), ((0, 0, 0), True)]
)
def test_a_majority_is_of_votes_where_anybody_has_one(
    votes: tuple[int, ...], majority: bool
) -> None:
    assert _view((1, True), (2, True), (3, False), votes=votes).majority is majority


@given(st.text(max_size=70) | NAMES)
def test_names_are_usable_for_both_or_for_none(name: str) -> None:
    if all(not 0xD800 <= ord(char) < 0xDC80 and not 0xDCFF < ord(char) < 0xE000 for char in name):
        assert usable_name(name) == (node_name_problem(name) is None)


@given(st.text(max_size=20) | st.text("abc123", max_size=20))
def test_cluster_names_are_usable_for_both_or_for_none(name: str) -> None:
    assert usable_cluster_name(name) == (cluster_name_problem(name) is None)


@pytest.fixture
def engine() -> Engine:
    engine = Engine(Topology.of(2, two_node=True), Timeline())
    for node_id in (1, 2):
        engine.start(node_id)
    engine.timeline.run_until(10_000_000)
    return engine


def test_a_look_uses_up_no_fault_and_works_while_the_manager_stands_still(engine: Engine) -> None:
    looker = ManagerInspector(engine, 1)
    engine.fail_read(1, 5)
    engine.stop(1)
    view = looker.view()

    assert view is not None
    assert (view.own_name, view.member_names) == ("node1", frozenset({"node1", "node2"}))
    assert engine.read_fails(1)
    assert looker.view() is view


def test_a_fencing_is_seen(engine: Engine) -> None:
    looker = ManagerInspector(engine, 1)
    engine.kill(2)
    engine.timeline.run_until(60_000_000)
    before = looker.view()
    assert before is not None
    assert [each.fenced for each in before.listed] == [False, False]

    engine.connect(1, SocketKind.ADMIN).update_fence_info(FenceInfo(node_id=2))
    engine.timeline.run_until(60_100_000)
    after = looker.view()
    assert after is not None
    assert [each.fenced for each in after.listed] == [False, True]


def test_there_is_no_view_without_a_manager() -> None:
    assert ManagerInspector(Engine(Topology.of(1), Timeline()), 1).view() is None
