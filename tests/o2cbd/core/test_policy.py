"""Membership and rules -> the desired table, and a reason for everybody left out."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecluster.testing.examples import absentee, entry, member, membership, node
from o2cbd.core.model import Absentee, Advice, Entry, Member, Membership
from o2cbd.core.policy import Desired, Drafter, desired_table, is_right, settle
from o2cbd.core.rules import NodeOverride, Scope, TableRules
from o2cbd.core.subnet import parse_subnet

MEMBERS = TableRules()
CONFIGURED = TableRules(scope=Scope.CONFIGURED)


def left_out(now: Membership, rules: TableRules = MEMBERS) -> dict[int, str]:
    return {left.id: left.reason for left in desired_table(now, rules).left_out}


@pytest.mark.row("scope-members")
def test_the_members_are_in_the_table_by_num_with_ours_local() -> None:
    desired = desired_table(membership(3, 1, absentee(2)), MEMBERS)
    assert desired == Desired(nodes=(node(1), node(3)), left_out=())


@pytest.mark.row("scope-configured")
def test_configured_holds_every_listed_node_that_has_an_address() -> None:
    """So the tables stay equal on all nodes, and lost nodes stay visible to the heartbeat."""
    now = membership(1, absentee(2, addresses=("10.0.0.2",)), absentee(3))
    desired = desired_table(now, CONFIGURED)
    assert desired.nodes == (node(1), node(2))
    assert left_out(now, CONFIGURED) == {
        3: "not a member, and the cluster manager has no address for it: write [nodes.n3]"
        ' address = "its IPv4 address" in /etc/o2cbd/o2cbd.toml on all nodes'
    }


@pytest.mark.row("scope-configured")
def test_configured_takes_the_address_of_an_override() -> None:
    rules = replace(CONFIGURED, nodes={"n2": NodeOverride(address="10.9.9.2", port=7000)})
    desired = desired_table(membership(1, absentee(2)), rules)
    assert desired.nodes == (node(1), node(2, address="10.9.9.2", port=7000))


@pytest.mark.row("port")
def test_the_port_is_the_rules_or_the_nodes_own() -> None:
    rules = TableRules(port=7001, nodes={"n2": NodeOverride(port=7002)})
    ports = {one.name: one.port for one in desired_table(membership(1, 2), rules).nodes}
    assert ports == {"n1": 7001, "n2": 7002}


def advised(number: int, **advice: str) -> Member:
    return member(number, advice=Advice(**advice))


@pytest.mark.row("address")
def test_the_managers_advice_comes_before_the_rules_and_after_the_nodes_own() -> None:
    now = membership(1, advised(2, port="7003"), advised(3, address="10.9.0.3"), absentee(4))
    rules = TableRules(port=7001, ring=1, nodes={"n1": NodeOverride(address="10.9.0.1")})
    made = {one.name: (one.address, one.port) for one in desired_table(now, rules).nodes}
    assert made == {"n1": ("10.9.0.1", 7001), "n3": ("10.9.0.3", 7001)}
    own = NodeOverride(address="10.8.0.2", port=7004)
    rules = TableRules(nodes={"n2": own})
    assert desired_table(membership(1, advised(2, port="7003", address="x")), rules).nodes[1] == (
        node(2, address="10.8.0.2", port=7004)
    )
    assert desired_table(membership(1, advised(2, port="7003")), MEMBERS).nodes[1].port == 7003


@pytest.mark.row("port")
@pytest.mark.parametrize(
    "port", ["", "0", "65535", "-1", "7777x", " 7777", "\u0667\u0667", "1" * 5000]
)
def test_a_bad_port_in_the_managers_configuration_leaves_its_node_out(port: str) -> None:
    now = membership(1, advised(2, port=port), 3)
    assert [one.name for one in desired_table(now, MEMBERS).nodes] == ["n1", "n3"]
    assert left_out(now)[2] == (
        f"invalid o2cb_port {port!r} (must be 1-65534): write [nodes.n2] port = 7777 in"
        " /etc/o2cbd/o2cbd.toml on all nodes"
    )


def test_a_bad_address_in_the_managers_configuration_leaves_its_node_out() -> None:
    now = membership(1, advised(2, address="beta.example"))
    assert left_out(now) == {
        2: "'beta.example' is not an IPv4 address: write [nodes.n2] address = \"10.0.0.2\" in"
        " /etc/o2cbd/o2cbd.toml on all nodes"
    }


@pytest.mark.row("address-by-subnet-or-ring")
@pytest.mark.parametrize(
    ("rules", "address"),
    [
        (TableRules(ring=0), "10.1.0.2"),
        (TableRules(ring=1), "10.2.0.2"),
        (TableRules(subnet=parse_subnet("10.2.0.0/16")), "10.2.0.2"),
        (TableRules(subnet=parse_subnet("10.0.0.0/8")), "10.1.0.2"),
        (TableRules(subnet=parse_subnet("0.0.0.0/0")), "10.1.0.2"),
        (TableRules(ring=1, nodes={"n2": NodeOverride(address="10.9.9.9")}), "10.9.9.9"),
    ],
)
def test_ring_or_subnet_choose_the_address(rules: TableRules, address: str) -> None:
    now = membership(member(2, addresses=("10.1.0.2", "10.2.0.2", "fe80::1")))
    assert [one.address for one in desired_table(now, rules).nodes] == [address]


@pytest.mark.row("address-by-subnet-or-ring")
@pytest.mark.parametrize(
    ("rules", "addresses", "told"),
    [
        (TableRules(ring=1), ("10.1.0.2",), "on ring 1 (its addresses are 10.1.0.2)"),
        (TableRules(ring=1), ("10.1.0.2", ""), "on ring 1 (its addresses are 10.1.0.2)"),
        (TableRules(ring=1), ("10.1.0.2", "fe80::2"), "on ring 1 (only fe80::2 there)"),
        (TableRules(ring=0), (), "on ring 0 (its addresses are not known)"),
        (
            TableRules(subnet=parse_subnet("10.9.0.0/24")),
            ("10.1.0.2", "", "fe80::2"),
            "no address in subnet 10.9.0.0/24, only 10.1.0.2, fe80::2: write",
        ),
        (TableRules(subnet=parse_subnet("10.9.0.0/24")), (), "has no address for it"),
        (MEMBERS, ("", "fe80::2"), "no IPv4 address, only fe80::2 (o2cb"),
        (MEMBERS, ("",), "has no address for it"),
    ],
)
def test_a_node_without_the_chosen_address_is_left_out_with_those_it_has(
    rules: TableRules, addresses: tuple[str, ...], told: str
) -> None:
    """Another ring's address in its place would give the nodes different tables."""
    now = membership(member(2, addresses=addresses))
    assert told in left_out(now, rules)[2]
    assert "write [nodes.n2] address = " in left_out(now, rules)[2]


