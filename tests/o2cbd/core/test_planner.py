"""Desired table + actual tables -> ordered steps, and what must wait."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import replace

import pytest

from fakecluster.testing.examples import (
    CLUSTER,
    absentee,
    entry,
    member,
    membership,
    node,
    tables,
)
from o2cbd.core.model import (
    AddNode,
    CreateCluster,
    Entry,
    Membership,
    Node,
    Quorum,
    Region,
    RemoveNode,
    SetAttribute,
    Step,
    Tables,
    Why,
)
from o2cbd.core.planner import Plan, Replacing, Wanted, plan
from o2cbd.core.policy import Desired
from o2cbd.core.refusal import Refusal
from o2cbd.core.removals import Permits
from o2cbd.core.rules import RemovalRules

REGION = Region(name="R1", pid=9)
INQUORATE = membership(1, quorum=Quorum.INQUORATE)


def compare(
    nodes: list[Node],
    actual: Tables,
    *,
    now: Membership | None = None,
    attributes: Mapping[str, str] | None = None,
    refused: Mapping[Step, int | None] | None = None,
) -> Plan:
    reasons = {step: Refusal(errno=number) for step, number in (refused or {}).items()}
    return plan(
        Wanted(
            cluster=CLUSTER,
            desired=Desired(nodes=tuple(nodes), left_out=()),
            attributes=attributes or {},
            permits=Permits(
                rules=RemovalRules(),
                membership=now or membership(1, 2, 3),
                tables=actual,
                forgotten=frozenset(),
            ),
            refused=reasons,
        )
    )


def add(wanted: Node) -> AddNode:
    return AddNode(cluster=CLUSTER, node=wanted)


def remove(name: str) -> RemoveNode:
    return RemoveNode(cluster=CLUSTER, node=name)


def put(name: str | None, attribute: str, value: str) -> SetAttribute:
    return SetAttribute(cluster=CLUSTER, node=name, attribute=attribute, value=value)


def half_made(number: int, **changes: object) -> Entry:
    values: dict[str, object] = {"num": 0, "address": "0.0.0.0", "port": 0, "local": False}
    return entry(number, **(values | changes))


def whys(found: Plan) -> dict[Step, Why]:
    return {pending.step: pending.why for pending in found.pending}


CREATE = CreateCluster(cluster=CLUSTER)
LOCAL = put("n1", "local", "1")


# --- the cluster ---------------------------------------------------------------------------------


def test_a_missing_cluster_is_created_before_anything_else() -> None:
    """Its tables are read before the next round."""
    assert compare([node(1), node(2)], Tables(clusters=())) == Plan(steps=(CREATE,), pending=())


def test_a_foreign_cluster_is_left_alone_and_ours_waits_for_its_end() -> None:
    found = compare([node(1)], Tables(clusters=("beta",)))
    assert found.steps == ()
    (pending,) = found.pending
    assert (pending.step, pending.why, pending.errno) == (
        CREATE,
        Why.FOREIGN_CLUSTER,
        errno.ENOSPC,
    )
    assert "beta" in pending.reason


def test_a_cluster_that_could_not_be_created_waits() -> None:
    found = compare([node(1)], Tables(clusters=()), refused={CREATE: errno.EIO})
    assert (found.steps, whys(found)) == ((), {CREATE: Why.FAILED})


# --- attributes of the cluster -------------------------------------------------------------------


def test_attributes_that_differ_are_set_first() -> None:
    actual = tables(1, attributes={"fence_method": "reset", "reconnect_delay_ms": "2000"})
    attributes = {"fence_method": "panic", "reconnect_delay_ms": "2000"}
    found = compare([node(1), node(2)], actual, attributes=attributes)
    assert found.steps == (put(None, "fence_method", "panic"), add(node(2)))


def test_the_case_of_a_value_is_no_difference() -> None:
    """The kernel takes PANIC and shows panic."""
    actual = tables(1, attributes={"fence_method": "panic"})
    assert compare([node(1)], actual, attributes={"fence_method": "PANIC"}).steps == ()


@pytest.mark.parametrize(
    ("now", "wanted", "order"),
    [
        (("30000", "2000"), ("60000", "40000"), ["idle_timeout_ms", "keepalive_delay_ms"]),
        (("60000", "40000"), ("30000", "2000"), ["keepalive_delay_ms", "idle_timeout_ms"]),
        (("strange", "2000"), ("60000", "4000"), ["idle_timeout_ms", "keepalive_delay_ms"]),
    ],
    ids=["raised", "lowered", "unreadable"],
)
def test_idle_is_over_keepalive_at_every_moment(
    now: tuple[str, str], wanted: tuple[str, str], order: list[str]
) -> None:
    names = ("idle_timeout_ms", "keepalive_delay_ms")
    actual = tables(1, attributes=dict(zip(names, now, strict=True)))
    found = compare([node(1)], actual, attributes=dict(zip(names, wanted, strict=True)))
    assert order == [step.attribute for step in found.steps if isinstance(step, SetAttribute)]


def test_an_attribute_that_the_kernel_has_not_is_pending_and_stops_nothing() -> None:
    actual = tables(1, attributes={})
    found = compare([node(1), node(2)], actual, attributes={"fence_method": "panic"})
    assert found.steps == (add(node(2)),)
    (pending,) = found.pending
    assert (pending.why, pending.errno) == (Why.FAILED, errno.ENOENT)
    assert "fence_method" in pending.reason


def test_an_attribute_that_was_taken_and_not_kept_is_pending() -> None:
    """As dead_threshold under a region."""
    step = put(None, "heartbeat/dead_threshold", "61")
    actual = tables(1, attributes={"heartbeat/dead_threshold": "31"})
    found = compare(
        [node(1)], actual, attributes={"heartbeat/dead_threshold": "61"}, refused={step: None}
    )
    assert (found.steps, whys(found)) == ((), {step: Why.IGNORED})


# --- adds and removals ---------------------------------------------------------------------------


def test_a_right_table_needs_nothing() -> None:
    assert compare([node(1), node(2)], tables(1, 2)) == Plan(steps=(), pending=())


def test_our_own_node_comes_first_and_then_peers_by_num() -> None:
    own = node(3, local=True)
    nodes = [node(2, local=False), node(1, local=False), own]
    found = compare(nodes, tables(), now=membership(1, 2, 3, local_id=3))
    assert found.steps == (
        add(own),
        put("n3", "local", "1"),
        add(node(1, local=False)),
        add(node(2)),
    )


@pytest.mark.row("order")
def test_removes_come_before_adds_and_an_entry_of_nobody_wanted_goes() -> None:
    stale = entry(9, name="stale")
    found = compare([node(1), node(2)], tables(1, stale))
    assert found.steps == (remove("stale"), add(node(2)))
    assert found.replacing == {}


@pytest.mark.row("order")
def test_our_own_removal_is_the_last_one() -> None:
    """It closes the listener."""
    found = compare([node(1)], tables(entry(1, port=1), entry(2), entry(3)), now=membership(1))
    assert found.steps == (remove("n2"), remove("n3"), remove("n1"))


def test_what_a_gate_keeps_is_pending_with_its_reason() -> None:
    found = compare([node(1)], tables(1, 2), now=INQUORATE)
    assert (found.steps, whys(found)) == ((), {remove("n2"): Why.INQUORATE})


def test_what_was_refused_is_pending_and_everything_else_goes_on() -> None:
    found = compare(
        [node(1), node(4), node(5)],
        tables(1, 2, 3),
        refused={remove("n2"): errno.EBUSY, add(node(4)): errno.EIO},
    )
    assert found.steps == (remove("n3"), add(node(5)))
    assert whys(found) == {remove("n2"): Why.PINNED, add(node(4)): Why.FAILED}


def test_an_add_waits_for_the_removal_of_who_has_its_num_or_address() -> None:
    """Not tried: the kernel would answer EEXIST. The next round finds it free."""
    old = entry(9, address="10.0.0.2")
    found = compare([node(1), node(2)], tables(1, old))
    assert found.steps == (remove("n9"),)
    (pending,) = found.pending
    assert (pending.step, pending.why) == (add(node(2)), Why.WAITS_FOR_REMOVAL)
    assert pending.reason == "waiting for the removal of n9"


# --- our own node --------------------------------------------------------------------------------


def test_a_right_entry_of_ours_that_is_not_local_is_made_local_in_place() -> None:
    found = compare([node(1), node(2)], tables(entry(1, local=False), 2))
    assert found.steps == (LOCAL,)


def test_while_local_cannot_be_peers_are_added() -> None:
    found = compare(
        [node(1), node(2)], tables(entry(1, local=False)), refused={LOCAL: errno.EADDRNOTAVAIL}
    )
    assert found.steps == (add(node(2)),)
    assert whys(found) == {LOCAL: Why.FAILED}


def test_what_needs_a_refused_add_is_not_tried() -> None:
    found = compare([node(1)], tables(), refused={add(node(1)): errno.EIO})
    assert (found.steps, whys(found)) == ((), {add(node(1)): Why.FAILED})


def test_local_on_an_entry_that_is_not_ours_to_be_is_replaced_and_ours_waits_for_that() -> None:
    wrong = entry(2, local=True)
    found = compare([node(1), node(2)], tables(entry(1, local=False), wrong))
    assert found.steps == (remove("n2"),)
    assert found.replacing == {"n2": Replacing(node="n2", after=frozenset())}
    assert whys(found) == {LOCAL: Why.WAITS_FOR_REMOVAL}


def test_a_wrong_local_entry_stays_under_a_region() -> None:
    actual = tables(entry(1, local=False), entry(2, local=True), regions=(REGION,))
    found = compare([node(1), node(2)], actual)
    assert found.steps == ()
    assert whys(found) == {remove("n2"): Why.REGION, LOCAL: Why.WAITS_FOR_REMOVAL}


def test_our_own_wrong_entry_stays_under_a_region_whether_it_is_local_or_not() -> None:
    actual = tables(entry(1, local=False, port=1), regions=(REGION,))
    assert whys(compare([node(1)], actual)) == {remove("n1"): Why.REGION}


# --- replacements --------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{"num": 9}, {"address": "10.0.0.9"}, {"port": 1}])
def test_a_wrong_value_is_mended_by_removal_and_add(wrong: dict[str, object]) -> None:
    """Values can be written once only; the add comes in the next round."""
    found = compare([node(1), node(2)], tables(1, entry(2, **wrong)))
    assert found.steps == (remove("n2"),)
    assert found.replacing == {"n2": Replacing(node="n2", after=frozenset())}


def test_a_rename_is_a_replacement() -> None:
    found = compare([node(1), node(2, name="new")], tables(1, 2))
    assert found.steps == (remove("n2"),)
    assert found.replacing == {"n2": Replacing(node="new", after=frozenset())}
    assert whys(found) == {add(node(2, name="new")): Why.WAITS_FOR_REMOVAL}


def test_a_replacement_waits_where_removals_wait() -> None:
    now = membership(1, 2, quorum=Quorum.INQUORATE)
    found = compare([node(1), node(2)], tables(1, entry(2, port=1)), now=now)
    assert (found.steps, whys(found)) == ((), {remove("n2"): Why.INQUORATE})


@pytest.mark.row("replace")
def test_a_replacement_is_not_begun_while_its_need_is_pinned() -> None:
    """n2 is to have n9's address, and n9 cannot go: n2 keeps its old entry."""
    actual = tables(1, entry(2, address="10.0.0.8"), entry(9, address="10.0.0.2"))
    found = compare([node(1), node(2)], actual, refused={remove("n9"): errno.EBUSY})
    assert found.steps == ()
    assert whys(found) == {remove("n9"): Why.PINNED, remove("n2"): Why.REPLACEMENT_BLOCKED}
    assert "waiting for the removal of n9" in found.pending[1].reason


