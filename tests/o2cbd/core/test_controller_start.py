"""The controller in an agent on a single host: it starts, stops, loses its manager."""

from __future__ import annotations

import errno

import pytest

from fakecluster.testing.examples import CLUSTER, membership
from fakecluster.testing.single_host import (
    ASKED,
    CREATE,
    LOCAL,
    Refuse,
    SingleHost,
    add,
    filled,
    remove,
)
from o2cbd.core import reports
from o2cbd.core.model import (
    State,
    Usage,
    Why,
)
from o2cbd.core.rules import SECOND_US, Rules

# --- start and the world around ------------------------------------------------------------------


@pytest.mark.row("order")
def test_the_first_fill_makes_the_cluster_then_us_then_the_others() -> None:
    host = SingleHost(membership(1, 2, 3))
    host.settle()
    assert host.kernel.journal == [CREATE, add(1), LOCAL, add(2), add(3)]
    assert (host.status.state, host.status.first_pass_done) == (State.SYNCED, True)
    assert host.reported(reports.Synced) == [
        reports.Synced(nodes=3, fingerprint=host.status.fingerprint)
    ]
    assert not host.hold.ours


@pytest.mark.row("start-wait")
def test_start_wait_goes_on_with_back_off_and_says_once_what_it_waits_for() -> None:
    host = SingleHost()
    host.manager.connect_error = FileNotFoundError(errno.ENOENT, "no socket")
    host.run_for(20 * SECOND_US)
    seen = (host.status.state, "no socket" in host.status.reason)
    assert seen == (State.WAITING, True)
    (told,) = host.reported(reports.ManagerAwaited)
    assert told.errno == errno.ENOENT
    assert host.kernel.readings == []
    host.manager.connect_error = None
    host.run_for(10 * SECOND_US)
    assert host.status.state is State.SYNCED


@pytest.mark.row("start-adopt")
def test_start_adopt_touches_no_right_entry() -> None:
    """Mounted file systems stand on them."""
    host = SingleHost(membership(1, 2, 3))
    host.kernel.make_cluster(CLUSTER)
    for number in (1, 2):
        host.kernel.put_right(number)
    host.settle()
    assert host.kernel.journal == [add(3)]


@pytest.mark.row("kill-9")
def test_kill_9_is_healed_by_the_next_start_wherever_it_came() -> None:
    """The table is as any prefix of the writes left it; right entries keep their directory."""
    for port, address in ((None, None), (7777, None), (7777, "10.0.0.2")):
        host = SingleHost(membership(1, 2))
        host.kernel.make_cluster(CLUSTER)
        host.kernel.put_right(1)
        inode = host.kernel.inode_of("n1")
        host.kernel.put("n2", port=port, address=address)
        host.settle()
        assert host.status.state is State.SYNCED
        assert host.kernel.inode_of("n1") == inode
        assert host.kernel.nodes["n2"].num == 2


@pytest.mark.row("not-a-member")
def test_not_a_member_does_nothing_and_waits() -> None:
    host = filled(1, 2)
    for now in (membership(2), membership()):
        host.manager.membership = now
        host.notify()
        assert host.status.state is State.WAITING
        assert host.status.reason == "this node is not a member of its cluster"
    assert host.kernel.journal == []
    assert len(host.reported(reports.Blocked)) == 1
    host.manager.membership = membership(1, 2)
    host.notify()
    assert host.status.state is State.SYNCED


@pytest.mark.row("not-configfs")
def test_not_configfs_blocks_with_what_to_do_and_is_looked_at_again() -> None:
    host = SingleHost(membership(1))
    host.kernel.read_error = OSError(errno.EIO, "broken", "node/n2")
    host.settle()
    seen = (host.status.state, host.status.reason)
    assert seen == (State.WAITING, "cannot read configfs at node/n2 (EIO)")
    assert not host.status.first_pass_done
    host.run_for(9 * SECOND_US)
    assert len(host.reported(reports.Blocked)) == 1
    readings = len(host.kernel.readings)
    assert readings < 10, "the pauses grow"
    assert all(host.kernel.readings), "nothing that was kept is used after a failure"
    host.kernel.read_error = None
    host.run_for(10 * SECOND_US)
    assert host.status.state is State.SYNCED


