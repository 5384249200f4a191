"""The controller in a whole daemon on a pocket host: rows of the behaviour, one after another."""

from __future__ import annotations

import errno

import pytest

from fakecluster.pocket.bench import Bench
from fakecluster.pocket.examples import CLUSTER, absentee, entry, member, membership, node
from fakecluster.pocket.kernel import Refuse
from o2cbd.core import reports
from o2cbd.core.events import ConfigChange, ManagerLost, ShutdownAsked, StateChange
from o2cbd.core.model import (
    AddNode,
    CreateCluster,
    Holder,
    Quorum,
    Region,
    RemoveNode,
    SetAttribute,
    State,
    Step,
    Tables,
    Usage,
    Why,
)
from o2cbd.core.rules import QuorumRule, RemovalRules, Rules, Scope, TableRules, TwoNodeRule

SECOND_US = 1_000_000
RESYNC_US = 30 * SECOND_US
REGION = Region(name="R1", pid=9)
NOTICE = StateChange(quorate=True)
ASKED = ShutdownAsked(forced=False, removed=False)
CREATE = CreateCluster(cluster=CLUSTER)
LOCAL = SetAttribute(cluster=CLUSTER, node="n1", attribute="local", value="1")


def add(number: int, **changes: object) -> AddNode:
    return AddNode(cluster=CLUSTER, node=node(number, **changes))


def remove(number: int) -> RemoveNode:
    return RemoveNode(cluster=CLUSTER, node=f"n{number}")


def filled(*numbers: int, rules: Rules | None = None) -> Bench:
    """Return a host whose tables hold these nodes, all members, with the daemon at rest."""
    bench = Bench(membership(*numbers), rules)
    bench.settle()
    assert bench.status.state is State.SYNCED
    bench.kernel.journal.clear()
    bench.told.clear()
    return bench


def notice(bench: Bench) -> None:
    bench.manager.notices.append(NOTICE)
    bench.settle()


# --- start and the world around ------------------------------------------------------------------


def test_the_first_fill_makes_the_cluster_then_us_then_the_others() -> None:
    bench = Bench(membership(1, 2, 3))
    bench.settle()
    assert bench.kernel.journal == [CREATE, add(1), LOCAL, add(2), add(3)]
    assert (bench.status.state, bench.status.first_pass_done) == (State.SYNCED, True)
    assert bench.heard(reports.Synced) == [
        reports.Synced(nodes=3, fingerprint=bench.status.fingerprint)
    ]
    assert not bench.hold.ours


def test_start_wait_goes_on_with_back_off_and_says_once_what_it_waits_for() -> None:
    bench = Bench()
    bench.manager.connect_error = FileNotFoundError(errno.ENOENT, "no socket")
    bench.run_for(20 * SECOND_US)
    assert bench.status.state is State.WAITING
    assert "no socket" in bench.status.reason
    (told,) = bench.heard(reports.ManagerAwaited)
    assert told.errno == errno.ENOENT
    assert bench.kernel.readings == []
    bench.manager.connect_error = None
    bench.run_for(10 * SECOND_US)
    assert bench.status.state is State.SYNCED


def test_start_adopt_touches_no_right_entry() -> None:
    """Mounted file systems stand on them."""
    bench = Bench(membership(1, 2, 3))
    bench.kernel.make_cluster(CLUSTER)
    for number in (1, 2):
        bench.kernel.put_right(number)
    bench.settle()
    assert bench.kernel.journal == [add(3)]


def test_kill_9_is_healed_by_the_next_start_wherever_it_came() -> None:
    """The table is as any prefix of the writes left it; right entries keep their directory."""
    for port, address in ((None, None), (7777, None), (7777, "10.0.0.2")):
        bench = Bench(membership(1, 2))
        bench.kernel.make_cluster(CLUSTER)
        bench.kernel.put_right(1)
        inode = bench.kernel.inode_of("n1")
        bench.kernel.put("n2", port=port, address=address)
        bench.settle()
        assert bench.status.state is State.SYNCED
        assert bench.kernel.inode_of("n1") == inode
        assert bench.kernel.nodes["n2"].num == 2