def test_who_takes_anothers_address_goes_after_it() -> None:
    actual = tables(1, entry(2, address="10.0.0.8"), entry(3, address="10.0.0.2"))
    found = compare([node(1), node(2), node(3)], actual)
    assert found.steps == (remove("n3"), remove("n2"))
    assert found.replacing["n2"] == Replacing(node="n2", after=frozenset({"n3"}))


def test_two_that_swap_addresses_both_go_first() -> None:
    actual = tables(1, entry(2, address="10.0.0.3"), entry(3, address="10.0.0.2"))
    assert compare([node(1), node(2), node(3)], actual).steps == (remove("n2"), remove("n3"))


@pytest.mark.parametrize(("number", "why"), [(errno.EIO, Why.FAILED), (None, Why.IGNORED)])
def test_an_old_entry_stays_while_the_add_of_the_new_one_is_not_to_be_tried(
    number: int | None, why: Why
) -> None:
    found = compare([node(1), node(2)], tables(1, entry(2, port=1)), refused={add(node(2)): number})
    assert found.steps == ()
    assert whys(found) == {add(node(2)): why, remove("n2"): Why.REPLACEMENT_BLOCKED}


# --- half-made entries ---------------------------------------------------------------------------


@pytest.mark.row("half-made")
@pytest.mark.parametrize(
    ("found", "missing"),
    [
        (half_made(2), ["ipv4_port", "ipv4_address", "num"]),
        (half_made(2, port=7777), ["ipv4_address", "num"]),
        (half_made(2, address="10.0.0.2"), ["ipv4_port", "num"]),
        (half_made(2, port=7777, address="10.0.0.2"), ["num"]),
    ],
)
def test_a_half_made_entry_is_completed_in_libo2cbs_order(found: Entry, missing: list[str]) -> None:
    values = {"ipv4_port": "7777", "ipv4_address": "10.0.0.2", "num": "2"}
    steps = tuple(put("n2", name, values[name]) for name in missing)
    assert compare([node(1), node(2)], tables(1, found)).steps == steps