@pytest.mark.row("not-configfs")
def test_a_directory_in_the_place_of_configfs_blocks_with_what_to_do() -> None:
    """The tree has taken the directory away again."""
    host = SingleHost(membership(1))
    told = "not an o2cb configfs: mount configfs"
    host.kernel.refusals = [Refuse(step=CREATE, errno=errno.ENODEV, detail=told)]
    host.settle()
    seen = (host.status.state, told in host.status.reason)
    assert seen == (State.WAITING, True)
    assert not host.status.first_pass_done
    host.kernel.refusals.clear()
    host.run_for(SECOND_US)
    assert host.status.state is State.SYNCED


@pytest.mark.row("foreign-cluster")
def test_a_foreign_cluster_is_not_touched_and_ours_waits_for_its_end() -> None:
    host = SingleHost(membership(1))
    host.kernel.make_cluster("beta")
    host.kernel.put_right(1)
    host.settle()
    assert (host.kernel.journal, host.status.state) == ([], State.PENDING)
    pending = host.pending[CREATE]
    assert (pending.why, pending.errno) == (Why.FOREIGN_CLUSTER, errno.ENOSPC)
    assert "beta" in pending.reason
    host.kernel.lose_tables()
    host.run_for(10 * SECOND_US)
    assert host.status.state is State.SYNCED


@pytest.mark.row("cluster-name")
def test_a_cluster_name_that_is_not_the_confirmed_one_ends_the_start_with_78() -> None:
    host = SingleHost(membership(1), Rules(cluster="beta"))
    wait = host.settle()
    assert (host.agent.exit_code, wait.deadline_us) == (78, None)
    assert host.kernel.readings == []
    assert host.manager.open == 0
    assert host.reported(reports.WrongCluster) == [
        reports.WrongCluster(wanted="beta", found=CLUSTER)
    ]


@pytest.mark.row("cluster-name")
def test_a_cluster_name_that_changes_later_is_no_step_and_no_end() -> None:
    host = filled(1, rules=Rules(cluster=CLUSTER))
    host.manager.membership = membership(1, 2, cluster="beta")
    host.notify()
    assert (host.agent.exit_code, host.kernel.journal) == (None, [])
    assert host.status.state is State.WAITING
    assert "does not re-create it" in host.status.reason
    host.manager.membership = membership(1, 2)
    host.notify()
    assert host.kernel.journal == [add(2)]


@pytest.mark.row("cluster-name")
@pytest.mark.parametrize("name", ["", "a" * 17, "my-cluster"])
def test_a_cluster_name_that_ocfs2_cannot_have_is_no_step_with_the_reason(name: str) -> None:
    host = SingleHost(membership(1, cluster=name))
    host.settle()
    assert (host.status.state, host.kernel.readings) == (State.WAITING, [])
    assert host.status.reason


@pytest.mark.row("manager-lost")
def test_manager_lost_keeps_configfs_and_connects_again() -> None:
    host = filled(1, 2)
    host.manager.die()
    wait = host.settle()
    assert (host.status.state, wait.fd) == (State.LOST, None)
    assert "EHOSTDOWN" in host.status.reason
    assert host.manager.open == 0
    host.run_for(20 * SECOND_US)
    assert host.status.state is State.LOST
    host.manager.connect_error = None
    host.manager.membership = membership(1)
    host.run_for(10 * SECOND_US)
    assert (host.status.state, host.manager.connections) == (State.SYNCED, 2)
    assert host.kernel.journal == [remove(2)]
    assert [type(one) for one in host.reports[:3]] == [
        reports.ManagerGone,
        reports.ManagerAwaited,
        reports.ManagerReached,
    ]