def test_not_a_member_does_nothing_and_waits() -> None:
    bench = filled(1, 2)
    for now in (membership(2), membership()):
        bench.manager.membership = now
        notice(bench)
        assert bench.status.state is State.WAITING
        assert bench.status.reason == "this node is not a member of its cluster"
    assert bench.kernel.journal == []
    assert len(bench.heard(reports.Blocked)) == 1
    bench.manager.membership = membership(1, 2)
    notice(bench)
    assert bench.status.state is State.SYNCED


def test_not_configfs_blocks_with_what_to_do_and_is_looked_at_again() -> None:
    bench = Bench(membership(1))
    bench.kernel.read_error = OSError(errno.EIO, "broken", "node/n2")
    bench.settle()
    assert bench.status.state is State.WAITING
    assert bench.status.reason == "configfs cannot be read at node/n2 (EIO)"
    assert not bench.status.first_pass_done
    bench.run_for(9 * SECOND_US)
    assert len(bench.heard(reports.Blocked)) == 1
    readings = len(bench.kernel.readings)
    assert readings < 10, "the pauses grow"
    assert all(bench.kernel.readings), "nothing that was kept is used after a failure"
    bench.kernel.read_error = None
    bench.run_for(10 * SECOND_US)
    assert bench.status.state is State.SYNCED


def test_a_directory_in_the_place_of_configfs_blocks_with_what_to_do() -> None:
    """The tree has taken the directory away again."""
    bench = Bench(membership(1))
    told = "not an o2cb configfs: mount configfs"
    bench.kernel.refusals = [Refuse(step=CREATE, errno=errno.ENODEV, detail=told)]
    bench.settle()
    assert bench.status.state is State.WAITING
    assert told in bench.status.reason
    assert not bench.status.first_pass_done
    bench.kernel.refusals.clear()
    bench.run_for(SECOND_US)
    assert bench.status.state is State.SYNCED


def test_a_foreign_cluster_is_not_touched_and_ours_waits_for_its_end() -> None:
    bench = Bench(membership(1))
    bench.kernel.make_cluster("beta")
    bench.kernel.put_right(1)
    bench.settle()
    assert bench.kernel.journal == []
    assert bench.status.state is State.PENDING
    pending = bench.pending[CREATE]
    assert (pending.why, pending.errno) == (Why.FOREIGN_CLUSTER, errno.ENOSPC)
    assert "beta" in pending.reason
    bench.kernel.lose_tables()
    bench.run_for(10 * SECOND_US)
    assert bench.status.state is State.SYNCED


def test_a_cluster_name_that_is_not_the_confirmed_one_ends_the_start_with_78() -> None:
    bench = Bench(membership(1), Rules(cluster="beta"))
    wait = bench.settle()
    assert (bench.agent.exit_code, wait.deadline_us) == (78, None)
    assert bench.kernel.readings == []
    assert bench.manager.open == 0
    assert bench.heard(reports.WrongCluster) == [reports.WrongCluster(wanted="beta", found=CLUSTER)]


def test_a_cluster_name_that_changes_later_is_no_step_and_no_end() -> None:
    bench = filled(1, rules=Rules(cluster=CLUSTER))
    bench.manager.membership = membership(1, 2, cluster="beta")
    notice(bench)
    assert (bench.agent.exit_code, bench.kernel.journal) == (None, [])
    assert bench.status.state is State.WAITING
    assert "never re-created" in bench.status.reason
    bench.manager.membership = membership(1, 2)
    notice(bench)
    assert bench.kernel.journal == [add(2)]


@pytest.mark.parametrize("name", ["", "a" * 17, "my-cluster"])
def test_a_cluster_name_that_ocfs2_cannot_have_is_no_step_with_the_reason(name: str) -> None:
    bench = Bench(membership(1, cluster=name))
    bench.settle()
    assert (bench.status.state, bench.kernel.readings) == (State.WAITING, [])
    assert bench.status.reason


def test_manager_lost_keeps_configfs_and_connects_again() -> None:
    bench = filled(1, 2)
    bench.manager.die()
    wait = bench.settle()
    assert (bench.status.state, wait.fd) == (State.LOST, None)
    assert "EHOSTDOWN" in bench.status.reason
    assert bench.manager.open == 0
    bench.run_for(20 * SECOND_US)
    assert bench.status.state is State.LOST
    bench.manager.connect_error = None
    bench.manager.membership = membership(1)
    bench.run_for(10 * SECOND_US)
    assert (bench.status.state, bench.manager.connections) == (State.SYNCED, 2)
    assert bench.kernel.journal == [remove(2)]
    assert [type(one) for one in bench.told[:3]] == [
        reports.ManagerGone,
        reports.ManagerAwaited,
        reports.ManagerReached,
    ]


