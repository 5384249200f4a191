"""The controller in a whole daemon on a pocket host: steps, and what waits."""

from __future__ import annotations

import errno

import pytest

from fakecluster.pocket.bench import Bench
from fakecluster.pocket.examples import CLUSTER, absentee, member, membership
from fakecluster.pocket.kernel import Refuse
from fakecluster.pocket.situations import (
    CREATE,
    LOCAL,
    NOTICE,
    REGION,
    RESYNC_US,
    SECOND_US,
    add,
    filled,
    notice,
    remove,
)
from o2cbd.core import reports
from o2cbd.core.events import ConfigChange, ManagerLost
from o2cbd.core.model import (
    Quorum,
    RemoveNode,
    SetAttribute,
    State,
    Step,
    Why,
)
from o2cbd.core.rules import QuorumRule, RemovalRules, Rules, TwoNodeRule


def test_in_sync_is_never_said_in_the_middle_and_told_anew_after_each_change() -> None:
    """With the new fingerprint: that is what nodes are compared by."""
    bench = filled(1)
    seen: list[State] = []
    bench.kernel.after = lambda _: seen.append(bench.status.state)
    bench.manager.membership = membership(1, 2, 3)
    notice(bench)
    assert seen == [State.PENDING, State.PENDING]
    told = reports.Synced(nodes=3, fingerprint=bench.status.fingerprint)
    assert bench.heard(reports.Synced) == [told]


@pytest.mark.row("one-pass")
def test_notices_that_arrive_together_cost_one_pass() -> None:
    bench = filled(1)
    readings = len(bench.kernel.readings)
    bench.manager.notices = [NOTICE, NOTICE, ConfigChange(version=3)]
    bench.settle()
    assert len(bench.kernel.readings) == readings + 1


@pytest.mark.row("resync")
def test_a_full_resync_every_30_s_finds_what_nobody_announced_and_reads_all_anew() -> None:
    bench = filled(1, 2)
    bench.kernel.take_away("n2")
    bench.run_for(RESYNC_US - SECOND_US)
    assert bench.kernel.journal == []
    bench.run_for(2 * SECOND_US)
    assert bench.kernel.journal == [add(2)]
    assert bench.kernel.readings[-2:] == [True, False]


@pytest.mark.row("resync")
def test_notices_do_not_put_the_resync_off() -> None:
    bench = filled(1)
    for _ in range(31):
        bench.run_for(SECOND_US)
        notice(bench)
    assert bench.kernel.readings[2:].count(True) == 1


@pytest.mark.row("resync")
def test_at_rest_nothing_wakes_but_the_resync() -> None:
    bench = filled(1, 2)
    wait = bench.settle()
    assert wait.deadline_us == bench.clock.now_us() + RESYNC_US
    readings = len(bench.kernel.readings)
    bench.run_for(10 * RESYNC_US)
    assert len(bench.kernel.readings) == readings + 10
    assert bench.hold.looks == 1, "the semaphore is taken around steps only"


@pytest.mark.row("add-fails")
def test_add_fails_is_pending_with_errno_and_retried_less_and_less() -> None:
    bench = filled(1)
    bench.kernel.refusals = [Refuse(step=add(2), errno=errno.EIO, detail="node/n2")]
    bench.manager.membership = membership(1, 2, 3)
    notice(bench)
    assert bench.kernel.journal == [add(3)]
    pending = bench.pending[add(2)]
    assert (pending.why, pending.errno) == (Why.FAILED, errno.EIO)
    since_us = pending.since_us
    bench.run_for(20 * SECOND_US)
    assert bench.pending[add(2)].since_us == since_us
    assert len(bench.heard(reports.PendingBegan)) == 1
    bench.kernel.refusals.clear()
    bench.run_for(10 * SECOND_US)
    assert bench.kernel.journal == [add(3), add(2)]
    assert [one.done for one in bench.heard(reports.PendingEnded)] == [True]


@pytest.mark.row("add-fails")
def test_add_fails_is_retried_on_the_next_event() -> None:
    bench = filled(1)
    bench.kernel.refusals = [Refuse(step=add(2), errno=errno.EIO)]
    bench.manager.membership = membership(1, 2)
    notice(bench)
    bench.kernel.refusals.clear()
    notice(bench)
    assert bench.kernel.journal == [add(2)]


def test_pauses_begin_anew_for_a_node_that_left_and_joined() -> None:
    bench = filled(1)
    bench.kernel.refusals = [Refuse(step=add(2), errno=errno.EIO)]
    for now in (membership(1, 2), membership(1), membership(1, 2)):
        bench.manager.membership = now
        notice(bench)
        bench.run_for(15 * SECOND_US)
    bench.manager.membership = membership(1)
    notice(bench)
    bench.manager.membership = membership(1, 2)
    notice(bench)
    assert bench.settle().deadline_us == bench.clock.now_us() + SECOND_US // 4