@pytest.mark.parametrize(
    ("rules", "every"),
    [
        (MEMBERS, False),
        (TableRules(ring=0), True),
        (TableRules(subnet=parse_subnet("10.0.0.0/8")), True),
    ],
)
def test_every_address_is_wanted_where_one_is_chosen(rules: TableRules, every: bool) -> None:
    assert rules.want_every_address is every


@pytest.mark.row("address")
def test_the_first_ipv4_address_counts() -> None:
    now = membership(1, member(2, addresses=("fe80::2", "10.1.0.2", "10.2.0.2")))
    assert desired_table(now, MEMBERS).nodes[1].address == "10.1.0.2"


@pytest.mark.row("address")
def test_an_override_chooses_the_address() -> None:
    rules = TableRules(nodes={"n2": NodeOverride(address="10.2.0.2")})
    assert desired_table(membership(1, 2), rules).nodes[1].address == "10.2.0.2"


@pytest.mark.row("left-out")
@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (member(0, name="/dev/qdisk0"), "quorum disk"),
        (
            member(255),
            (
                "its node id 255 is not an o2cb number (0-254): write [nodes.n255] num = 2 in"
                " /etc/o2cbd"
            ),
        ),
        (member(2**31), "is not an o2cb number"),
        (member(-1), "is not an o2cb number"),
        (member(2, name=".."), "cannot be a directory"),
        (member(2, name="a/b"), "slash or a control character"),
        (member(2, name="a" * 65), "65 bytes"),
        (
            member(2, addresses=()),
            'has no address for it: write [nodes.n2] address = "its IPv4 address" in',
        ),
        (member(2, addresses=("fe80::1", "fe80::2")), "only fe80::1, fe80::2"),
        (member(2, addresses=("0.0.0.0",)), "0.0.0.0 is not a node address"),
        (member(2, addresses=("host.example",)), "no IPv4 address, only host.example"),
    ],
    ids=lambda value: None if isinstance(value, str) else f"{value.id}-{value.name[:8]}",
)
def test_who_cannot_be_in_the_table_is_left_out_with_a_reason_and_all_others_go_on(
    listed: Member, told: str
) -> None:
    desired = desired_table(membership(1, listed, 3), MEMBERS)
    assert desired.nodes == (node(1), node(3))
    assert [left.id for left in desired.left_out] == [listed.id]
    assert told in desired.left_out[0].reason