def test_our_own_half_made_entry_is_completed_and_made_local() -> None:
    found = compare([node(1)], tables(half_made(1, port=7777, address="10.0.0.1")))
    assert found.steps == (put("n1", "num", "1"), LOCAL)


@pytest.mark.parametrize("wrong", [{"port": 1}, {"address": "10.0.0.9"}])
def test_a_half_made_entry_with_a_wrong_value_is_made_new_even_without_quorum(
    wrong: dict[str, object],
) -> None:
    """The kernel never knew it as a node; nothing that anybody had is taken away."""
    now = membership(1, 2, quorum=Quorum.INQUORATE)
    found = compare([node(1), node(2)], tables(1, half_made(2, **wrong)), now=now)
    assert found.steps == (remove("n2"),)
    assert found.replacing == {}


@pytest.mark.row("half-made")
def test_a_half_made_entry_that_cannot_be_completed_is_made_new() -> None:
    step = put("n2", "num", "2")
    actual = tables(1, half_made(2, port=7777))
    found = compare([node(1), node(2)], actual, refused={step: errno.EIO})
    assert found.steps == (remove("n2"),)


def test_a_half_made_entry_of_nobody_goes() -> None:
    now = membership(1, quorum=Quorum.INQUORATE)
    assert compare([node(1)], tables(1, half_made(7)), now=now).steps == (remove("n7"),)


