"""The agent ties the controller to the interfaces: an effect is a call, an answer an event."""

from __future__ import annotations

import errno

import pytest

from fakecluster.pocket.bench import Bench
from fakecluster.pocket.examples import CLUSTER, membership
from fakecluster.pocket.parts import PocketHold, PocketSource
from o2cbd.agent import Agent, Wait
from o2cbd.configfs.interface import NotConfigfsError
from o2cbd.core import effects, reports
from o2cbd.core.events import Dispatched, ManagerLost, ShutdownAsked, StateChange
from o2cbd.core.model import CreateCluster, Membership, State, Usage, Why
from o2cbd.core.rules import Rules

ASKED = ShutdownAsked(forced=False, removed=False)


def test_nothing_is_called_before_the_first_step() -> None:
    bench = Bench()
    assert (bench.manager.connections, bench.kernel.readings, bench.hold.looks) == (0, [], 0)
    assert (bench.agent.exit_code, bench.status.state) == (None, State.WAITING)


def test_one_step_does_everything_that_is_due() -> None:
    bench = Bench(membership(1, 2, 3))
    wait = bench.step()
    assert bench.status.state is State.SYNCED
    assert wait == Wait(fd=1, deadline_us=bench.clock.now_us() + 30_000_000)


def agent_on(bench: Bench, **parts: object) -> Agent:
    """Return an agent on the bench with some parts of its own."""
    values: dict[str, object] = {
        "connect": bench.manager.connect,
        "tree": bench.kernel,
        "make_hold": lambda _: bench.hold,
        "usage": bench.usage,
        "clock": bench.clock,
        "rules": Rules(),
        "journal": bench.told.append,
    }
    return Agent(**(values | parts))  # type: ignore[arg-type]


def test_the_descriptor_is_asked_for_after_the_last_call_to_the_manager() -> None:
    """A call may queue notices, and then the descriptor is another one."""
    bench = Bench()
    order: list[str] = []

    class Watched(PocketSource):
        def fileno(self) -> int:
            order.append("fileno")
            return 77

        def snapshot(self) -> Membership:
            order.append("snapshot")
            return bench.manager.membership

    wait = agent_on(bench, connect=lambda: Watched(bench.manager)).step()
    assert (order, wait.fd) == (["snapshot", "fileno"], 77)


def test_without_a_connection_there_is_only_the_deadline() -> None:
    bench = Bench()
    bench.manager.connect_error = OSError(errno.ENOENT, "no socket")
    assert bench.step() == Wait(fd=None, deadline_us=bench.clock.now_us() + 250_000)


def test_a_failed_connect_gives_its_errno_and_words() -> None:
    bench = Bench()
    bench.manager.connect_error = OSError(errno.ELIBACC, "no library")
    bench.step()
    (told,) = bench.heard(reports.ManagerAwaited)
    assert told.errno == errno.ELIBACC
    assert told.detail == "no library (ELIBACC)"


def test_an_error_without_an_errno_is_errno_0() -> None:
    bench = Bench()
    bench.manager.connect_error = OSError("strange")
    bench.step()
    assert bench.heard(reports.ManagerAwaited)[0].errno == 0


def test_requests_take_effect_in_the_next_step() -> None:
    bench = Bench(membership(1))
    bench.step()
    bench.agent.forget("n9")
    bench.agent.stop()
    assert bench.heard(reports.ForgetRefused) == []
    bench.step()
    assert len(bench.heard(reports.ForgetRefused)) == 1
    assert bench.agent.exit_code == 0


def test_a_reply_to_a_dead_manager_is_a_lost_manager() -> None:
    bench = Bench(membership(1))
    bench.step()
    bench.manager.notices.append(ASKED)
    bench.manager.gone = True
    wait = bench.step()
    assert (bench.status.state, wait.fd, bench.manager.open) == (State.LOST, None, 0)


def test_a_question_is_answered_from_what_the_reader_found() -> None:
    bench = Bench(membership(1))
    bench.usage.usage = Usage(mounts=("/mnt",))
    bench.manager.notices.append(ASKED)
    bench.step()
    assert (bench.usage.asked, bench.manager.replies) == ([None], [False])


def test_a_read_that_fails_leaves_the_connection_alone() -> None:
    bench = Bench(membership(1))
    bench.manager.read_errors.append(OSError(errno.EINVAL, "no"))
    wait = bench.step()
    assert bench.heard(reports.MembershipUnreadable)[0].errno == errno.EINVAL
    assert (wait.fd, bench.manager.open) == (1, 1)


def test_a_call_without_a_connection_is_a_lost_manager() -> None:
    """No order of effects may crash the daemon."""
    agent = agent_on(Bench())
    lost = (ManagerLost(errno=errno.ENOTCONN),)
    assert agent._perform(effects.ReadMembership()) == lost
    assert agent._perform(effects.ReplyShutdown(yes=True)) == lost
    assert agent._perform(effects.Dispatch()) == (Dispatched(),)
    assert agent._perform(effects.Disconnect()) == ()
    assert agent._perform(effects.ReleaseHold()) == ()


def test_a_manager_that_dies_under_a_read_is_a_lost_manager() -> None:
    bench = Bench(membership(1))
    bench.step()
    bench.manager.notices.append(StateChange(quorate=True))
    bench.manager.gone = True
    bench.step()
    assert bench.heard(reports.ManagerGone) == [reports.ManagerGone(errno=errno.EHOSTDOWN)]