def test_a_manager_that_dies_while_it_is_read_is_lost() -> None:
    """A dying manager's socket may still take a connection."""
    bench = Bench()
    bench.manager.membership = membership(1)
    bench.agent.step()
    bench.manager.gone = True
    notice(bench)
    assert bench.status.state is State.LOST


def test_a_failed_read_keeps_the_last_good_view_and_is_retried() -> None:
    """Of the nodes that leave meanwhile none is missed."""
    bench = filled(1, 2, 3)
    bench.manager.membership = membership(1, 2)
    bench.manager.read_errors = [OSError(errno.EINVAL, "no"), OSError(errno.EINVAL, "no")]
    notice(bench)
    assert bench.status.state is State.WAITING
    assert [one.id for one in bench.status.members] == [1, 2, 3]
    bench.run_for(SECOND_US)
    assert bench.kernel.journal == [remove(3)]
    assert len(bench.heard(reports.MembershipUnreadable)) == 1


# --- stopping ------------------------------------------------------------------------------------


def test_sigterm_leaves_the_tables_and_ends_with_0() -> None:
    bench = filled(1, 2)
    bench.agent.stop()
    wait = bench.step()
    assert (bench.agent.exit_code, wait.fd, wait.deadline_us) == (0, None, None)
    assert bench.status.state is State.STOPPING
    assert (bench.kernel.journal, bench.manager.open) == ([], 0)
    assert bench.heard(reports.Stopping) == [reports.Stopping(in_use="")]
    assert bench.hold.closed
    assert bench.kernel.closed


def test_sigterm_in_use_says_that_nobody_vetoes_a_shutdown_any_more() -> None:
    bench = filled(1)
    bench.usage.usage = Usage(mounts=("/mnt",))
    bench.agent.stop()
    bench.step()
    assert bench.heard(reports.Stopping) == [reports.Stopping(in_use="OCFS2 is mounted at /mnt")]


def test_sigterm_answers_an_open_question_first() -> None:
    bench = filled(1)
    bench.manager.notices.append(ASKED)
    bench.agent.stop()
    bench.step()
    assert (bench.manager.replies, bench.agent.exit_code) == ([True], 0)
    assert [type(one) for one in bench.told] == [reports.Voted, reports.Stopping]


def test_sigterm_ends_while_there_is_no_manager() -> None:
    bench = Bench()
    bench.manager.connect_error = OSError(errno.ENOENT, "no socket")
    bench.settle()
    bench.agent.stop()
    bench.step()
    assert bench.agent.exit_code == 0


def test_sigterm_ends_although_the_manager_dies_at_the_same_moment() -> None:
    """Nobody would come back to end it otherwise."""
    bench = filled(1)
    bench.manager.die()
    bench.agent.stop()
    bench.step()
    assert bench.agent.exit_code == 0


def test_sigterm_between_two_steps_gives_the_hold_back() -> None:
    bench = filled(1)
    bench.manager.membership = membership(1, 2, 3)
    bench.kernel.after = lambda _: bench.agent.stop()
    notice(bench)
    assert bench.kernel.journal == [add(2)]
    assert (bench.agent.exit_code, bench.hold.ours) == (0, False)


def test_after_the_end_nothing_happens() -> None:
    bench = filled(1)
    bench.agent.stop()
    bench.step()
    told = len(bench.told)
    bench.agent.stop()
    bench.agent.forget("n2")
    assert bench.step().deadline_us is None
    assert len(bench.told) == told


# --- who is in the table -------------------------------------------------------------------------


def test_scope_configured_keeps_lost_nodes_in_the_table() -> None:
    rules = Rules(table=TableRules(scope=Scope.CONFIGURED))
    bench = Bench(membership(1, absentee(2, addresses=("10.0.0.2",))), rules)
    bench.settle()
    assert list(bench.kernel.nodes) == ["n1", "n2"]