@pytest.mark.row("add-fails")
def test_add_fails_is_retried_when_what_blocks_it_goes() -> None:
    """In the same pass: the add was refused, and then a removal succeeded."""
    bench = filled(1, 2)
    bench.kernel.refusals = [Refuse(step=add(3), errno=errno.EEXIST, count=1)]
    bench.kernel.put("late", num=9, address="10.0.0.9", port=7777)
    bench.kernel.refusals.append(Refuse(step=RemoveNode, errno=errno.EIO, count=1))
    bench.manager.membership = membership(1, 2, 3)
    notice(bench)
    assert set(bench.pending) == {add(3), RemoveNode(cluster=CLUSTER, node="late")}
    wait = bench.settle()
    bench.clock.moment_us = wait.deadline_us or 0
    bench.settle()
    assert bench.status.state is State.SYNCED


@pytest.mark.row("add-waits")
def test_add_waits_for_the_removal_that_frees_its_address() -> None:
    bench = filled(1, 2)
    bench.kernel.pinned.add("n2")
    bench.manager.membership = membership(1, member(3, addresses=("10.0.0.2",)))
    notice(bench)
    add3 = add(3, address="10.0.0.2")
    assert bench.pending[remove(2)].why is Why.PINNED
    assert bench.pending[add3].why is Why.WAITS_FOR_REMOVAL
    bench.kernel.pinned.clear()
    bench.run_for(SECOND_US)
    assert bench.kernel.journal == [remove(2), add3]


@pytest.mark.row("local-retry")
def test_local_retry_goes_on_while_the_address_is_not_there_and_peers_are_added() -> None:
    bench = Bench(membership(1, 2))
    bench.kernel.set_addresses([])
    bench.settle()
    assert set(bench.kernel.nodes) == {"n1", "n2"}
    assert bench.pending[LOCAL].errno == errno.EADDRNOTAVAIL
    bench.run_for(60 * SECOND_US)
    bench.kernel.set_addresses(["10.0.0.1"])
    bench.run_for(SECOND_US)
    assert bench.status.state is State.SYNCED
    assert bench.kernel.nodes["n1"].local
    assert len(bench.heard(reports.PendingBegan)) == 1


@pytest.mark.row("local-wrong")
def test_local_wrong_is_replaced_once_the_region_is_gone() -> None:
    bench = Bench(membership(1, 2))
    bench.kernel.make_cluster(CLUSTER)
    bench.kernel.put("n2", num=2, address="10.0.0.2", port=7777, local=True)
    bench.kernel.regions = (REGION,)
    bench.settle()
    assert bench.pending[remove(2)].why is Why.REGION
    assert bench.pending[LOCAL].why is Why.WAITS_FOR_REMOVAL
    bench.kernel.regions = ()
    bench.run_for(10 * SECOND_US)
    assert bench.status.state is State.SYNCED
    assert [name for name, one in bench.kernel.nodes.items() if one.local] == ["n1"]
    assert bench.kernel.crimes == []


@pytest.mark.row("replace")
def test_replace_is_a_removal_and_an_add() -> None:
    bench = filled(1, 2)
    bench.manager.membership = membership(1, member(2, addresses=("10.0.9.2",)))
    notice(bench)
    assert bench.kernel.journal == [remove(2), add(2, address="10.0.9.2")]


@pytest.mark.row("replace")
def test_an_add_that_fails_after_its_removal_is_retried_at_once_and_is_an_error() -> None:
    bench = filled(1, 2)
    new = add(2, address="10.0.9.2")
    bench.kernel.refusals = [Refuse(step=new, errno=errno.EIO, count=1)]
    bench.manager.membership = membership(1, member(2, addresses=("10.0.9.2",)))
    notice(bench)
    assert bench.kernel.journal == [remove(2), new]
    assert bench.heard(reports.ReplacementFailed) == [
        reports.ReplacementFailed(node="n2", errno=errno.EIO)
    ]


def test_a_swap_of_two_addresses_is_done_in_one_pass() -> None:
    bench = filled(1, 2, 3)
    bench.manager.membership = membership(
        1, member(2, addresses=("10.0.0.3",)), member(3, addresses=("10.0.0.2",))
    )
    notice(bench)
    assert bench.status.state is State.SYNCED