def test_a_removal_waits_anew_after_each_connection() -> None:
    """Nobody knows who came and went meanwhile."""
    host = filled(1, 2, rules=Rules())
    host.manager.membership = membership(1)
    host.notify()
    assert host.pending[remove(2)].why is Why.UNSETTLED
    host.run_for(SECOND_US // 2)
    host.manager.die()
    host.settle()
    host.manager.connect_error = None
    host.run_for(SECOND_US * 3 // 4)
    assert host.pending[remove(2)].why is Why.UNSETTLED
    host.run_for(2 * SECOND_US)
    assert host.status.state is State.SYNCED
    assert remove(2) in host.kernel.journal


def test_a_manager_that_dies_while_it_is_read_is_lost() -> None:
    """A dying manager's socket may still take a connection."""
    host = SingleHost()
    host.manager.membership = membership(1)
    host.agent.step()
    host.manager.gone = True
    host.notify()
    assert host.status.state is State.LOST


@pytest.mark.row("read-fails")
def test_a_failed_read_keeps_the_last_good_view_and_is_retried() -> None:
    """Of the nodes that leave meanwhile none is missed."""
    host = filled(1, 2, 3)
    host.manager.membership = membership(1, 2)
    host.manager.read_errors = [OSError(errno.EINVAL, "no"), OSError(errno.EINVAL, "no")]
    host.notify()
    assert host.status.state is State.WAITING
    assert [one.id for one in host.status.members] == [1, 2, 3]
    host.run_for(SECOND_US)
    assert host.kernel.journal == [remove(3)]
    assert len(host.reported(reports.MembershipUnreadable)) == 1


# --- stopping ------------------------------------------------------------------------------------


@pytest.mark.row("sigterm")
def test_sigterm_leaves_the_tables_and_ends_with_0() -> None:
    host = filled(1, 2)
    host.agent.stop()
    wait = host.step()
    assert (host.agent.exit_code, wait.fd, wait.deadline_us) == (0, None, None)
    assert host.status.state is State.STOPPING
    assert (host.kernel.journal, host.manager.open) == ([], 0)
    assert host.reported(reports.Stopping) == [reports.Stopping(in_use="")]
    assert host.hold.closed
    assert host.kernel.closed


@pytest.mark.row("sigterm")
def test_sigterm_in_use_says_that_nobody_vetoes_a_shutdown_any_more() -> None:
    host = filled(1)
    host.usage.usage = Usage(mounts=("/mnt",))
    host.agent.stop()
    host.step()
    assert host.reported(reports.Stopping) == [reports.Stopping(in_use="OCFS2 is mounted at /mnt")]


@pytest.mark.row("sigterm")
def test_sigterm_answers_an_open_question_first() -> None:
    host = filled(1)
    host.manager.notices.append(ASKED)
    host.agent.stop()
    host.step()
    assert (host.manager.replies, host.agent.exit_code) == ([True], 0)
    assert [type(one) for one in host.reports] == [reports.Voted, reports.Stopping]


def test_sigterm_ends_while_there_is_no_manager() -> None:
    host = SingleHost()
    host.manager.connect_error = OSError(errno.ENOENT, "no socket")
    host.settle()
    host.agent.stop()
    host.step()
    assert host.agent.exit_code == 0


@pytest.mark.row("sigterm")
def test_sigterm_ends_although_the_manager_dies_at_the_same_moment() -> None:
    """Nobody would come back to end it otherwise."""
    host = filled(1)
    host.manager.die()
    host.agent.stop()
    host.step()
    assert host.agent.exit_code == 0


def test_sigterm_between_two_steps_gives_the_hold_back() -> None:
    host = filled(1)
    host.manager.membership = membership(1, 2, 3)
    host.kernel.after = lambda _: host.agent.stop()
    host.notify()
    assert host.kernel.journal == [add(2)]
    assert (host.agent.exit_code, host.hold.ours) == (0, False)


def test_after_the_end_nothing_happens() -> None:
    host = filled(1)
    host.agent.stop()
    host.step()
    told = len(host.reports)
    host.agent.stop()
    host.agent.forget("n2")
    assert host.step().deadline_us is None
    assert len(host.reports) == told