def test_who_is_left_out_is_told_once_and_shown() -> None:
    bench = Bench(membership(1, 300))
    bench.settle()
    bench.run_for(2 * RESYNC_US)
    assert [one.id for one in bench.heard(reports.NodeLeftOut)] == [300]
    assert [one.id for one in bench.status.left_out] == [300]
    assert bench.status.state is State.SYNCED


def test_a_new_incarnation_is_noticed_and_the_right_entry_left_alone() -> None:
    bench = filled(1, 2)
    bench.manager.membership = membership(1, member(2, incarnation=9))
    notice(bench)
    assert bench.kernel.journal == []
    assert bench.heard(reports.MemberRejoined) == [
        reports.MemberRejoined(id=2, name="n2", was=4, incarnation=9)
    ]


def test_a_new_incarnation_under_a_hold_is_noticed_too() -> None:
    bench = filled(1, 2)
    bench.hold.held_by = 7
    bench.manager.membership = membership(1, member(2, incarnation=9), 3)
    notice(bench)
    bench.hold.held_by = None
    bench.run_for(SECOND_US)
    assert bench.kernel.journal == [add(3)]
    assert len(bench.heard(reports.MemberRejoined)) == 1


def test_a_stale_entry_is_removed_like_a_departed_node() -> None:
    bench = Bench(membership(1, quorum=Quorum.INQUORATE))
    bench.kernel.make_cluster(CLUSTER)
    bench.kernel.put("stale", num=9, address="10.0.0.9", port=7777)
    bench.settle()
    assert "stale" in bench.kernel.nodes
    bench.manager.membership = membership(1)
    notice(bench)
    assert list(bench.kernel.nodes) == ["n1"]


# --- doing it ------------------------------------------------------------------------------------


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


def test_notices_that_arrive_together_cost_one_pass() -> None:
    bench = filled(1)
    readings = len(bench.kernel.readings)
    bench.manager.notices = [NOTICE, NOTICE, ConfigChange(version=3)]
    bench.settle()
    assert len(bench.kernel.readings) == readings + 1


def test_a_full_resync_every_30_s_finds_what_nobody_announced_and_reads_all_anew() -> None:
    bench = filled(1, 2)
    bench.kernel.take_away("n2")
    bench.run_for(RESYNC_US - SECOND_US)
    assert bench.kernel.journal == []
    bench.run_for(2 * SECOND_US)
    assert bench.kernel.journal == [add(2)]
    assert bench.kernel.readings[-2:] == [True, False]


def test_notices_do_not_put_the_resync_off() -> None:
    bench = filled(1)
    for _ in range(31):
        bench.run_for(SECOND_US)
        notice(bench)
    assert bench.kernel.readings[2:].count(True) == 1


def test_at_rest_nothing_wakes_but_the_resync() -> None:
    bench = filled(1, 2)
    wait = bench.settle()
    assert wait.deadline_us == bench.clock.now_us() + RESYNC_US
    readings = len(bench.kernel.readings)
    bench.run_for(10 * RESYNC_US)
    assert len(bench.kernel.readings) == readings + 10
    assert bench.hold.looks == 1, "the semaphore is taken around steps only"


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


def test_replace_is_a_removal_and_an_add() -> None:
    bench = filled(1, 2)
    bench.manager.membership = membership(1, member(2, addresses=("10.0.9.2",)))
    notice(bench)
    assert bench.kernel.journal == [remove(2), add(2, address="10.0.9.2")]


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


def test_inquorate_removals_wait_and_adds_go_on() -> None:
    bench = filled(1, 2)
    bench.manager.membership = membership(1, 3, quorum=Quorum.INQUORATE)
    notice(bench)
    assert bench.kernel.journal == [add(3)]
    assert bench.pending[remove(2)].why is Why.INQUORATE
    bench.manager.membership = membership(1, 3)
    notice(bench)
    assert bench.kernel.journal == [add(3), remove(2)]


def test_two_node_waits_until_the_operator_says_that_it_is_down() -> None:
    bench = filled(1, 2)
    bench.manager.membership = membership(1, absentee(2), two_node=True)
    notice(bench)
    assert bench.pending[remove(2)].why is Why.TWO_NODE
    bench.agent.forget("n2")
    bench.settle()
    assert bench.kernel.journal == [remove(2)]
    assert bench.heard(reports.Forgotten) == [reports.Forgotten(node="n2")]