def test_half_of_a_swap_that_is_pinned_waits_and_is_done_after_the_pin() -> None:
    """No order helps when nothing tells of the pin before; nothing is lost for good."""
    bench = filled(1, 2, 3)
    bench.kernel.pinned.add("n3")
    bench.manager.membership = membership(
        1, member(2, addresses=("10.0.0.3",)), member(3, addresses=("10.0.0.2",))
    )
    notice(bench)
    assert bench.pending[remove(3)].why is Why.PINNED
    bench.kernel.pinned.clear()
    bench.run_for(SECOND_US)
    assert bench.status.state is State.SYNCED


@pytest.mark.row("pinned")
def test_a_pinned_node_that_the_heartbeat_shows_is_not_even_tried() -> None:
    bench = filled(1, 2)
    bench.kernel.live_nums = frozenset({1, 2})
    bench.kernel.refusals = [Refuse(step=remove(2), errno=errno.EUCLEAN)]
    bench.manager.membership = membership(1)
    notice(bench)
    assert bench.pending[remove(2)].errno == errno.EBUSY
    bench.run_for(60 * SECOND_US)
    assert len(bench.heard(reports.PendingBegan)) == 1
    bench.kernel.live_nums = frozenset({1})
    bench.kernel.refusals.clear()
    bench.run_for(SECOND_US)
    assert bench.kernel.journal == [remove(2)]


@pytest.mark.row("pinned")
def test_pinned_is_retried_without_noise_and_done_within_a_second_of_the_pins_end() -> None:
    bench = filled(1, 2, 3)
    bench.kernel.pinned.add("n2")
    bench.manager.membership = membership(1, 4)
    notice(bench)
    assert bench.kernel.journal == [remove(3), add(4)], "everything else goes on"
    bench.run_for(60 * SECOND_US)
    assert len(bench.heard(reports.PendingBegan)) == 1
    bench.kernel.pinned.clear()
    bench.run_for(SECOND_US)
    assert bench.kernel.journal[-1] == remove(2)


@pytest.mark.row("back-again")
def test_back_again_drops_the_pending_removal() -> None:
    bench = filled(1, 2)
    bench.kernel.pinned.add("n2")
    bench.manager.membership = membership(1)
    notice(bench)
    bench.kernel.pinned.clear()
    bench.manager.membership = membership(1, member(2, incarnation=9))
    notice(bench)
    assert (bench.kernel.journal, bench.status.state) == ([], State.SYNCED)
    assert [one.done for one in bench.heard(reports.PendingEnded)] == [False]


@pytest.mark.row("inquorate")
def test_inquorate_removals_wait_and_adds_go_on() -> None:
    bench = filled(1, 2)
    bench.manager.membership = membership(1, 3, quorum=Quorum.INQUORATE)
    notice(bench)
    assert bench.kernel.journal == [add(3)]
    assert bench.pending[remove(2)].why is Why.INQUORATE
    bench.manager.membership = membership(1, 3)
    notice(bench)
    assert bench.kernel.journal == [add(3), remove(2)]


@pytest.mark.row("unsettled")
def test_member_that_is_away_for_a_moment_keeps_its_entry() -> None:
    """Real rings merge one member at a time: a quorate view lacks a healthy node for some ms."""
    bench = filled(1, 2, 3, rules=Rules())
    bench.manager.membership = membership(1, 3, absentee(2))
    notice(bench)
    assert bench.pending[remove(2)].why is Why.UNSETTLED
    bench.run_for(SECOND_US - 1)
    bench.manager.membership = membership(1, member(2, incarnation=9), 3)
    notice(bench)
    bench.run_for(RESYNC_US)
    assert (bench.kernel.journal, bench.status.state) == ([], State.SYNCED)
    assert bench.heard(reports.PendingBegan) == bench.heard(reports.PendingEnded) == []


@pytest.mark.row("unsettled")
def test_lost_node_goes_when_the_membership_has_stood_still_and_adds_are_at_once() -> None:
    bench = filled(1, 2, 3, rules=Rules())
    bench.manager.membership = membership(1, 3, 4, absentee(2))
    notice(bench)
    assert bench.kernel.journal == [add(4)]
    bench.run_for(SECOND_US - 1)
    assert bench.kernel.journal == [add(4)]
    bench.run_for(1)
    assert bench.kernel.journal == [add(4), remove(2)]


@pytest.mark.row("two-node")
def test_two_node_waits_until_the_operator_says_that_it_is_down() -> None:
    bench = filled(1, 2)
    bench.manager.membership = membership(1, absentee(2), two_node=True)
    notice(bench)
    assert bench.pending[remove(2)].why is Why.TWO_NODE
    bench.agent.forget("n2")
    bench.settle()
    assert bench.kernel.journal == [remove(2)]
    assert bench.heard(reports.Forgotten) == [reports.Forgotten(node="n2")]


