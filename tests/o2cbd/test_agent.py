"""The agent ties the controller to the interfaces: an effect is a call, an answer an event."""

from __future__ import annotations

import errno

import pytest

from fakecluster.testing.examples import CLUSTER, membership
from fakecluster.testing.single_host import ScriptedHold, ScriptedSource, SingleHost
from o2cbd.agent import Wait
from o2cbd.configfs.interface import NotConfigfsError
from o2cbd.core import effects, reports
from o2cbd.core.events import Dispatched, ManagerLost, ShutdownAsked, StateChange
from o2cbd.core.model import CreateCluster, Membership, State, Usage, Why

ASKED = ShutdownAsked(forced=False, removed=False)


def test_nothing_is_called_before_the_first_step() -> None:
    host = SingleHost()
    assert (host.manager.connections, host.kernel.readings, host.hold.attempts) == (0, [], 0)
    assert (host.agent.exit_code, host.status.state) == (None, State.WAITING)


def test_one_step_does_everything_that_is_due() -> None:
    host = SingleHost(membership(1, 2, 3))
    wait = host.step()
    assert host.status.state is State.SYNCED
    assert wait == Wait(fd=1, deadline_us=host.clock.now_us() + 30_000_000)


def test_the_descriptor_is_asked_for_after_the_last_call_to_the_manager() -> None:
    """A call may queue notices, and then the descriptor is another one."""
    host = SingleHost()
    order: list[str] = []

    class Watched(ScriptedSource):
        def fileno(self) -> int:
            order.append("fileno")
            return 77

        def snapshot(self) -> Membership:
            order.append("snapshot")
            return host.manager.membership

    wait = host.start(connect=lambda: Watched(host.manager)).step()
    assert (order, wait.fd) == (["snapshot", "fileno"], 77)


def test_without_a_connection_there_is_only_the_deadline() -> None:
    host = SingleHost()
    host.manager.connect_error = OSError(errno.ENOENT, "no socket")
    assert host.step() == Wait(fd=None, deadline_us=host.clock.now_us() + 250_000)


def test_a_failed_connect_gives_its_errno_and_words() -> None:
    host = SingleHost()
    host.manager.connect_error = OSError(errno.ELIBACC, "no library")
    host.step()
    (told,) = host.reported(reports.ManagerAwaited)
    assert told.errno == errno.ELIBACC
    assert told.detail == "no library (ELIBACC)"


def test_an_error_without_an_errno_is_errno_0() -> None:
    host = SingleHost()
    host.manager.connect_error = OSError("strange")
    host.step()
    assert host.reported(reports.ManagerAwaited)[0].errno == 0


def test_requests_take_effect_in_the_next_step() -> None:
    host = SingleHost(membership(1))
    host.step()
    host.agent.forget("n9")
    host.agent.stop()
    assert host.reported(reports.ForgetRefused) == []
    host.step()
    assert len(host.reported(reports.ForgetRefused)) == 1
    assert host.agent.exit_code == 0


def test_a_reply_to_a_dead_manager_is_a_lost_manager() -> None:
    host = SingleHost(membership(1))
    host.step()
    host.manager.notices.append(ASKED)
    host.manager.gone = True
    wait = host.step()
    assert (host.status.state, wait.fd, host.manager.open) == (State.LOST, None, 0)


def test_a_question_is_answered_from_what_the_reader_found() -> None:
    host = SingleHost(membership(1))
    host.usage.usage = Usage(mounts=("/mnt",))
    host.manager.notices.append(ASKED)
    host.step()
    assert (host.usage.asked, host.manager.replies) == ([None], [False])


def test_a_read_that_fails_leaves_the_connection_alone() -> None:
    host = SingleHost(membership(1))
    host.manager.read_errors.append(OSError(errno.EINVAL, "no"))
    wait = host.step()
    assert host.reported(reports.MembershipUnreadable)[0].errno == errno.EINVAL
    assert (wait.fd, host.manager.open) == (1, 1)


def test_a_call_without_a_connection_is_a_lost_manager() -> None:
    """No order of effects may crash the daemon."""
    agent = SingleHost().agent
    lost = (ManagerLost(errno=errno.ENOTCONN),)
    assert agent._perform(effects.ReadMembership()) == lost
    assert agent._perform(effects.ReplyShutdown(yes=True)) == lost
    assert agent._perform(effects.Dispatch()) == (Dispatched(),)
    assert agent._perform(effects.Disconnect()) == ()
    assert agent._perform(effects.ReleaseHold()) == ()


def test_a_manager_that_dies_under_a_read_is_a_lost_manager() -> None:
    host = SingleHost(membership(1))
    host.step()
    host.manager.notices.append(StateChange(quorate=True))
    host.manager.gone = True
    host.step()
    assert host.reported(reports.ManagerGone) == [reports.ManagerGone(errno=errno.EHOSTDOWN)]