def test_two_node_ends_with_the_managers_fencing_or_by_a_setting() -> None:
    bench = filled(1, 2)
    bench.manager.membership = membership(1, absentee(2, fenced=True), two_node=True)
    notice(bench)
    assert bench.kernel.journal == [remove(2)]
    rules = Rules(removals=RemovalRules(two_node=TwoNodeRule.ALLOW))
    bench = filled(1, 2, rules=rules)
    bench.manager.membership = membership(1, absentee(2), two_node=True)
    notice(bench)
    assert bench.kernel.journal == [remove(2)]


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


def test_quorum_unknown_waits_and_says_so_unless_it_is_ignored() -> None:
    now = membership(1, quorum=Quorum.UNKNOWN)
    bench = filled(1, 2)
    bench.manager.membership = now
    notice(bench)
    assert bench.pending[remove(2)].why is Why.QUORUM_UNKNOWN
    assert bench.status.quorum is Quorum.UNKNOWN
    bench = filled(1, 2, rules=Rules(removals=RemovalRules(quorum=QuorumRule.IGNORE)))
    bench.manager.membership = now
    notice(bench)
    assert bench.kernel.journal == [remove(2)]


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


# --- the semaphore -------------------------------------------------------------------------------


def test_while_somebody_holds_there_is_no_step_and_what_waits_is_shown() -> None:
    bench = filled(1)
    bench.hold.held_by = 7
    bench.manager.membership = membership(1, 2)
    notice(bench)
    assert (bench.kernel.journal, bench.status.state) == ([], State.HELD)
    assert bench.status.hold == Holder(pid=7, since_us=bench.clock.now_us())
    assert bench.pending[add(2)].why is Why.HELD