@pytest.mark.row("two-node")
def test_two_node_ends_with_the_managers_fencing_or_by_a_setting() -> None:
    bench = filled(1, 2)
    bench.manager.membership = membership(1, absentee(2, fenced=True), two_node=True)
    notice(bench)
    assert bench.kernel.journal == [remove(2)]
    rules = Rules(removals=RemovalRules(two_node=TwoNodeRule.ALLOW, settle_us=0))
    bench = filled(1, 2, rules=rules)
    bench.manager.membership = membership(1, absentee(2), two_node=True)
    notice(bench)
    assert bench.kernel.journal == [remove(2)]


@pytest.mark.row("two-node")
def test_a_word_about_this_time_does_not_count_the_next_time() -> None:
    bench = filled(1, 2)
    bench.kernel.pinned.add("n2")
    bench.manager.membership = membership(1, absentee(2), two_node=True)
    notice(bench)
    bench.agent.forget("n2")
    bench.settle()
    bench.manager.membership = membership(1, 2, two_node=True)
    notice(bench)
    bench.kernel.pinned.clear()
    bench.manager.membership = membership(1, absentee(2), two_node=True)
    notice(bench)
    assert bench.pending[remove(2)].why is Why.TWO_NODE


def test_a_word_ends_with_the_connection_to_the_manager() -> None:
    """Who was vouched for may have returned and be lost again, and nobody saw it."""
    bench = filled(1, 2)
    bench.kernel.pinned.add("n2")
    bench.manager.membership = membership(1, absentee(2), two_node=True)
    notice(bench)
    bench.agent.forget("n2")
    bench.settle()
    assert bench.pending[remove(2)].why is Why.PINNED
    bench.manager.notices = [ManagerLost(errno=errno.EHOSTDOWN)]
    bench.settle()
    bench.kernel.pinned.clear()
    bench.run_for(RESYNC_US)
    assert bench.pending[remove(2)].why is Why.TWO_NODE


@pytest.mark.parametrize(
    ("name", "reason"), [("n2", "it is a member now"), ("x", "it is not in the table")]
)
def test_what_cannot_be_forgotten_is_refused_with_the_reason(name: str, reason: str) -> None:
    bench = filled(1, 2)
    bench.agent.forget(name)
    bench.settle()
    assert bench.told == [reports.ForgetRefused(node=name, reason=reason)]


def test_a_node_is_forgotten_between_two_steps_too() -> None:
    bench = filled(1, 2)
    bench.manager.membership = membership(1, 3, 4, two_node=True)
    bench.kernel.after = lambda step: bench.agent.forget("n2") if step == add(3) else None
    notice(bench)
    assert bench.kernel.journal == [add(3), remove(2), add(4)]


@pytest.mark.row("quorum-unknown")
def test_quorum_unknown_waits_and_says_so_unless_it_is_ignored() -> None:
    now = membership(1, quorum=Quorum.UNKNOWN)
    bench = filled(1, 2)
    bench.manager.membership = now
    notice(bench)
    assert bench.pending[remove(2)].why is Why.QUORUM_UNKNOWN
    assert bench.status.quorum is Quorum.UNKNOWN
    bench = filled(1, 2, rules=Rules(removals=RemovalRules(quorum=QuorumRule.IGNORE, settle_us=0)))
    bench.manager.membership = now
    notice(bench)
    assert bench.kernel.journal == [remove(2)]


@pytest.mark.row("errno")
def test_every_errno_is_kept_and_shown() -> None:
    bench = filled(1)
    bench.kernel.refusals = [Refuse(step=add(2), errno=errno.ENOMEM, detail="node/n2")]
    bench.manager.membership = membership(1, 2)
    notice(bench)
    assert bench.pending[add(2)].errno == errno.ENOMEM
    assert "ENOMEM at node/n2" in bench.pending[add(2)].reason


def test_attributes_of_the_cluster_come_before_its_nodes_and_are_kept() -> None:
    rules = Rules(attributes={"fence_method": "panic"})
    bench = Bench(membership(1), rules)
    bench.settle()
    step = SetAttribute(cluster=CLUSTER, node=None, attribute="fence_method", value="panic")
    assert bench.kernel.journal == [CREATE, step, add(1), LOCAL]
    bench.run_for(RESYNC_US)
    assert bench.kernel.attribute("fence_method") == "panic"


def test_somebody_who_undoes_every_step_does_not_keep_us_busy() -> None:
    bench = filled(1, 2)
    bench.manager.membership = membership(1)

    def undoes(_: Step) -> None:
        bench.kernel.put_right(2)

    bench.kernel.after = undoes
    notice(bench)
    assert bench.kernel.journal == [remove(2)]
    assert bench.pending[remove(2)].why is Why.IGNORED
    bench.run_for(60 * SECOND_US)
    assert len(bench.kernel.journal) < 10