@pytest.mark.row("nameless")
def test_node_without_a_name_is_called_by_its_id() -> None:
    desired = desired_table(membership(1, member(2, name="")), MEMBERS)
    assert desired.nodes == (node(1), node(2, name="node2"))
    assert [(remark.warning, remark.text) for remark in desired.remarks] == [
        (False, "node id 2 has no name in the manager's configuration; using node2")
    ]


@pytest.mark.row("num")
@pytest.mark.parametrize(
    ("rules", "nums"),
    [
        (TableRules(num_offset=-999), {"n1000": 1, "n1001": 2}),
        (TableRules(num_offset=-1000), {"n1000": 0, "n1001": 1}),
        (
            TableRules(nodes={"n1000": NodeOverride(num=0), "n1001": NodeOverride(num=254)}),
            {"n1000": 0, "n1001": 254},
        ),
        (
            TableRules(num_offset=-1000, nodes={"n1000": NodeOverride(num=7)}),
            {"n1000": 7, "n1001": 1},
        ),
    ],
)
def test_num_is_the_nodes_own_or_the_id_with_the_offset(
    rules: TableRules, nums: dict[str, int]
) -> None:
    now = membership(
        member(1000, addresses=("10.0.0.1",)), member(1001, addresses=("10.0.0.2",)), local_id=1000
    )
    assert {one.name: one.num for one in desired_table(now, rules).nodes} == nums


@pytest.mark.row("num")
def test_o2cb_num_of_the_manager_comes_before_the_offset_and_after_the_nodes_own() -> None:
    now = membership(
        replace(member(1), advice=Advice(num="0")),
        replace(member(2), advice=Advice(num="9")),
        replace(member(3), advice=Advice(num="x")),
        4,
    )
    rules = TableRules(num_offset=100, nodes={"n2": NodeOverride(num=20)})
    desired = desired_table(now, rules)
    assert {one.name: one.num for one in desired.nodes} == {"n1": 0, "n2": 20, "n4": 104}
    assert desired.left_out[0].reason == (
        "invalid o2cb_num 'x' (must be 0-254): write [nodes.n3] num = 1 in /etc/o2cbd/o2cbd.toml"
        " on all nodes"
    )


def test_one_offset_is_proposed_where_it_does_for_all() -> None:
    now = membership(
        member(1000, addresses=("10.0.0.1",)), member(1001, addresses=("10.0.0.2",)), local_id=1000
    )
    assert left_out(now) == {
        node_id: f"its node id {node_id} is not an o2cb number (0-254): write [table] num_offset"
        " = -999 in /etc/o2cbd/o2cbd.toml on all nodes"
        for node_id in (1000, 1001)
    }


def test_offset_that_would_take_anothers_num_is_not_proposed() -> None:
    now = membership(
        member(1000, addresses=("10.0.0.1",)),
        member(1001, addresses=("10.0.0.2",)),
        replace(member(3), advice=Advice(num="2")),
        local_id=3,
    )
    assert "write [nodes.n1000] num = 1 in" in left_out(now)[1000]
    assert "write [nodes.n1001] num = 3 in" in left_out(now)[1001]


@pytest.mark.row("another-id")
def test_node_that_runs_under_another_id_than_the_list_says_is_left_as_it_is() -> None:
    """The list was edited under it: nothing that the list says is about the running node."""
    now = membership(
        1,
        replace(member(2, name="", addresses=()), listed=False),
        absentee(20, name="n2", addresses=("10.0.0.2",), runs_as=2),
    )
    for rules in (MEMBERS, CONFIGURED):
        desired = desired_table(now, rules, [entry(1), entry(2)])
        assert desired.nodes == (node(1), node(2))
    assert [(one.id, one.reason[:62]) for one in desired.left_out] == [
        (2, "it runs as id 2, which the node list does not have: write node"),
        (20, "the node list gives it id 20, and it runs as id 2: write nodei"),
    ]
    assert desired_table(now, CONFIGURED, [entry(1)]).nodes == (node(1),)