def test_the_completion_of_an_entry_waits_for_who_has_its_address() -> None:
    actual = tables(1, half_made(2, port=7777), entry(9, address="10.0.0.2"))
    found = compare([node(1), node(2)], actual)
    assert found.steps == (remove("n9"),)
    assert whys(found) == {put("n2", "ipv4_address", "10.0.0.2"): Why.WAITS_FOR_REMOVAL}


def test_a_num_of_0_may_be_unwritten_so_it_is_written_first() -> None:
    doubtful = entry(2, num=0)
    assert compare([node(1), node(2)], tables(1, doubtful)).steps == (put("n2", "num", "2"),)


def test_num_0_that_is_wanted_is_written_unless_it_is_known_to_be() -> None:
    zero = [node(1), node(2, num=0)]
    assert compare(zero, tables(1, entry(2, num=0))).steps == (put("n2", "num", "0"),)
    assert compare(zero, tables(1, entry(2, num=0, num_proved=True))).steps == ()


def test_num_0_waits_for_who_has_it_and_its_entry_stays() -> None:
    other = entry(9, num=0, num_proved=True)
    found = compare([node(1), node(2, num=0)], tables(1, entry(2, num=0), other))
    assert found.steps == (remove("n9"),)
    assert whys(found) == {put("n2", "num", "0"): Why.WAITS_FOR_REMOVAL}


