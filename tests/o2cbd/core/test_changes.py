"""What changed between two readings, for the journal."""

from __future__ import annotations

from fakecluster.testing.examples import CLUSTER, member, membership
from o2cbd.core import reports
from o2cbd.core.changes import left_out_changes, membership_changes, pending_changes
from o2cbd.core.model import LeftOut, Pending, Quorum, RemoveNode, Step, Why

STEP: Step = RemoveNode(cluster=CLUSTER, node="n2")
OTHER: Step = RemoveNode(cluster=CLUSTER, node="n3")


def pending(why: Why = Why.FAILED, step: Step = STEP, number: int | None = None) -> Pending:
    return Pending(step=step, why=why, reason=why.value, errno=number)


def test_the_first_reading_tells_quorum_and_every_member() -> None:
    assert membership_changes(None, membership(1, 2)) == [
        reports.QuorumChanged(quorum="quorate"),
        reports.MemberJoined(id=1, name="n1"),
        reports.MemberJoined(id=2, name="n2"),
    ]


def test_joins_and_leaves_are_told() -> None:
    assert membership_changes(membership(1, 2), membership(1, 3)) == [
        reports.MemberJoined(id=3, name="n3"),
        reports.MemberLeft(id=2, name="n2"),
    ]


def test_a_loss_of_quorum_is_told() -> None:
    now = membership(1, quorum=Quorum.INQUORATE)
    assert membership_changes(membership(1), now) == [reports.QuorumChanged(quorum="inquorate")]


def test_the_same_reading_again_tells_nothing() -> None:
    assert membership_changes(membership(1, 2), membership(1, 2)) == []


def test_a_new_incarnation_is_a_leave_and_a_join_that_nobody_saw() -> None:
    now = membership(1, member(2, incarnation=12))
    assert membership_changes(membership(1, 2), now) == [
        reports.MemberRejoined(id=2, name="n2", was=4, incarnation=12)
    ]


def test_incarnations_are_not_compared_across_a_restart_of_our_own_manager() -> None:
    """They are one observer's; a restarted manager saw everybody join anew."""
    now = membership(member(1, incarnation=20), member(2, incarnation=20))
    assert membership_changes(membership(1, 2), now) == []


def test_who_is_left_out_is_told_once_for_each_reason() -> None:
    before = [LeftOut(id=300, name="big", reason="num"), LeftOut(id=2, name="n2", reason="a")]
    now = [LeftOut(id=300, name="big", reason="num"), LeftOut(id=2, name="n2", reason="b")]
    assert left_out_changes(before, now) == [reports.NodeLeftOut(id=2, name="n2", reason="b")]


def test_what_begins_to_wait_is_told() -> None:
    assert pending_changes({}, {STEP: pending()}, ()) == [reports.PendingBegan(pending=pending())]


def test_what_waits_as_before_is_not_told_again() -> None:
    """Other words for the same reason are no news."""
    again = Pending(step=STEP, why=Why.FAILED, reason="other words")
    assert pending_changes({STEP: pending()}, {STEP: again}, ()) == []


def test_another_reason_or_errno_is_told() -> None:
    before = {STEP: pending(), OTHER: pending(step=OTHER, number=5)}
    now = {STEP: pending(Why.PINNED), OTHER: pending(step=OTHER, number=6)}
    assert pending_changes(before, now, ()) == [
        reports.PendingBegan(pending=now[STEP]),
        reports.PendingBegan(pending=now[OTHER]),
    ]


def test_the_end_of_waiting_says_whether_it_was_done() -> None:
    before = {STEP: pending(), OTHER: pending(step=OTHER)}
    assert pending_changes(before, {}, {OTHER}) == [
        reports.PendingEnded(pending=before[STEP], done=False),
        reports.PendingEnded(pending=before[OTHER], done=True),
    ]