@pytest.mark.row("another-id")
def test_node_that_left_under_another_id_than_the_list_says_keeps_its_entry() -> None:
    """Its cluster manager may run all the same, cut off by the very edit."""
    now = membership(1, 3, absentee(20, name="n2", addresses=("10.0.0.2",), ran_as=2))
    there = [entry(1), entry(2), entry(3)]
    assert desired_table(now, CONFIGURED, there).nodes == (node(1), node(2), node(3))
    assert desired_table(now, MEMBERS, there).nodes == (node(1), node(3))
    assert left_out(now, CONFIGURED)[20].startswith(
        "the node list gives it id 20, and it was a member last as id 2: write nodeid: 2 in its"
    )


def test_all_that_is_wrong_with_a_node_is_told_at_once() -> None:
    """With every line that is to be written, so that one restart is enough."""
    wrong = member(1000, addresses=("fd00::1",), advice=Advice(port="x"))
    reason = left_out(membership(1, wrong))[1000]
    assert [part.partition(": write ")[2] for part in reason.split("; ")] == [
        f"[nodes.n1000] {line} in /etc/o2cbd/o2cbd.toml on all nodes"
        for line in ("num = 2", 'address = "its IPv4 address"', "port = 7777")
    ]


def test_block_without_an_id_is_no_quorum_disk() -> None:
    now = membership(
        1,
        replace(member(0), name="/dev/q"),
        absentee(0, name="n2", addresses=("10.0.0.2",), votes=1),
    )
    assert [
        (one.name, one.device, one.reason) for one in desired_table(now, CONFIGURED).left_out
    ] == [
        ("/dev/q", True, "node id 0 is a quorum disk, not a node"),
        (
            "n2",
            False,
            (
                "it has no node id: write nodeid: into its node {} block, with the id that it runs"
                " as"
            ),
        ),
    ]


@pytest.mark.row("all-reasons")
def test_settings_of_nobody_are_warned_of_with_the_managers_spelling() -> None:
    now = membership(member(1, name="alpha.example.com"), member(2, name="beta.example.com"))
    rules = TableRules(nodes={"alpha": NodeOverride(port=1), "gamma": NodeOverride(port=2)})
    assert [(remark.warning, remark.text) for remark in desired_table(now, rules).remarks] == [
        (True, "[nodes.alpha]: no such node; the manager has alpha.example.com"),
        (
            True,
            "[nodes.gamma]: no such node; the manager has alpha.example.com, beta.example.com",
        ),
    ]


def test_254_is_the_highest_num() -> None:
    assert [one.num for one in desired_table(membership(1, 254), MEMBERS).nodes] == [1, 254]


@pytest.mark.row("duplicates")
@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (
            member(3, addresses=("10.0.0.2",)),
            (
                "address 10.0.0.2 already belongs to node n2 (id 2): write [nodes.n3] address ="
                ' "its IPv4 address" in /etc/o2cbd/o2cbd.toml on all nodes'
            ),
        ),
        (
            member(3, name="n2"),
            (
                "name n2 already belongs to node n2 (id 2): give it a unique name in the cluster"
                " manager's configuration"
            ),
        ),
    ],
)
def test_of_duplicates_the_lowest_id_keeps_it(listed: Member, told: str) -> None:
    now = membership(1, 2, listed)
    assert desired_table(now, MEMBERS).nodes == (node(1), node(2))
    assert left_out(now) == {3: told}


def test_of_a_num_that_is_listed_twice_one_is_taken() -> None:
    now = membership(1, 2, absentee(2, name="other", addresses=("10.7.7.7",)))
    desired = desired_table(now, CONFIGURED)
    assert desired.nodes == (node(1), node(2))
    assert desired.left_out[0].reason == (
        "num 2 already belongs to node n2 (id 2): write [nodes.other] num = 3 in"
        " /etc/o2cbd/o2cbd.toml on all nodes"
    )


@pytest.mark.row("duplicates")
@pytest.mark.parametrize("rival", [member(3), absentee(3)], ids=["member", "away"])
def test_num_that_two_nodes_claim_goes_to_neither(rival: Member | Absentee) -> None:
    """Each host would take it for its own, and both would write one slot of the disk."""
    rules = TableRules(nodes={"n2": NodeOverride(num=3)})
    now = membership(1, 2, rival)
    desired = desired_table(now, rules)
    assert desired.nodes == (node(1),)
    assert {left.id: left.reason for left in desired.left_out}[2] == (
        "num 3 is also that of node n3 (id 3): write [nodes.n2] num = 2 in /etc/o2cbd/o2cbd.toml"
        " on all nodes"
    )