@pytest.mark.row("half-made")
def test_ebusy_proves_that_num_0_was_written_and_then_it_is_a_removal_like_any() -> None:
    step = put("n2", "num", "2")
    actual = tables(1, entry(2, num=0))
    found = compare([node(1), node(2)], actual, refused={step: errno.EBUSY})
    assert found.steps == (remove("n2"),)
    assert found.replacing == {"n2": Replacing(node="n2", after=frozenset())}
    now = membership(1, 2, quorum=Quorum.INQUORATE)
    found = compare([node(1), node(2)], actual, refused={step: errno.EBUSY}, now=now)
    assert whys(found) == {remove("n2"): Why.INQUORATE}


def test_another_errno_proves_nothing_about_num_0() -> None:
    step = put("n2", "num", "2")
    found = compare([node(1), node(2)], tables(1, entry(2, num=0)), refused={step: errno.EIO})
    assert (found.steps, whys(found)) == ((), {step: Why.FAILED})


def test_an_entry_that_is_local_has_the_num_that_it_shows() -> None:
    """local=1 is only taken after num, so a num of 0 was written: another node's, and wrong."""
    found = compare([node(1)], tables(entry(1, num=0)))
    assert found.steps == (remove("n1"),)


def test_an_address_that_cannot_be_written_though_none_reads_back_is_never_removed() -> None:
    """Somebody wrote 0.0.0.0 into it: its rmdir could take the kernel down."""
    step = put("n2", "ipv4_address", "10.0.0.2")
    actual = tables(1, half_made(2, port=7777))
    found = compare([node(1), node(2)], actual, refused={step: errno.EBUSY})
    assert (found.steps, whys(found)) == ((), {remove("n2"): Why.UNSAFE})
    found = compare([node(1), node(2)], actual, refused={step: errno.EIO})
    assert found.steps == (remove("n2"),)


def test_a_returned_node_is_right_again_and_its_removal_is_dropped() -> None:
    away, back = membership(1, absentee(2), two_node=True), membership(1, member(2, incarnation=8))
    assert whys(compare([node(1)], tables(1, 2), now=away)) == {remove("n2"): Why.TWO_NODE}
    assert compare([node(1), node(2)], tables(1, 2), now=back) == Plan(steps=(), pending=())


def test_255_nodes_are_planned_in_one_round() -> None:
    nodes = [replace(node(1), name=f"m{n}", num=n, address=f"10.1.0.{n}") for n in range(2, 255)]
    peers = [replace(one, local=False) for one in nodes]
    found = compare([node(1), *peers], tables(1))
    assert found.steps == tuple(add(one) for one in peers)


# --- num 0 ---------------------------------------------------------------------------------------


def test_num_0_that_may_be_written_is_written_where_it_is_wanted() -> None:
    """The kernel takes it, or says that it is used, by this very entry."""
    zero = node(2, num=0)
    assert compare([node(1), zero], tables(1, entry(2, num=0))).steps == (put("n2", "num", "0"),)
    proved = entry(2, num=0, num_proved=True)
    assert compare([node(1), zero], tables(1, proved)) == Plan(steps=(), pending=())


def test_our_own_num_0_is_written_before_local() -> None:
    zero = node(1, num=0)
    actual = tables(entry(1, num=0, local=False))
    assert compare([zero], actual).steps == (put("n1", "num", "0"), LOCAL)
    assert compare([zero], tables(entry(1, num=0, local=True))) == Plan(steps=(), pending=())


def test_num_0_is_not_proved_while_another_entry_may_have_it() -> None:
    found = compare([node(1), node(2, num=0)], tables(1, entry(2, num=0), entry(3, num=0)))
    assert found.steps == (remove("n3"),)
    assert whys(found) == {put("n2", "num", "0"): Why.WAITS_FOR_REMOVAL}


def test_entry_that_may_have_num_0_is_not_completed_with_a_num_that_is_taken() -> None:
    """It may be a whole node of ocfs2-tools, which numbers from 0; a mount keeps the taker."""
    ours = entry(1, num=2, name="n1", address="10.0.0.1", local=True)
    actual = tables(ours, entry(2, num=0), regions=(REGION,))
    found = compare([node(1), node(2)], actual)
    assert (found.steps, whys(found)) == (
        (),
        {remove("n1"): Why.REGION, remove("n2"): Why.REPLACEMENT_BLOCKED},
    )
