"""The controller in a whole daemon on a pocket host: it starts, stops, loses its manager."""

from __future__ import annotations

import errno

import pytest

from fakecluster.pocket.bench import Bench
from fakecluster.pocket.examples import CLUSTER, membership
from fakecluster.pocket.kernel import Refuse
from fakecluster.pocket.situations import (
    ASKED,
    CREATE,
    LOCAL,
    SECOND_US,
    add,
    filled,
    notice,
    remove,
)
from o2cbd.core import reports
from o2cbd.core.model import (
    State,
    Usage,
    Why,
)
from o2cbd.core.rules import Rules

# --- start and the world around ------------------------------------------------------------------


@pytest.mark.row("order")
def test_the_first_fill_makes_the_cluster_then_us_then_the_others() -> None:
    bench = Bench(membership(1, 2, 3))
    bench.settle()
    assert bench.kernel.journal == [CREATE, add(1), LOCAL, add(2), add(3)]
    assert (bench.status.state, bench.status.first_pass_done) == (State.SYNCED, True)
    assert bench.heard(reports.Synced) == [
        reports.Synced(nodes=3, fingerprint=bench.status.fingerprint)
    ]
    assert not bench.hold.ours


@pytest.mark.row("start-wait")
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


@pytest.mark.row("start-adopt")
def test_start_adopt_touches_no_right_entry() -> None:
    """Mounted file systems stand on them."""
    bench = Bench(membership(1, 2, 3))
    bench.kernel.make_cluster(CLUSTER)
    for number in (1, 2):
        bench.kernel.put_right(number)
    bench.settle()
    assert bench.kernel.journal == [add(3)]


@pytest.mark.row("kill-9")
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


@pytest.mark.row("not-a-member")
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


@pytest.mark.row("not-configfs")
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


@pytest.mark.row("not-configfs")
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


@pytest.mark.row("foreign-cluster")
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


@pytest.mark.row("cluster-name")
def test_a_cluster_name_that_is_not_the_confirmed_one_ends_the_start_with_78() -> None:
    bench = Bench(membership(1), Rules(cluster="beta"))
    wait = bench.settle()
    assert (bench.agent.exit_code, wait.deadline_us) == (78, None)
    assert bench.kernel.readings == []
    assert bench.manager.open == 0
    assert bench.heard(reports.WrongCluster) == [reports.WrongCluster(wanted="beta", found=CLUSTER)]


@pytest.mark.row("cluster-name")
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


@pytest.mark.row("cluster-name")
@pytest.mark.parametrize("name", ["", "a" * 17, "my-cluster"])
def test_a_cluster_name_that_ocfs2_cannot_have_is_no_step_with_the_reason(name: str) -> None:
    bench = Bench(membership(1, cluster=name))
    bench.settle()
    assert (bench.status.state, bench.kernel.readings) == (State.WAITING, [])
    assert bench.status.reason


@pytest.mark.row("manager-lost")
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


def test_a_removal_waits_anew_after_each_connection() -> None:
    """Nobody knows who came and went meanwhile."""
    bench = filled(1, 2, rules=Rules())
    bench.manager.membership = membership(1)
    notice(bench)
    assert bench.pending[remove(2)].why is Why.UNSETTLED
    bench.run_for(SECOND_US // 2)
    bench.manager.die()
    bench.settle()
    bench.manager.connect_error = None
    bench.run_for(SECOND_US * 3 // 4)
    assert bench.pending[remove(2)].why is Why.UNSETTLED
    bench.run_for(2 * SECOND_US)
    assert bench.status.state is State.SYNCED
    assert remove(2) in bench.kernel.journal


def test_a_manager_that_dies_while_it_is_read_is_lost() -> None:
    """A dying manager's socket may still take a connection."""
    bench = Bench()
    bench.manager.membership = membership(1)
    bench.agent.step()
    bench.manager.gone = True
    notice(bench)
    assert bench.status.state is State.LOST


@pytest.mark.row("read-fails")
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


@pytest.mark.row("sigterm")
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


@pytest.mark.row("sigterm")
def test_sigterm_in_use_says_that_nobody_vetoes_a_shutdown_any_more() -> None:
    bench = filled(1)
    bench.usage.usage = Usage(mounts=("/mnt",))
    bench.agent.stop()
    bench.step()
    assert bench.heard(reports.Stopping) == [reports.Stopping(in_use="OCFS2 is mounted at /mnt")]


@pytest.mark.row("sigterm")
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


@pytest.mark.row("sigterm")
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