def test_lines_for_all_who_claim_one_num_can_be_written_together() -> None:
    """Each proposes a num that nobody else has, or would get by his own line."""
    twos = (member(number, advice=Advice(num="2")) for number in (4, 5))
    sevens = (
        absentee(number, advice=Advice(num="7"), addresses=(f"10.0.0.{number}",))
        for number in (6, 8)
    )
    lacking = member(300, addresses=("10.0.0.99",))
    now = membership(1, *twos, *sevens, absentee(3), lacking)
    lines = [
        re.findall(r"write (\[nodes.n(\d+)\] num = (\d+)) in", reason)
        for reason in left_out(now, CONFIGURED).values()
    ]
    nums = {int(found[0][1]): int(found[0][2]) for found in lines if found}
    assert nums.keys() == {4, 5, 6, 8, 300}
    assert len({*nums.values(), 1, 2, 3, 7}) == len(nums) + 4
    rules = replace(
        CONFIGURED, nodes={f"n{one}": NodeOverride(num=num) for one, num in nums.items()}
    )
    assert {one.num for one in desired_table(now, rules).nodes} >= {nums[4], nums[5], nums[300]}


def test_no_other_ring_stands_in_for_the_chosen_one() -> None:
    now = membership(1, member(2, addresses=("fd00::2", "10.1.0.2")))
    rules = TableRules(ring=0)
    assert desired_table(now, rules).nodes == (node(1),)
    assert left_out(now, rules)[2].startswith("no IPv4 address on ring 0 (only fd00::2 there)")


def test_two_nodes_of_one_name_and_num_need_another_name() -> None:
    """The settings go by names."""
    twins = (member(number, name="twin", advice=Advice(num="7")) for number in (2, 3))
    assert left_out(membership(1, *twins)) == {
        one: f"num 7 is also that of node twin (id {other}): give it a unique name in the"
        " cluster manager's configuration"
        for one, other in ((2, 3), (3, 2))
    }


def test_num_that_two_nodes_claim_stays_with_a_live_member_that_has_it() -> None:
    rules = TableRules(nodes={"n2": NodeOverride(num=3)})
    assert desired_table(membership(1, 2, 3), rules, [entry(3)]).nodes == (node(1), node(3))


def test_num_0_that_may_be_a_live_members_stays_with_it() -> None:
    """A daemon that has just begun cannot know whether the 0 was written."""
    rules = TableRules(nodes={"n1": NodeOverride(num=1), "n2": NodeOverride(num=0)})
    now = membership(1, 2, absentee(7, name="n2"))
    there = entry(2, num=0)
    assert there.doubtful
    assert [one.num for one in desired_table(now, rules, [there]).nodes] == [0, 1]
    assert [one.num for one in desired_table(now, rules).nodes] == [1]


@pytest.mark.row("duplicates")
def test_a_right_entry_of_a_live_member_is_never_removed_for_a_duplicate() -> None:
    """The newcomer is left out although its id is lower: removing would cut a live link."""
    now = membership(1, member(2, addresses=("10.0.0.3",)), 3)
    desired = desired_table(now, MEMBERS, [entry(3)])
    assert desired.nodes == (node(1), node(3))
    assert [left.id for left in desired.left_out] == [2]


@pytest.mark.parametrize(
    ("listed", "actual"),
    [
        (member(3), entry(3, port=1)),
        (member(3), entry(3, num=0)),
        (absentee(3, addresses=("10.0.0.3",)), entry(3)),
    ],
    ids=["its entry is wrong", "its entry may be half-made", "it is no member"],
)
def test_otherwise_the_lowest_id_wins_whatever_is_there(
    listed: Member | Absentee, actual: Entry
) -> None:
    now = membership(1, member(2, addresses=("10.0.0.3",)), listed)
    desired = desired_table(now, CONFIGURED, [actual])
    assert [one.num for one in desired.nodes] == [1, 2]


def test_right_is_complete_and_equal_with_local_aside() -> None:
    assert is_right(entry(2), node(2))
    assert is_right(entry(2, local=True), node(2))
    assert not is_right(None, node(2))
    for wrong in (
        entry(2, name="x"),
        entry(2, num=3),
        entry(2, address="10.0.0.9"),
        entry(2, port=1),
    ):
        assert not is_right(wrong, node(2))
    assert not is_right(entry(2, num=0), node(2, num=0))


