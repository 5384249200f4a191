"""The controller in an agent on a single host: steps, and what waits."""

from __future__ import annotations

import errno

import pytest

from fakecluster.testing.examples import CLUSTER, absentee, member, membership
from fakecluster.testing.single_host import (
    CREATE,
    LOCAL,
    NOTICE,
    REGION,
    RESYNC_US,
    Refuse,
    SingleHost,
    add,
    filled,
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
from o2cbd.core.rules import SECOND_US, QuorumRule, RemovalRules, Rules, TwoNodeRule


def test_in_sync_is_never_said_in_the_middle_and_told_anew_after_each_change() -> None:
    """With the new fingerprint: that is what nodes are compared by."""
    host = filled(1)
    seen: list[State] = []
    host.kernel.after = lambda _: seen.append(host.status.state)
    host.manager.membership = membership(1, 2, 3)
    host.notify()
    assert seen == [State.PENDING, State.PENDING]
    told = reports.Synced(nodes=3, fingerprint=host.status.fingerprint)
    assert host.reported(reports.Synced) == [told]


@pytest.mark.row("one-pass")
def test_notices_that_arrive_together_cost_one_pass() -> None:
    host = filled(1)
    readings = len(host.kernel.readings)
    host.manager.notices = [NOTICE, NOTICE, ConfigChange(version=3)]
    host.settle()
    assert len(host.kernel.readings) == readings + 1


@pytest.mark.row("resync")
def test_a_full_resync_every_30_s_finds_what_nobody_announced_and_reads_all_anew() -> None:
    host = filled(1, 2)
    host.kernel.remove("n2")
    host.run_for(RESYNC_US - SECOND_US)
    assert host.kernel.journal == []
    host.run_for(2 * SECOND_US)
    assert host.kernel.journal == [add(2)]
    assert host.kernel.readings[-2:] == [True, False]


@pytest.mark.row("resync")
def test_notices_do_not_put_the_resync_off() -> None:
    host = filled(1)
    for _ in range(31):
        host.run_for(SECOND_US)
        host.notify()
    assert host.kernel.readings[2:].count(True) == 1


@pytest.mark.row("resync")
def test_at_rest_nothing_wakes_but_the_resync() -> None:
    host = filled(1, 2)
    wait = host.settle()
    assert wait.deadline_us == host.clock.now_us() + RESYNC_US
    readings = len(host.kernel.readings)
    host.run_for(10 * RESYNC_US)
    assert len(host.kernel.readings) == readings + 10
    assert host.hold.attempts == 1, "the semaphore is taken around steps only"


@pytest.mark.row("add-fails")
def test_add_fails_is_pending_with_errno_and_retried_less_and_less() -> None:
    host = filled(1)
    host.kernel.refusals = [Refuse(step=add(2), errno=errno.EIO, detail="node/n2")]
    host.manager.membership = membership(1, 2, 3)
    host.notify()
    assert host.kernel.journal == [add(3)]
    pending = host.pending[add(2)]
    assert (pending.why, pending.errno) == (Why.FAILED, errno.EIO)
    since_us = pending.since_us
    host.run_for(20 * SECOND_US)
    assert host.pending[add(2)].since_us == since_us
    assert len(host.reported(reports.PendingBegan)) == 1
    host.kernel.refusals.clear()
    host.run_for(10 * SECOND_US)
    assert host.kernel.journal == [add(3), add(2)]
    assert [one.done for one in host.reported(reports.PendingEnded)] == [True]


@pytest.mark.row("add-fails")
def test_add_fails_is_retried_on_the_next_event() -> None:
    host = filled(1)
    host.kernel.refusals = [Refuse(step=add(2), errno=errno.EIO)]
    host.manager.membership = membership(1, 2)
    host.notify()
    host.kernel.refusals.clear()
    host.notify()
    assert host.kernel.journal == [add(2)]


def test_pauses_begin_anew_for_a_node_that_left_and_joined() -> None:
    host = filled(1)
    host.kernel.refusals = [Refuse(step=add(2), errno=errno.EIO)]
    for now in (membership(1, 2), membership(1), membership(1, 2)):
        host.manager.membership = now
        host.notify()
        host.run_for(15 * SECOND_US)
    host.manager.membership = membership(1)
    host.notify()
    host.manager.membership = membership(1, 2)
    host.notify()
    assert host.settle().deadline_us == host.clock.now_us() + SECOND_US // 4


@pytest.mark.row("add-fails")
def test_add_fails_is_retried_when_what_blocks_it_goes() -> None:
    """In the same pass: the add was refused, and then a removal succeeded."""
    host = filled(1, 2)
    host.kernel.refusals = [Refuse(step=add(3), errno=errno.EEXIST, count=1)]
    host.kernel.put("late", num=9, address="10.0.0.9", port=7777)
    host.kernel.refusals.append(Refuse(step=RemoveNode, errno=errno.EIO, count=1))
    host.manager.membership = membership(1, 2, 3)
    host.notify()
    assert set(host.pending) == {add(3), RemoveNode(cluster=CLUSTER, node="late")}
    wait = host.settle()
    host.clock.advance_to(wait.deadline_us or 0)
    host.settle()
    assert host.status.state is State.SYNCED


@pytest.mark.row("add-waits")
def test_add_waits_for_the_removal_that_frees_its_address() -> None:
    host = filled(1, 2)
    host.kernel.pinned.add("n2")
    host.manager.membership = membership(1, member(3, addresses=("10.0.0.2",)))
    host.notify()
    add3 = add(3, address="10.0.0.2")
    assert host.pending[remove(2)].why is Why.PINNED
    assert host.pending[add3].why is Why.WAITS_FOR_REMOVAL
    host.kernel.pinned.clear()
    host.run_for(SECOND_US)
    assert host.kernel.journal == [remove(2), add3]


@pytest.mark.row("local-retry")
def test_local_retry_goes_on_while_the_address_is_not_there_and_peers_are_added() -> None:
    host = SingleHost(membership(1, 2))
    host.kernel.set_addresses([])
    host.settle()
    assert set(host.kernel.nodes) == {"n1", "n2"}
    assert host.pending[LOCAL].errno == errno.EADDRNOTAVAIL
    host.run_for(60 * SECOND_US)
    host.kernel.set_addresses(["10.0.0.1"])
    host.run_for(SECOND_US)
    assert host.status.state is State.SYNCED
    assert host.kernel.nodes["n1"].local
    assert len(host.reported(reports.PendingBegan)) == 1


@pytest.mark.row("local-wrong")
def test_local_wrong_is_replaced_once_the_region_is_gone() -> None:
    host = SingleHost(membership(1, 2))
    host.kernel.make_cluster(CLUSTER)
    host.kernel.put("n2", num=2, address="10.0.0.2", port=7777, local=True)
    host.kernel.regions = (REGION,)
    host.settle()
    assert host.pending[remove(2)].why is Why.REGION
    assert host.pending[LOCAL].why is Why.WAITS_FOR_REMOVAL
    host.kernel.regions = ()
    host.run_for(10 * SECOND_US)
    assert host.status.state is State.SYNCED
    assert [name for name, one in host.kernel.nodes.items() if one.local] == ["n1"]
    assert host.kernel.violations == []


@pytest.mark.row("replace")
def test_replace_is_a_removal_and_an_add() -> None:
    host = filled(1, 2)
    host.manager.membership = membership(1, member(2, addresses=("10.0.9.2",)))
    host.notify()
    assert host.kernel.journal == [remove(2), add(2, address="10.0.9.2")]


@pytest.mark.row("replace")
def test_an_add_that_fails_after_its_removal_is_retried_at_once_and_is_an_error() -> None:
    host = filled(1, 2)
    new = add(2, address="10.0.9.2")
    host.kernel.refusals = [Refuse(step=new, errno=errno.EIO, count=1)]
    host.manager.membership = membership(1, member(2, addresses=("10.0.9.2",)))
    host.notify()
    assert host.kernel.journal == [remove(2), new]
    assert host.reported(reports.ReplacementFailed) == [
        reports.ReplacementFailed(node="n2", errno=errno.EIO)
    ]


def test_a_swap_of_two_addresses_is_done_in_one_pass() -> None:
    host = filled(1, 2, 3)
    host.manager.membership = membership(
        1, member(2, addresses=("10.0.0.3",)), member(3, addresses=("10.0.0.2",))
    )
    host.notify()
    assert host.status.state is State.SYNCED


def test_half_of_a_swap_that_is_pinned_waits_and_is_done_after_the_pin() -> None:
    """No order helps when nothing tells of the pin before; nothing is lost for good."""
    host = filled(1, 2, 3)
    host.kernel.pinned.add("n3")
    host.manager.membership = membership(
        1, member(2, addresses=("10.0.0.3",)), member(3, addresses=("10.0.0.2",))
    )
    host.notify()
    assert host.pending[remove(3)].why is Why.PINNED
    host.kernel.pinned.clear()
    host.run_for(SECOND_US)
    assert host.status.state is State.SYNCED


@pytest.mark.row("pinned")
def test_a_pinned_node_that_the_heartbeat_shows_is_not_even_tried() -> None:
    host = filled(1, 2)
    host.kernel.live_nums = frozenset({1, 2})
    host.kernel.refusals = [Refuse(step=remove(2), errno=errno.EUCLEAN)]
    host.manager.membership = membership(1)
    host.notify()
    assert host.pending[remove(2)].errno == errno.EBUSY
    host.run_for(60 * SECOND_US)
    assert len(host.reported(reports.PendingBegan)) == 1
    host.kernel.live_nums = frozenset({1})
    host.kernel.refusals.clear()
    host.run_for(SECOND_US)
    assert host.kernel.journal == [remove(2)]


@pytest.mark.row("pinned")
def test_pinned_is_retried_without_noise_and_done_within_a_second_of_the_pins_end() -> None:
    host = filled(1, 2, 3)
    host.kernel.pinned.add("n2")
    host.manager.membership = membership(1, 4)
    host.notify()
    assert host.kernel.journal == [remove(3), add(4)], "everything else goes on"
    host.run_for(60 * SECOND_US)
    assert len(host.reported(reports.PendingBegan)) == 1
    host.kernel.pinned.clear()
    host.run_for(SECOND_US)
    assert host.kernel.journal[-1] == remove(2)


@pytest.mark.row("back-again")
def test_back_again_drops_the_pending_removal() -> None:
    host = filled(1, 2)
    host.kernel.pinned.add("n2")
    host.manager.membership = membership(1)
    host.notify()
    host.kernel.pinned.clear()
    host.manager.membership = membership(1, member(2, incarnation=9))
    host.notify()
    assert (host.kernel.journal, host.status.state) == ([], State.SYNCED)
    assert [one.done for one in host.reported(reports.PendingEnded)] == [False]


@pytest.mark.row("inquorate")
def test_inquorate_removals_wait_and_adds_go_on() -> None:
    host = filled(1, 2)
    host.manager.membership = membership(1, 3, quorum=Quorum.INQUORATE)
    host.notify()
    assert host.kernel.journal == [add(3)]
    assert host.pending[remove(2)].why is Why.INQUORATE
    host.manager.membership = membership(1, 3)
    host.notify()
    assert host.kernel.journal == [add(3), remove(2)]


@pytest.mark.row("unsettled")
def test_member_that_is_away_for_a_moment_keeps_its_entry() -> None:
    """Real rings merge one member at a time: a quorate view lacks a healthy node for some ms."""
    host = filled(1, 2, 3, rules=Rules())
    host.manager.membership = membership(1, 3, absentee(2))
    host.notify()
    assert host.pending[remove(2)].why is Why.UNSETTLED
    host.run_for(SECOND_US - 1)
    host.manager.membership = membership(1, member(2, incarnation=9), 3)
    host.notify()
    host.run_for(RESYNC_US)
    assert (host.kernel.journal, host.status.state) == ([], State.SYNCED)
    assert host.reported(reports.PendingBegan) == []
    assert host.reported(reports.PendingEnded) == []


@pytest.mark.row("unsettled")
def test_lost_node_goes_when_the_membership_has_stood_still_and_adds_are_at_once() -> None:
    host = filled(1, 2, 3, rules=Rules())
    host.manager.membership = membership(1, 3, 4, absentee(2))
    host.notify()
    assert host.kernel.journal == [add(4)]
    host.run_for(SECOND_US - 1)
    assert host.kernel.journal == [add(4)]
    host.run_for(1)
    assert host.kernel.journal == [add(4), remove(2)]


@pytest.mark.row("two-node")
def test_two_node_waits_until_the_operator_says_that_it_is_down() -> None:
    host = filled(1, 2)
    host.manager.membership = membership(1, absentee(2), two_node=True)
    host.notify()
    assert host.pending[remove(2)].why is Why.TWO_NODE
    host.agent.forget("n2")
    host.settle()
    assert host.kernel.journal == [remove(2)]
    assert host.reported(reports.Forgotten) == [reports.Forgotten(node="n2")]


@pytest.mark.row("two-node")
def test_two_node_ends_with_the_managers_fencing_or_by_a_setting() -> None:
    host = filled(1, 2)
    host.manager.membership = membership(1, absentee(2, fenced=True), two_node=True)
    host.notify()
    assert host.kernel.journal == [remove(2)]
    rules = Rules(removals=RemovalRules(two_node=TwoNodeRule.ALLOW, settle_us=0))
    host = filled(1, 2, rules=rules)
    host.manager.membership = membership(1, absentee(2), two_node=True)
    host.notify()
    assert host.kernel.journal == [remove(2)]


@pytest.mark.row("two-node")
def test_a_word_about_this_time_does_not_count_the_next_time() -> None:
    host = filled(1, 2)
    host.kernel.pinned.add("n2")
    host.manager.membership = membership(1, absentee(2), two_node=True)
    host.notify()
    host.agent.forget("n2")
    host.settle()
    host.manager.membership = membership(1, 2, two_node=True)
    host.notify()
    host.kernel.pinned.clear()
    host.manager.membership = membership(1, absentee(2), two_node=True)
    host.notify()
    assert host.pending[remove(2)].why is Why.TWO_NODE


def test_a_word_ends_with_the_connection_to_the_manager() -> None:
    """Who was vouched for may have returned and be lost again, and nobody saw it."""
    host = filled(1, 2)
    host.kernel.pinned.add("n2")
    host.manager.membership = membership(1, absentee(2), two_node=True)
    host.notify()
    host.agent.forget("n2")
    host.settle()
    assert host.pending[remove(2)].why is Why.PINNED
    host.manager.notices = [ManagerLost(errno=errno.EHOSTDOWN)]
    host.settle()
    host.kernel.pinned.clear()
    host.run_for(RESYNC_US)
    assert host.pending[remove(2)].why is Why.TWO_NODE


@pytest.mark.parametrize(
    ("name", "reason"), [("n2", "it is a member now"), ("x", "it is not in the table")]
)
def test_what_cannot_be_forgotten_is_refused_with_the_reason(name: str, reason: str) -> None:
    host = filled(1, 2)
    host.agent.forget(name)
    host.settle()
    assert host.reports == [reports.ForgetRefused(node=name, reason=reason)]


def test_a_node_is_forgotten_between_two_steps_too() -> None:
    host = filled(1, 2)
    host.manager.membership = membership(1, 3, 4, two_node=True)
    host.kernel.after = lambda step: host.agent.forget("n2") if step == add(3) else None
    host.notify()
    assert host.kernel.journal == [add(3), remove(2), add(4)]


@pytest.mark.row("quorum-unknown")
def test_quorum_unknown_waits_and_says_so_unless_it_is_ignored() -> None:
    now = membership(1, quorum=Quorum.UNKNOWN)
    host = filled(1, 2)
    host.manager.membership = now
    host.notify()
    assert host.pending[remove(2)].why is Why.QUORUM_UNKNOWN
    assert host.status.quorum is Quorum.UNKNOWN
    host = filled(1, 2, rules=Rules(removals=RemovalRules(quorum=QuorumRule.IGNORE, settle_us=0)))
    host.manager.membership = now
    host.notify()
    assert host.kernel.journal == [remove(2)]


@pytest.mark.row("errno")
def test_every_errno_is_kept_and_shown() -> None:
    host = filled(1)
    host.kernel.refusals = [Refuse(step=add(2), errno=errno.ENOMEM, detail="node/n2")]
    host.manager.membership = membership(1, 2)
    host.notify()
    assert host.pending[add(2)].errno == errno.ENOMEM
    assert "ENOMEM at node/n2" in host.pending[add(2)].reason


def test_attributes_of_the_cluster_come_before_its_nodes_and_are_kept() -> None:
    rules = Rules(attributes={"fence_method": "panic"})
    host = SingleHost(membership(1), rules)
    host.settle()
    step = SetAttribute(cluster=CLUSTER, node=None, attribute="fence_method", value="panic")
    assert host.kernel.journal == [CREATE, step, add(1), LOCAL]
    host.run_for(RESYNC_US)
    assert host.kernel.attribute("fence_method") == "panic"


def test_somebody_who_undoes_every_step_does_not_keep_us_busy() -> None:
    host = filled(1, 2)
    host.manager.membership = membership(1)

    def undoes(_: Step) -> None:
        host.kernel.put_right(2)

    host.kernel.after = undoes
    host.notify()
    assert host.kernel.journal == [remove(2)]
    assert host.pending[remove(2)].why is Why.IGNORED
    host.run_for(60 * SECOND_US)
    assert len(host.kernel.journal) < 10
