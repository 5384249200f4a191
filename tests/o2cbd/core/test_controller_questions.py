"""The controller in an agent on a single host: the shutdown question."""

from __future__ import annotations

import errno

import pytest

from fakecluster.testing.examples import CLUSTER, entry, membership
from fakecluster.testing.single_host import (
    ASKED,
    NOTICE,
    REGION,
    RESYNC_US,
    SingleHost,
    add,
    filled,
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
from o2cbd.core.rules import SECOND_US


@pytest.mark.row("vote-once")
def test_a_question_is_answered_at_once_and_once() -> None:
    host = filled(1)
    host.manager.notices.append(ASKED)
    host.step()
    assert (host.manager.replies, host.usage.asked) == ([True], [CLUSTER])
    host.settle()
    host.run_for(RESYNC_US)
    assert host.manager.replies == [True]
    assert host.status.vote is not None
    assert host.status.vote.yes


@pytest.mark.row("vote-no-teardown", "vote-again")
def test_in_use_is_a_no_and_nothing_is_torn_down() -> None:
    host = filled(1, 2)
    host.usage.usage = Usage(regions=(REGION,))
    host.manager.notices.append(ASKED)
    host.settle()
    assert (host.manager.replies, host.kernel.journal) == ([False], [])
    assert host.reported(reports.Voted)[0].reason == "heartbeat runs in R1"
    host.usage.usage = Usage()
    host.manager.notices.append(ASKED)
    host.settle()
    assert (host.manager.replies, host.kernel.journal) == ([False, True], [])


@pytest.mark.row("vote-forced")
def test_a_forced_question_is_answered_the_same_way_and_the_log_says_it_is_not_heeded() -> None:
    host = filled(1)
    host.usage.usage = Usage(mounts=("/mnt",))
    host.manager.notices.append(ShutdownAsked(forced=True, removed=True))
    host.settle()
    assert host.manager.replies == [False]
    assert "the answer is ignored" in host.reported(reports.Voted)[0].text
    assert host.status.vote is not None
    assert (host.status.vote.forced, host.status.vote.removed) == (True, True)


@pytest.mark.row("vote-once")
def test_of_two_questions_in_one_dispatch_one_is_open_and_gets_one_answer() -> None:
    """The first timed out while we were away; two answers would both count for the second."""
    host = filled(1)
    host.manager.notices += [ASKED, ShutdownAsked(forced=True, removed=False)]
    host.settle()
    assert host.manager.replies == [True]
    assert host.status.vote is not None
    assert host.status.vote.forced


@pytest.mark.row("vote-once")
def test_a_question_in_the_middle_of_a_pass_is_answered_between_two_steps() -> None:
    host = filled(1)
    host.manager.membership = membership(1, 2, 3)
    replied: list[int] = []

    def asks(step: Step) -> None:
        replied.append(len(host.manager.replies))
        if step == add(2):
            host.manager.notices.append(ASKED)

    host.kernel.after = asks
    host.notify()
    assert replied == [0, 1]
    assert host.status.state is State.SYNCED


@pytest.mark.row("vote-again")
def test_a_question_dies_with_its_connection_and_is_answered_anew_after_it() -> None:
    host = filled(1)
    host.manager.notices += [ASKED]
    host.manager.gone = True
    host.settle()
    assert (host.manager.replies, host.status.state) == ([], State.LOST)
    host.run_for(SECOND_US)
    host.manager.notices.append(ASKED)
    host.settle()
    assert host.manager.replies == [True]


def test_a_question_and_the_death_in_one_dispatch_is_no_answer() -> None:
    host = filled(1)
    host.manager.notices += [ASKED, ManagerLost(errno=errno.EHOSTDOWN)]
    host.settle()
    seen = (host.manager.replies, host.usage.asked, host.status.state)
    assert seen == ([], [], State.LOST)
    host.run_for(SECOND_US)
    # On the next connection nobody has asked.
    assert (host.status.state, host.manager.replies) == (State.SYNCED, [])


def test_before_the_cluster_is_known_nobody_can_say_who_holds_and_the_vote_is_no() -> None:
    """Any cluster counts then, but the semaphore goes by the cluster's name."""
    host = SingleHost()
    host.manager.read_errors = [OSError(errno.ENOMEM, "no reading yet")] * 2
    host.manager.notices.append(ASKED)
    host.step()
    assert host.usage.asked == [None]
    assert host.manager.replies == [False]
    reason = "cannot read who holds the semaphore: this node's cluster is not known yet"
    assert host.reported(reports.Voted)[0].reason == reason
    host.run_for(SECOND_US)
    host.manager.notices.append(ASKED)
    host.settle()
    assert host.manager.replies == [False, True]


def test_an_end_before_the_cluster_is_known_is_no_end_in_use() -> None:
    host = SingleHost()
    host.manager.read_errors = [OSError(errno.ENOMEM, "no reading yet")]
    host.step()
    host.agent.stop()
    host.settle()
    assert [told.in_use for told in host.reported(reports.Stopping)] == [""]


@pytest.mark.row("manager-lost")
def test_a_manager_that_dies_between_two_steps_is_lost_and_the_hold_given_back() -> None:
    host = filled(1)
    host.manager.membership = membership(1, 2, 3)
    host.kernel.after = lambda _: host.manager.die()
    host.notify()
    assert host.kernel.journal == [add(2)]
    assert (host.status.state, host.hold.ours) == (State.LOST, False)


def test_a_notice_between_two_steps_begins_the_pass_anew() -> None:
    """n3 has left again before it was added."""
    host = filled(1)
    host.manager.membership = membership(1, 2, 3)

    def changes(_: Step) -> None:
        host.manager.membership = membership(1, 2)
        host.manager.notices.append(NOTICE)

    host.kernel.after = changes
    host.notify()
    assert host.kernel.journal == [add(2)]
    assert host.status.state is State.SYNCED


def test_what_a_pass_did_before_a_notice_ended_it_is_not_told_as_dropped() -> None:
    """n3 waited, is removed when quorum is back, and n4 joins at that moment."""
    host = filled(1, 2, 3)
    host.manager.membership = membership(1, 2, quorum=Quorum.INQUORATE)
    host.notify()
    assert host.pending[remove(3)].why is Why.INQUORATE
    host.manager.membership = membership(1, 2)

    def joins(_: Step) -> None:
        host.kernel.after = None
        host.manager.membership = membership(1, 2, 4)
        host.manager.notices.append(NOTICE)

    host.kernel.after = joins
    host.notify()
    assert host.kernel.journal == [remove(3), add(4)]
    assert [(one.pending.step, one.done) for one in host.reported(reports.PendingEnded)] == [
        (remove(3), True)
    ]


def test_an_entry_of_ours_with_0_0_0_0_written_into_it_is_never_removed() -> None:
    host = SingleHost(membership(1, 2))
    host.kernel.make_cluster(CLUSTER)
    host.kernel.put("n2", port=7777, address="0.0.0.0")
    host.settle()
    host.run_for(2 * RESYNC_US)
    assert host.kernel.violations == []
    assert host.pending[remove(2)].why is Why.UNSAFE
    assert host.status.entries[1] == entry(
        2, inode=host.kernel.inode_of("n2"), num=0, address="0.0.0.0"
    )