# --- properties ---------------------------------------------------------------------------------

numbers = st.integers(0, 6) | st.sampled_from([254, 255, 300])
names = st.sampled_from(["a", "b", "c", "d", "", "x/y"])
addresses = st.lists(
    st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3", "0.0.0.0", "fe80::1"]), max_size=2
).map(tuple)
members = st.builds(Member, id=numbers, name=names, incarnation=st.just(1), addresses=addresses)
absentees = st.builds(Absentee, id=numbers, name=names, addresses=addresses, fenced=st.booleans())
POOL: list[Member | Absentee] = [
    Member(id=id_, name=name, incarnation=1, addresses=(address,))
    for id_ in (1, 2, 3, 300)
    for name in ("a", "b")
    for address in ("10.0.0.1", "10.0.0.2")
]
POOL += [Absentee(id=id_, name="c", addresses=("10.0.0.3",)) for id_ in (4, 5)]
"""The very same values come again and again, as from a manager."""
entries = st.builds(
    Entry,
    name=st.sampled_from(["a", "b", "c", "d", "stale"]),
    inode=st.integers(1, 9),
    num=st.integers(0, 6),
    address=st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3", "0.0.0.0"]),
    port=st.sampled_from([0, 7777]),
    local=st.booleans(),
)


@pytest.mark.row("duplicates")
@settings(deadline=None)
@given(
    st.lists(members, max_size=6),
    st.lists(absentees, max_size=3),
    st.lists(entries, max_size=5, unique_by=lambda one: one.name),
    st.sampled_from(list(Scope)),
    st.randoms(use_true_random=False),
)
def test_the_table_is_unique_complete_and_the_same_in_whatever_order_they_come(
    listed: list[Member],
    away: list[Absentee],
    actual: list[Entry],
    scope: Scope,
    shuffler: random.Random,
) -> None:
    rules = TableRules(scope=scope)
    now = membership(*listed, *away)
    desired = desired_table(now, rules, actual)
    for values in (
        [one.num for one in desired.nodes],
        [one.address for one in desired.nodes],
        [one.name for one in desired.nodes],
    ):
        assert len(values) == len(set(values))
    assert all(1 <= one.num <= 254 and one.address != "0.0.0.0" for one in desired.nodes)
    in_scope = len(listed) + (len(away) if scope is Scope.CONFIGURED else 0)
    assert len(desired.nodes) + len(desired.left_out) == in_scope
    assert all(left.reason for left in desired.left_out)
    shuffled = list(listed)
    shuffler.shuffle(shuffled)
    if len({(one.id, one.name) for one in listed}) == len(listed):
        again = desired_table(membership(*shuffled, *away), rules, actual)
        assert desired == again


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(POOL), max_size=6, unique_by=lambda one: one.id),
            st.integers(1, 2),
            st.lists(entries, max_size=5, unique_by=lambda one: one.name),
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(list(Scope)),
)
def test_one_reading_after_the_other_comes_to_what_each_alone_comes_to(
    history: list[tuple[list[Member | Absentee], int, list[Entry]]], scope: Scope
) -> None:
    rules = TableRules(scope=scope)
    drafter = Drafter(rules)
    for listed, local_id, actual in history:
        now = membership(*listed, local_id=local_id)
        assert settle(drafter.draft(now), actual) == desired_table(now, rules, actual)


@settings(deadline=None)
@given(
    st.lists(members, max_size=6, unique_by=lambda one: one.id),
    st.lists(entries, max_size=5, unique_by=lambda one: one.name),
)
def test_of_two_that_claim_one_thing_the_right_entry_or_the_lowest_id_has_it(
    listed: list[Member], actual: list[Entry]
) -> None:
    """Who is left out for a duplicate lost to a lower id, or to a live member's right entry."""
    desired = desired_table(membership(*listed), MEMBERS, actual)
    there = {one.name: one for one in actual}
    for left in desired.left_out:
        if "belongs to node" not in left.reason:
            continue
        winner_id = int(left.reason.rpartition("(id ")[2].partition(")")[0])
        winner = next(one for one in desired.nodes if one.num == winner_id)
        assert winner_id < left.id or is_right(there.get(winner.name), winner)
