"""The controller in a whole daemon on a pocket host: the shutdown question."""

from __future__ import annotations

import errno

import pytest

from fakecluster.pocket.bench import Bench
from fakecluster.pocket.examples import CLUSTER, entry, membership
from fakecluster.pocket.situations import (
    ASKED,
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
from o2cbd.core.events import ManagerLost, ShutdownAsked
from o2cbd.core.model import (
    Quorum,
    State,
    Step,
    Usage,
    Why,
)


@pytest.mark.row("vote-once")
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


@pytest.mark.row("vote-no-teardown", "vote-again")
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


@pytest.mark.row("vote-forced")
def test_a_forced_question_is_answered_the_same_way_and_the_log_says_it_is_not_heeded() -> None:
    bench = filled(1)
    bench.usage.usage = Usage(mounts=("/mnt",))
    bench.manager.notices.append(ShutdownAsked(forced=True, removed=True))
    bench.settle()
    assert bench.manager.replies == [False]
    assert "will not be heeded" in bench.heard(reports.Voted)[0].text
    assert bench.status.vote is not None
    assert (bench.status.vote.forced, bench.status.vote.removed) == (True, True)


@pytest.mark.row("vote-once")
def test_of_two_questions_in_one_dispatch_one_is_open_and_gets_one_answer() -> None:
    """The first timed out while we were away; two answers would both count for the second."""
    bench = filled(1)
    bench.manager.notices += [ASKED, ShutdownAsked(forced=True, removed=False)]
    bench.settle()
    assert bench.manager.replies == [True]
    assert bench.status.vote is not None
    assert bench.status.vote.forced


@pytest.mark.row("vote-once")
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


@pytest.mark.row("vote-again")
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
    reason = "cannot read who holds: it is not known which cluster this node is in"
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


@pytest.mark.row("manager-lost")
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