def test_an_unreadable_configfs_says_where() -> None:
    host = SingleHost(membership(1))
    host.kernel.read_error = OSError(errno.EIO, "broken", "/sys/x")
    host.step()
    assert host.status.reason == "cannot read configfs at /sys/x (EIO)"


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENODEV])
def test_what_is_no_configfs_says_what_to_do(number: int) -> None:
    host = SingleHost(membership(1))
    host.kernel.read_error = NotConfigfsError(number, "mount configfs", "/sys/x")
    host.step()
    assert host.status.reason == f"/sys/x: mount configfs ({errno.errorcode[number]})"


def test_a_cluster_that_cannot_be_made_says_what_to_do() -> None:
    host = SingleHost(membership(1))

    def refuse(_: object) -> None:
        host.kernel.lose_tables()
        raise NotConfigfsError(errno.ENODEV, "mount configfs", "/sys/x/alpha")

    host.kernel.after = refuse
    host.step()
    (pending,) = host.status.pending
    assert (pending.step, pending.why) == (CreateCluster(cluster=CLUSTER), Why.FAILED)
    assert host.status.reason == "/sys/x/alpha: mount configfs (ENODEV)"


def test_a_failed_step_says_where() -> None:
    host = SingleHost(membership(1))

    def fail(_: object) -> None:
        host.kernel.after = None
        host.kernel.lose_tables()
        raise OSError(errno.EIO, "broken", "cluster/alpha")

    host.kernel.after = fail
    host.step()
    (told,) = host.reported(reports.PendingBegan)
    assert "EIO at cluster/alpha" in told.pending.reason


@pytest.mark.row("semaphore-unusable")
def test_a_hold_that_cannot_even_be_named_is_an_unusable_one() -> None:
    """The name may have no key that could be shared."""
    host = SingleHost(membership(1))

    def make_hold(cluster: str) -> ScriptedHold:
        raise OSError(errno.EINVAL, f"no key for {cluster}")

    agent = host.start(make_hold=make_hold)
    agent.step()
    assert host.reported(reports.HoldUnusable) == [reports.HoldUnusable(errno=errno.EINVAL)]
    agent.stop()
    agent.step()
    assert agent.exit_code == 0


@pytest.mark.row("semaphore-unusable")
def test_what_opens_a_closed_semaphore_reaches_the_operator() -> None:
    """In the log, in the reason, and with the step that waits."""
    host = SingleHost(membership(1))
    host.hold.error = PermissionError(
        errno.EACCES, "Permission denied: have root remove it", "semaphore key 0x1"
    )
    host.step()
    (told,) = host.reported(reports.HoldUnusable)
    assert told.text.endswith("semaphore key 0x1: Permission denied: have root remove it")
    assert host.status.reason == told.text
    assert {pending.reason for pending in host.status.pending} == {told.text}


def test_the_hold_is_made_once_by_the_clusters_name() -> None:
    host = SingleHost(membership(1))
    made: list[str] = []

    def make_hold(cluster: str) -> ScriptedHold:
        made.append(cluster)
        return host.hold

    agent = host.start(make_hold=make_hold)
    agent.step()
    host.manager.membership = membership(1, 2)
    host.manager.notices.append(StateChange(quorate=True))
    agent.step()
    assert (made, host.hold.attempts) == ([CLUSTER], 2)


def test_the_end_gives_everything_back_and_stays_the_end() -> None:
    host = SingleHost(membership(1))
    host.step()
    host.agent.stop()
    assert host.step() == Wait(fd=None, deadline_us=None)
    assert (host.manager.open, host.hold.closed, host.kernel.closed) == (0, True, True)
    assert host.step() == Wait(fd=None, deadline_us=None)


def test_a_connection_without_a_descriptor_is_a_lost_manager() -> None:
    """Nothing would ever be heard of it again, and asking again and again would never end."""
    host = SingleHost(membership(1))

    class Dumb(ScriptedSource):
        def fileno(self) -> int:
            raise OSError(errno.EINVAL, "no descriptor")

    agent = host.start(connect=lambda: (host.manager.connect(), Dumb(host.manager))[1])
    assert agent.step() == Wait(fd=None, deadline_us=host.clock.now_us())
    wait = agent.step()
    assert (agent.status.state, host.manager.open, wait.fd) == (State.LOST, 0, None)
    assert wait.deadline_us is not None
    assert wait.deadline_us > host.clock.now_us()
    assert host.reported(reports.ManagerGone) == [reports.ManagerGone(errno=errno.EINVAL)]


def test_an_answer_that_cannot_be_sent_is_told_and_the_connection_kept() -> None:
    """A missing answer counts as no, an ended connection as yes, two answers as two."""
    host = SingleHost(membership(1))
    tries: list[bool] = []

    class Refusing(ScriptedSource):
        def reply_shutdown(self, yes: bool) -> None:
            tries.append(yes)
            raise OSError(errno.EINVAL, "no")

    agent = host.start(connect=lambda: (host.manager.connect(), Refusing(host.manager))[1])
    host.usage.usage = Usage(mounts=("/mnt",))
    host.manager.notices.append(ASKED)
    agent.step()
    agent.step()
    assert (tries, host.manager.open, agent.status.state) == ([False], 1, State.SYNCED)
    assert host.reported(reports.AnswerLost) == [reports.AnswerLost(yes=False, errno=errno.EINVAL)]