def test_an_unreadable_configfs_says_where() -> None:
    bench = Bench(membership(1))
    bench.kernel.read_error = OSError(errno.EIO, "broken", "/sys/x")
    bench.step()
    assert bench.status.reason == "configfs cannot be read at /sys/x (EIO)"


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENODEV])
def test_what_is_no_configfs_says_what_to_do(number: int) -> None:
    bench = Bench(membership(1))
    bench.kernel.read_error = NotConfigfsError(number, "mount configfs", "/sys/x")
    bench.step()
    assert bench.status.reason == f"/sys/x: mount configfs ({errno.errorcode[number]})"


def test_a_cluster_that_cannot_be_made_says_what_to_do() -> None:
    bench = Bench(membership(1))

    def refuse(_: object) -> None:
        bench.kernel.lose_tables()
        raise NotConfigfsError(errno.ENODEV, "mount configfs", "/sys/x/alpha")

    bench.kernel.after = refuse
    bench.step()
    (pending,) = bench.status.pending
    assert (pending.step, pending.why) == (CreateCluster(cluster=CLUSTER), Why.FAILED)
    assert bench.status.reason == "/sys/x/alpha: mount configfs (ENODEV)"


def test_a_failed_step_says_where() -> None:
    bench = Bench(membership(1))

    def fail(_: object) -> None:
        bench.kernel.after = None
        bench.kernel.lose_tables()
        raise OSError(errno.EIO, "broken", "cluster/alpha")

    bench.kernel.after = fail
    bench.step()
    (told,) = bench.heard(reports.PendingBegan)
    assert "EIO at cluster/alpha" in told.pending.reason


@pytest.mark.row("semaphore-unusable")
def test_a_hold_that_cannot_even_be_named_is_an_unusable_one() -> None:
    """The name may have no key that could be shared."""
    bench = Bench(membership(1))

    def make_hold(cluster: str) -> PocketHold:
        raise OSError(errno.EINVAL, f"no key for {cluster}")

    agent = agent_on(bench, make_hold=make_hold)
    agent.step()
    assert bench.heard(reports.HoldUnusable) == [reports.HoldUnusable(errno=errno.EINVAL)]
    agent.stop()
    agent.step()
    assert agent.exit_code == 0


@pytest.mark.row("semaphore-unusable")
def test_what_opens_a_closed_semaphore_reaches_the_operator() -> None:
    """In the log, in the reason, and with the step that waits."""
    bench = Bench(membership(1))
    bench.hold.error = PermissionError(
        errno.EACCES, "Permission denied: have root remove it", "semaphore key 0x1"
    )
    bench.step()
    (told,) = bench.heard(reports.HoldUnusable)
    assert told.text.endswith("semaphore key 0x1: Permission denied: have root remove it")
    assert bench.status.reason == told.text
    assert {pending.reason for pending in bench.status.pending} == {told.text}


def test_the_hold_is_made_once_by_the_clusters_name() -> None:
    bench = Bench(membership(1))
    made: list[str] = []

    def make_hold(cluster: str) -> PocketHold:
        made.append(cluster)
        return bench.hold

    agent = agent_on(bench, make_hold=make_hold)
    agent.step()
    bench.manager.membership = membership(1, 2)
    bench.manager.notices.append(StateChange(quorate=True))
    agent.step()
    assert (made, bench.hold.looks) == ([CLUSTER], 2)


def test_the_end_gives_everything_back_and_stays_the_end() -> None:
    bench = Bench(membership(1))
    bench.step()
    bench.agent.stop()
    assert bench.step() == Wait(fd=None, deadline_us=None)
    assert (bench.manager.open, bench.hold.closed, bench.kernel.closed) == (0, True, True)
    assert bench.step() == Wait(fd=None, deadline_us=None)


def test_a_connection_without_a_descriptor_is_a_lost_manager() -> None:
    """Nothing would ever be heard of it again, and asking again and again would never end."""
    bench = Bench(membership(1))

    class Dumb(PocketSource):
        def fileno(self) -> int:
            raise OSError(errno.EINVAL, "no descriptor")

    agent = agent_on(bench, connect=lambda: (bench.manager.connect(), Dumb(bench.manager))[1])
    assert agent.step() == Wait(fd=None, deadline_us=bench.clock.now_us())
    wait = agent.step()
    assert (agent.status.state, bench.manager.open, wait.fd) == (State.LOST, 0, None)
    assert wait.deadline_us is not None
    assert wait.deadline_us > bench.clock.now_us()
    assert bench.heard(reports.ManagerGone) == [reports.ManagerGone(errno=errno.EINVAL)]


def test_an_answer_that_cannot_be_sent_is_told_and_the_connection_kept() -> None:
    """A missing answer counts as no, an ended connection as yes, two answers as two."""
    bench = Bench(membership(1))
    tries: list[bool] = []

    class Refusing(PocketSource):
        def reply_shutdown(self, yes: bool) -> None:
            tries.append(yes)
            raise OSError(errno.EINVAL, "no")

    agent = agent_on(bench, connect=lambda: (bench.manager.connect(), Refusing(bench.manager))[1])
    bench.usage.usage = Usage(mounts=("/mnt",))
    bench.manager.notices.append(ASKED)
    agent.step()
    agent.step()
    assert (tries, bench.manager.open, agent.status.state) == ([False], 1, State.SYNCED)
    assert bench.heard(reports.AnswerLost) == [reports.AnswerLost(yes=False, errno=errno.EINVAL)]
