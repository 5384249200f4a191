"""The gates in front of a removal, and the order of removals."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from fakecluster.testing.examples import absentee, entry, member, membership, tables
from o2cbd.core.model import Advice, Entry, Membership, Quorum, Region, Why
from o2cbd.core.removals import Permits, Removal, followable, gate, in_order
from o2cbd.core.rules import MajorityRule, QuorumRule, RemovalRules, TableRules, TwoNodeRule

REGION = Region(name="R1", pid=None)
TWO_NODE = membership(1, absentee(2), two_node=True)


def removal(found: Entry, *, local: bool = False, zero_written: bool = False) -> Removal:
    return Removal(entry=found, replacement=None, local=local, zero_written=zero_written)


def permits(
    now: Membership | None = None,
    rules: RemovalRules | None = None,
    regions: tuple[Region, ...] = (),
    live_nums: frozenset[int] | None = None,
    forgotten: frozenset[str] = frozenset(),
    *,
    table: TableRules | None = None,
    settled: bool = True,
) -> Permits:
    return Permits(
        table=table or TableRules(),
        settled=settled,
        rules=rules or RemovalRules(),
        membership=now or membership(1),
        tables=tables(regions=regions, live_nums=live_nums),
        forgotten=forgotten,
    )


def why(one: Removal, may: Permits) -> Why | None:
    found = gate(one, may)
    return None if found is None else found.why


def test_a_quorate_partition_may_remove_a_lost_node() -> None:
    assert gate(removal(entry(2)), permits()) is None


def test_inquorate_removals_wait_for_quorum() -> None:
    """Two halves of a split must not each forget the other and both mount."""
    now = membership(1, quorum=Quorum.INQUORATE)
    found = gate(removal(entry(2)), permits(now))
    assert found is not None
    assert found.why is Why.INQUORATE
    assert "waiting for quorum" in found.reason
    # The operator's word counts where quorum proves nothing, not where it forbids.
    assert why(removal(entry(2)), permits(now, forgotten=frozenset({"n2"}))) is Why.INQUORATE


def test_without_a_quorum_provider_removals_wait_for_a_setting() -> None:
    now = membership(1, quorum=Quorum.UNKNOWN)
    found = gate(removal(entry(2)), permits(now))
    assert found is not None
    assert found.why is Why.QUORUM_UNKNOWN
    assert 'quorum = "ignore"' in found.reason


def test_a_setting_takes_the_place_of_a_quorum_provider_and_never_of_quorum() -> None:
    rules = RemovalRules(quorum=QuorumRule.IGNORE)
    unknown, lost = (membership(1, quorum=one) for one in (Quorum.UNKNOWN, Quorum.INQUORATE))
    assert gate(removal(entry(2)), permits(unknown, rules)) is None
    assert why(removal(entry(2)), permits(lost, rules)) is Why.INQUORATE


def test_with_two_nodes_the_removal_of_a_lost_one_waits() -> None:
    found = gate(removal(entry(2)), permits(TWO_NODE))
    assert found is not None
    assert found.why is Why.TWO_NODE
    assert "o2cbd forget n2" in found.reason


@pytest.mark.parametrize(
    "may",
    [
        permits(TWO_NODE, RemovalRules(two_node=TwoNodeRule.ALLOW)),
        permits(TWO_NODE, forgotten=frozenset({"n2"})),
        permits(membership(1, absentee(2, fenced=True), two_node=True)),
        permits(membership(1, member(2, name="renamed"), two_node=True)),
        permits(membership(1, member(9, name="n2"), two_node=True)),
    ],
    ids=["setting", "forgotten", "fenced", "here under another name", "here with another id"],
)
def test_with_two_nodes_what_proves_it_down_or_here_lets_it_go(may: Permits) -> None:
    assert gate(removal(entry(2)), may) is None


def test_with_two_nodes_the_fencing_of_another_node_proves_nothing() -> None:
    now = membership(1, absentee(2), absentee(3, fenced=True), two_node=True)
    assert why(removal(entry(2)), permits(now)) is Why.TWO_NODE


def voters(here: dict[int, int | None], away: dict[int, int | None]) -> Membership:
    members = (member(number, votes=votes) for number, votes in here.items())
    return membership(*members, *(absentee(number, votes=votes) for number, votes in away.items()))


@pytest.mark.row("minority")
@pytest.mark.parametrize(
    ("now", "waits"),
    [
        (membership(1, 2, absentee(3)), False),
        (membership(1, absentee(2), absentee(3)), True),
        (membership(1, absentee(2)), True),
        (membership(1, 2, absentee(3), absentee(4)), True),
        (voters({1: 3}, {2: 1, 3: 1}), False),
        (voters({1: 1, 2: 1}, {3: 3}), True),
        (voters({1: 3}, {2: 1, 3: None}), True),
        (voters({1: 0, 2: 0}, {3: 0}), False),
        (replace(voters({1: None}, {2: 1, 3: 1}), member_votes=3), False),
        (replace(voters({1: None, 2: None}, {3: 3}), member_votes=2), True),
        (replace(voters({1: None}, {2: 1, 3: None}), member_votes=3), True),
        (membership(1, member(0, name="/dev/qdisk0"), absentee(2)), True),
        (membership(1, replace(member(2), listed=False), absentee(3)), True),
        (
            membership(1, replace(member(2), listed=False), absentee(3), absentee(20, runs_as=2)),
            False,
        ),
        (membership(1, absentee(2), quorum=Quorum.NONE), False),
    ],
    ids=[
        *("2 of 3", "1 of 3", "1 of 2", "2 of 4", "3 of 5 votes", "2 of 5 votes"),
        *(
            "not all votes known",
            "nobody votes",
            "3 of 5 votes together",
            "2 of 5 votes together",
            "not all votes known together",
            "a disk votes",
            "not listed",
            "renumbered",
            "static",
        ),
    ],
)
def test_lost_node_goes_only_where_members_have_most_votes_of_the_list(
    now: Membership, *, waits: bool
) -> None:
    """Lowered expected votes, or a disk, make both halves of a split quorate."""
    lost = entry(9)
    assert why(removal(lost), permits(now)) is (Why.MINORITY if waits else None)
    rules = RemovalRules(majority=MajorityRule.TRUST_MANAGER)
    assert gate(removal(lost), permits(now, rules)) is None
    assert gate(removal(lost), permits(now, forgotten=frozenset({"n9"}))) is None


def test_minority_says_how_many_and_what_to_do() -> None:
    found = gate(removal(entry(2)), permits(membership(1, absentee(2), absentee(3))))
    assert found is not None
    assert "1 of the 3 votes of all listed nodes" in found.reason
    assert "o2cbd forget n2" in found.reason
    assert '[removals] majority = "trust-manager" in /etc/o2cbd/o2cbd.toml' in found.reason


def test_fenced_node_needs_no_majority_and_one_that_is_here_is_only_replaced() -> None:
    fenced = membership(1, absentee(2, fenced=True), absentee(3))
    assert gate(removal(entry(2)), permits(fenced)) is None
    assert why(removal(entry(3)), permits(fenced)) is Why.MINORITY
    assert gate(removal(entry(1, name="old")), permits(fenced)) is None


@pytest.mark.parametrize(
    "claims",
    [{"advice": Advice(num="2")}, {"name": "n2"}],
    ids=["its num", "its name"],
)
def test_member_that_claims_what_a_lost_node_has_proves_nothing_of_that_one(
    claims: dict[str, object],
) -> None:
    now = membership(1, member(3, **claims), absentee(2), absentee(4))
    assert why(removal(entry(2)), permits(now)) is Why.MINORITY


def test_node_that_runs_with_another_id_than_the_list_has_is_not_lost() -> None:
    runs = member(2, listed=False)
    now = membership(1, runs, absentee(20, name="n2", runs_as=2), absentee(3), absentee(4))
    assert gate(removal(entry(2)), permits(now)) is None


def test_entry_is_told_by_the_num_that_the_rules_give() -> None:
    table = TableRules(num_offset=-1)
    now = membership(1, absentee(2, fenced=True), absentee(3))
    assert gate(removal(entry(1, name="other")), permits(now, table=table)) is None
    assert why(removal(entry(2, name="other")), permits(now, table=table)) is Why.MINORITY


def test_removal_waits_until_members_and_quorum_stand_still() -> None:
    found = gate(removal(entry(2)), permits(settled=False))
    assert found is not None
    assert (found.why, "less than 1 s ago" in found.reason) == (Why.UNSETTLED, True)
    half_made = entry(2, port=0)
    assert gate(removal(half_made), permits(settled=False)) is None


def test_with_two_nodes_our_own_entry_is_not_a_lost_node() -> None:
    """We are here: an entry of ours with an old num must not wait for our return."""
    assert gate(removal(entry(9, name="n1"), local=True), permits(TWO_NODE)) is None


@pytest.mark.row("never")
def test_the_local_node_stays_under_a_region_whatever_the_settings() -> None:
    rules = RemovalRules(quorum=QuorumRule.IGNORE, two_node=TwoNodeRule.ALLOW)
    found = gate(removal(entry(1), local=True), permits(rules=rules, regions=(REGION,)))
    assert found is not None
    assert found.why is Why.REGION
    assert "R1" in found.reason
    assert gate(removal(entry(2)), permits(regions=(REGION,))) is None


def test_a_node_that_the_disk_heartbeat_sees_is_pinned_before_it_is_tried() -> None:
    found = gate(removal(entry(2)), permits(live_nums=frozenset({1, 2})))
    assert found is not None
    assert (found.why, found.errno) == (Why.PINNED, errno.EBUSY)
    assert gate(removal(entry(2)), permits(live_nums=frozenset({1}))) is None


def test_while_quorum_forbids_it_nobody_looks_for_the_end_of_the_pin() -> None:
    """A pin is looked for twice a second; a loss of quorum may last."""
    may = permits(membership(1, quorum=Quorum.INQUORATE), live_nums=frozenset({2}))
    assert why(removal(entry(2)), may) is Why.INQUORATE


def test_a_half_made_entry_was_never_a_node_so_quorum_has_no_say() -> None:
    half_made = entry(2, num=0, address="0.0.0.0")
    may = permits(membership(1, quorum=Quorum.INQUORATE), live_nums=frozenset({0}))
    assert gate(removal(half_made), may) is None
    doubtful = entry(2, num=0)
    assert why(removal(doubtful), may) is Why.INQUORATE


@pytest.mark.parametrize(
    "poisoned",
    [
        removal(entry(2, address="0.0.0.0")),
        removal(entry(2, num=0, local=True, address="0.0.0.0")),
        removal(entry(2, num=0, address="0.0.0.0"), zero_written=True),
    ],
    ids=["it has a num", "it is local", "the kernel said so"],
)
def test_what_had_0_0_0_0_written_into_it_is_never_removed(poisoned: Removal) -> None:
    """Its rmdir can oops with locks held; a num or local=1 is only taken after an address."""
    found = gate(poisoned, permits())
    assert found is not None
    assert found.why is Why.UNSAFE
    assert "restart this host" in found.reason


def names(removals: tuple[Removal, ...]) -> list[str]:
    return [one.name for one in removals]


def test_removals_go_by_name_and_ours_last() -> None:
    going = [removal(entry(1), local=True), removal(entry(3)), removal(entry(2))]
    needs = {"n1": frozenset[str](), "n2": frozenset[str](), "n3": frozenset[str]()}
    assert names(in_order(going, needs)) == ["n2", "n3", "n1"]


def test_who_needs_what_another_has_goes_after_it() -> None:
    """Should the first one fail, the second still has its entry."""
    going = [removal(entry(2)), removal(entry(3)), removal(entry(4))]
    needs = {"n2": frozenset({"n3"}), "n3": frozenset({"n4"}), "n4": frozenset[str]()}
    assert names(in_order(going, needs)) == ["n4", "n3", "n2"]


def test_a_ring_is_opened_before_who_depends_on_it() -> None:
    """Once n3 is gone nothing is in n2's way, whatever becomes of n4."""
    going = [removal(entry(2)), removal(entry(3)), removal(entry(4))]
    needs = {"n2": frozenset({"n3"}), "n3": frozenset({"n4"}), "n4": frozenset({"n3"})}
    assert names(in_order(going, needs)) == ["n3", "n2", "n4"]


def test_ours_is_last_even_where_a_peer_needs_our_old_address() -> None:
    going = [removal(entry(1), local=True), removal(entry(2))]
    needs = {"n1": frozenset[str](), "n2": frozenset({"n1"})}
    assert names(in_order(going, needs)) == ["n2", "n1"]


def test_a_replacement_whose_need_stays_is_not_begun_nor_who_needs_that_one() -> None:
    going = [removal(entry(2)), removal(entry(3)), removal(entry(4)), removal(entry(5))]
    needs = {
        "n2": frozenset({"n3"}),
        "n3": frozenset({"n9"}),
        "n4": frozenset({"n5"}),
        "n5": frozenset({"n4"}),
    }
    doable, stuck = followable(going, needs)
    assert sorted(doable) == ["n4", "n5"]
    assert stuck == {"n3": "n9", "n2": "n3"}