def test_on_release_only_the_difference_that_is_left_is_applied() -> None:
    bench = filled(1, 2)
    bench.hold.held_by = 7
    for now in (membership(1, 2, 3), membership(1, 3), membership(1, 2, 4)):
        bench.manager.membership = now
        notice(bench)
    bench.hold.held_by = None
    bench.run_for(SECOND_US // 4)
    assert bench.kernel.journal == [add(4)]
    assert bench.status.state is State.SYNCED
    assert len(bench.heard(reports.HoldSeen)) == len(bench.heard(reports.HoldGone)) == 1


def test_a_hold_is_looked_at_every_250_ms_and_warned_of_after_60_s() -> None:
    bench = filled(1)
    bench.hold.held_by = 7
    bench.manager.membership = membership(1, 2)
    notice(bench)
    looks = bench.hold.looks
    bench.run_for(59 * SECOND_US)
    assert bench.hold.looks == looks + 59 * 4
    assert bench.heard(reports.HoldOld) == []
    bench.run_for(61 * SECOND_US)
    (told,) = bench.heard(reports.HoldOld)
    assert (told.pid, told.seconds) == (7, 60)
    assert told.waiting == ("add node n2 (2, 10.0.0.2:7777)",)


def test_a_failure_from_before_the_hold_does_not_spin_under_it() -> None:
    """Its time to be tried again passes while the hold lasts."""
    bench = filled(1)
    bench.kernel.refusals = [Refuse(step=add(2), errno=errno.EIO)]
    bench.manager.membership = membership(1, 2)
    notice(bench)
    bench.hold.held_by = 7
    looks = bench.hold.looks
    bench.run_for(10 * SECOND_US)
    assert bench.hold.looks <= looks + 41


def test_a_hold_ends_for_us_when_nothing_waits_for_it() -> None:
    bench = filled(1)
    bench.hold.held_by = 7
    bench.manager.membership = membership(1, 2)
    notice(bench)
    bench.manager.membership = membership(1)
    notice(bench)
    assert (bench.status.state, bench.status.hold) == (State.SYNCED, None)


def test_without_a_usable_semaphore_nothing_is_changed() -> None:
    bench = filled(1)
    bench.hold.error = PermissionError(errno.EACCES, "no")
    bench.manager.membership = membership(1, 2)
    notice(bench)
    assert (bench.kernel.journal, bench.status.state) == ([], State.WAITING)
    assert "EACCES" in bench.status.reason
    assert bench.pending[add(2)].errno == errno.EACCES
    bench.run_for(20 * SECOND_US)
    assert len(bench.heard(reports.HoldUnusable)) == 1
    bench.hold.error = None
    bench.run_for(10 * SECOND_US)
    assert bench.kernel.journal == [add(2)]


def test_the_hold_is_ours_around_steps_and_never_over_a_wait() -> None:
    bench = filled(1)
    held = []
    bench.kernel.after = lambda _: held.append(bench.hold.ours)
    bench.manager.membership = membership(1, 2, 3)
    notice(bench)
    assert held == [True, True]
    assert not bench.hold.ours


def test_the_hold_is_given_back_when_the_tables_cannot_be_read_after_a_step() -> None:
    bench = filled(1)

    def breaks(_: Step) -> None:
        bench.kernel.read_error = OSError(errno.EIO, "broken")

    bench.kernel.after = breaks
    bench.manager.membership = membership(1, 2)
    notice(bench)
    assert not bench.hold.ours
    assert bench.status.reason == "configfs cannot be read (EIO)"


# --- the shutdown question -----------------------------------------------------------------------


def test_a_question_is_answered_at_once_and_once() -> None:
    bench = filled(1)
    bench.manager.notices.append(ASKED)
    bench.step()
    assert (bench.manager.replies, bench.usage.asked) == ([True], [CLUSTER])
    bench.settle()
    bench.run_for(RESYNC_US)
    assert bench.manager.replies == [True]
    assert bench.status.vote is not None
    assert bench.status.vote.yes


def test_in_use_is_a_no_and_nothing_is_torn_down() -> None:
    bench = filled(1, 2)
    bench.usage.usage = Usage(regions=(REGION,))
    bench.manager.notices.append(ASKED)
    bench.settle()
    assert (bench.manager.replies, bench.kernel.journal) == ([False], [])
    assert bench.heard(reports.Voted)[0].reason == "heartbeat runs in R1"
    bench.usage.usage = Usage()
    bench.manager.notices.append(ASKED)
    bench.settle()
    assert (bench.manager.replies, bench.kernel.journal) == ([False, True], [])


def test_a_forced_question_is_answered_the_same_way_and_the_log_says_it_is_not_heeded() -> None:
    bench = filled(1)
    bench.usage.usage = Usage(mounts=("/mnt",))
    bench.manager.notices.append(ShutdownAsked(forced=True, removed=True))
    bench.settle()
    assert bench.manager.replies == [False]
    assert "will not be heeded" in bench.heard(reports.Voted)[0].text
    assert bench.status.vote is not None
    assert (bench.status.vote.forced, bench.status.vote.removed) == (True, True)


def test_of_two_questions_in_one_dispatch_one_is_open_and_gets_one_answer() -> None:
    """The first timed out while we were away; two answers would both count for the second."""
    bench = filled(1)
    bench.manager.notices += [ASKED, ShutdownAsked(forced=True, removed=False)]
    bench.settle()
    assert bench.manager.replies == [True]
    assert bench.status.vote is not None
    assert bench.status.vote.forced


def test_a_question_in_the_middle_of_a_pass_is_answered_between_two_steps() -> None:
    bench = filled(1)
    bench.manager.membership = membership(1, 2, 3)
    replied: list[int] = []

    def asks(step: Step) -> None:
        replied.append(len(bench.manager.replies))
        if step == add(2):
            bench.manager.notices.append(ASKED)

    bench.kernel.after = asks
    notice(bench)
    assert replied == [0, 1]
    assert bench.status.state is State.SYNCED


def test_a_question_dies_with_its_connection_and_is_answered_anew_after_it() -> None:
    bench = filled(1)
    bench.manager.notices += [ASKED]
    bench.manager.gone = True
    bench.settle()
    assert (bench.manager.replies, bench.status.state) == ([], State.LOST)
    bench.run_for(SECOND_US)
    bench.manager.notices.append(ASKED)
    bench.settle()
    assert bench.manager.replies == [True]


def test_a_question_and_the_death_in_one_dispatch_is_no_answer() -> None:
    bench = filled(1)
    bench.manager.notices += [ASKED, ManagerLost(errno=errno.EHOSTDOWN)]
    bench.settle()
    assert (bench.manager.replies, bench.usage.asked) == ([], [])
    assert bench.status.state is State.LOST
    bench.run_for(SECOND_US)
    assert bench.status.state is State.SYNCED
    assert bench.manager.replies == []  # on the next connection nobody has asked


def test_before_the_cluster_is_known_nobody_can_say_who_holds_and_the_vote_is_no() -> None:
    """Any cluster counts then, but the semaphore goes by the cluster's name."""
    bench = Bench()
    bench.manager.read_errors = [OSError(errno.ENOMEM, "no reading yet")] * 2
    bench.manager.notices.append(ASKED)
    bench.step()
    assert bench.usage.asked == [None]
    assert bench.manager.replies == [False]
    reason = "cannot read who holds: the cluster's name is not known yet"
    assert bench.heard(reports.Voted)[0].reason == reason
    bench.run_for(SECOND_US)
    bench.manager.notices.append(ASKED)
    bench.settle()
    assert bench.manager.replies == [False, True]


def test_an_end_before_the_cluster_is_known_is_no_end_in_use() -> None:
    bench = Bench()
    bench.manager.read_errors = [OSError(errno.ENOMEM, "no reading yet")]
    bench.step()
    bench.agent.stop()
    bench.settle()
    assert [told.in_use for told in bench.heard(reports.Stopping)] == [""]


def test_a_manager_that_dies_between_two_steps_is_lost_and_the_hold_given_back() -> None:
    bench = filled(1)
    bench.manager.membership = membership(1, 2, 3)
    bench.kernel.after = lambda _: bench.manager.die()
    notice(bench)
    assert bench.kernel.journal == [add(2)]
    assert (bench.status.state, bench.hold.ours) == (State.LOST, False)


def test_a_notice_between_two_steps_begins_the_pass_anew() -> None:
    """n3 has left again before it was added."""
    bench = filled(1)
    bench.manager.membership = membership(1, 2, 3)

    def changes(_: Step) -> None:
        bench.manager.membership = membership(1, 2)
        bench.manager.notices.append(NOTICE)

    bench.kernel.after = changes
    notice(bench)
    assert bench.kernel.journal == [add(2)]
    assert bench.status.state is State.SYNCED


def test_what_a_pass_did_before_a_notice_ended_it_is_not_told_as_dropped() -> None:
    """n3 waited, is removed when quorum is back, and n4 joins at that moment."""
    bench = filled(1, 2, 3)
    bench.manager.membership = membership(1, 2, quorum=Quorum.INQUORATE)
    notice(bench)
    assert bench.pending[remove(3)].why is Why.INQUORATE
    bench.manager.membership = membership(1, 2)

    def joins(_: Step) -> None:
        bench.kernel.after = None
        bench.manager.membership = membership(1, 2, 4)
        bench.manager.notices.append(NOTICE)

    bench.kernel.after = joins
    notice(bench)
    assert bench.kernel.journal == [remove(3), add(4)]
    assert [(one.pending.step, one.done) for one in bench.heard(reports.PendingEnded)] == [
        (remove(3), True)
    ]


def test_an_entry_of_ours_with_0_0_0_0_written_into_it_is_never_removed() -> None:
    bench = Bench(membership(1, 2))
    bench.kernel.make_cluster(CLUSTER)
    bench.kernel.put("n2", port=7777, address="0.0.0.0")
    bench.settle()
    bench.run_for(2 * RESYNC_US)
    assert bench.kernel.crimes == []
    assert bench.pending[remove(2)].why is Why.UNSAFE
    assert bench.status.entries[1] == entry(
        2, inode=bench.kernel.inode_of("n2"), num=0, address="0.0.0.0"
    )


# --- nothing from a stale view -------------------------------------------------------------------


def quorum_goes(bench: Bench) -> None:
    bench.manager.membership = membership(1, 2, quorum=Quorum.INQUORATE)
    bench.manager.notices.append(StateChange(quorate=False))


def test_no_removal_follows_a_reading_of_the_tables_during_which_quorum_went() -> None:
    """A reading may be stuck for minutes: what was announced meanwhile is heard before a step."""
    bench = filled(1, 2, 3)
    bench.manager.membership = membership(1, 2)
    read = bench.kernel.read

    def read_slowly(*args: object, **kwargs: object) -> Tables:
        found = read(*args, **kwargs)  # type: ignore[arg-type]
        bench.kernel.read = read  # type: ignore[method-assign]
        quorum_goes(bench)
        return found

    bench.kernel.read = read_slowly  # type: ignore[method-assign]
    notice(bench)
    assert (bench.kernel.journal, bench.pending[remove(3)].why) == ([], Why.INQUORATE)
    assert not bench.hold.ours


def test_no_removal_of_a_second_round_is_from_before_a_notice() -> None:
    """The tables are read again between two rounds, and that may take as long."""
    bench = filled(1, 2, 3)
    bench.manager.membership = membership(1, 2)
    bench.kernel.put("n4", num=4, address="10.0.0.4", port=7777)
    bench.kernel.pinned = {"n3", "n4"}
    notice(bench)
    bench.kernel.pinned = set()
    read, rounds = bench.kernel.read, [0]

    def read_twice(*args: object, **kwargs: object) -> Tables:
        found = read(*args, **kwargs)  # type: ignore[arg-type]
        rounds[0] += 1
        if rounds[0] == 2:
            bench.kernel.put("n5", num=5, address="10.0.0.5", port=7777)
            found = read(*args, **kwargs)  # type: ignore[arg-type]
            quorum_goes(bench)
        return found

    bench.kernel.read = read_twice  # type: ignore[method-assign]
    bench.run_for(SECOND_US)
    assert rounds[0] > 2
    assert bench.kernel.journal == [remove(3), remove(4)]
    assert bench.pending[remove(5)].why is Why.INQUORATE


def test_a_stop_during_the_reading_of_the_tables_leaves_them_as_they_are() -> None:
    bench = filled(1, 2, 3)
    bench.manager.membership = membership(1, 2)
    read = bench.kernel.read

    def stop_meanwhile(*args: object, **kwargs: object) -> Tables:
        bench.agent.stop()
        return read(*args, **kwargs)  # type: ignore[arg-type]

    bench.kernel.read = stop_meanwhile  # type: ignore[method-assign]
    notice(bench)
    assert (bench.kernel.journal, bench.agent.exit_code) == ([], 0)


def test_a_question_during_the_reading_of_the_tables_is_answered_before_a_step() -> None:
    bench = filled(1, 2, 3)
    bench.manager.membership = membership(1, 2)
    read = bench.kernel.read

    def ask_meanwhile(*args: object, **kwargs: object) -> Tables:
        bench.kernel.read = read  # type: ignore[method-assign]
        bench.manager.notices.append(ASKED)
        return read(*args, **kwargs)  # type: ignore[arg-type]

    bench.kernel.read = ask_meanwhile  # type: ignore[method-assign]
    notice(bench)
    assert (bench.manager.replies, bench.kernel.journal) == ([True], [remove(3)])
    order = [type(one) for one in bench.told]
    assert order.index(reports.Voted) < order.index(reports.StepApplied)


# --- what is still to be done --------------------------------------------------------------------


def test_the_status_shows_the_steps_that_are_left_while_they_are_done() -> None:
    """For who asks while a step is slow, or stuck."""
    bench = Bench(membership(1, 2))
    seen: list[tuple[Step, ...]] = []
    bench.kernel.after = lambda _step: seen.append(bench.status.steps)
    bench.settle()
    assert seen == [(CREATE,), (add(1), LOCAL, add(2)), (LOCAL, add(2)), (add(2),)]
    assert bench.status.steps == ()


def test_no_step_is_left_that_waits_for_a_release_a_manager_or_nothing_any_more() -> None:
    held = filled(1, 2)
    held.hold.held_by = 7
    held.manager.membership = membership(1)
    notice(held)
    assert (held.status.steps, list(held.pending)) == ((), [remove(2)])
    lost = Bench(membership(1, 2))

    def die(_step: Step) -> None:
        lost.manager.notices.append(ManagerLost(errno=errno.EHOSTDOWN))
        lost.manager.connect_error = OSError(errno.ECONNREFUSED, "nobody listens")

    lost.kernel.after = die
    lost.settle()
    assert (lost.kernel.journal, lost.status.state, lost.status.steps) == (
        [CREATE],
        State.LOST,
        (),
    )
    stopped = Bench(membership(1, 2, 3))
    stopped.kernel.make_cluster(CLUSTER)
    stopped.kernel.after = lambda _step: stopped.agent.stop()
    stopped.settle()
    assert (stopped.kernel.journal, stopped.status.steps) == ([add(1)], ())
