"""Who else holds the semaphore."""

from __future__ import annotations

import errno

from fakecluster.testing.examples import CLUSTER, node
from o2cbd.core import reports
from o2cbd.core.holders import Holders
from o2cbd.core.model import AddNode, Holder, Pending, RemoveNode, Why
from o2cbd.core.rules import SECOND_US, Timing

STEPS = (AddNode(cluster=CLUSTER, node=node(2)), RemoveNode(cluster=CLUSTER, node="n3"))


def test_a_hold_is_told_once_and_every_step_waits_for_it() -> None:
    holders = Holders(Timing())
    told, held = holders.refused(77, STEPS, 5)
    reason = "process 77 holds the semaphore; waiting for its release"
    assert told == [reports.HoldSeen(pid=77, steps=2)]
    assert held == [Pending(step=step, why=Why.HELD, reason=reason) for step in STEPS]
    assert holders.holder == Holder(pid=77, since_us=5)
    assert holders.refused(77, STEPS, 6)[0] == []
    assert holders.holder == Holder(pid=77, since_us=5)


def test_it_is_looked_at_every_250_ms() -> None:
    holders = Holders(Timing())
    holders.refused(77, STEPS, 0)
    assert holders.retry_us(0) == 250_000


def test_after_60_s_there_is_one_warning_with_the_pid_and_what_waits() -> None:
    holders = Holders(Timing())
    holders.refused(77, STEPS, 0)
    assert holders.refused(77, STEPS, 60 * SECOND_US - 1)[0] == []
    told, _ = holders.refused(77, STEPS, 60 * SECOND_US)
    waiting = ("add node n2 (2, 10.0.0.2:7777)", "remove node n3")
    assert told == [reports.HoldOld(pid=77, seconds=60, waiting=waiting)]
    assert holders.refused(77, STEPS, 61 * SECOND_US)[0] == []


def test_another_holder_is_another_hold_with_its_own_patience() -> None:
    holders = Holders(Timing())
    holders.refused(77, STEPS, 0)
    holders.refused(77, STEPS, 60 * SECOND_US)
    told, _ = holders.refused(78, STEPS, 61 * SECOND_US)
    assert told == [reports.HoldSeen(pid=78, steps=2)]
    assert holders.refused(78, STEPS, 120 * SECOND_US)[0] == []
    assert len(holders.refused(78, STEPS, 121 * SECOND_US)[0]) == 1


def test_the_release_is_told_to_who_was_told_of_the_hold() -> None:
    holders = Holders(Timing())
    assert holders.taken() == []
    holders.refused(77, STEPS, 0)
    assert holders.taken() == [reports.HoldGone()]
    assert holders.holder is None


def test_a_hold_for_which_nothing_waits_is_not_ours_to_tell() -> None:
    holders = Holders(Timing())
    holders.refused(77, STEPS, 0)
    holders.nothing_waits()
    assert holders.holder is None
    assert holders.taken() == []


def test_a_semaphore_that_cannot_be_used_is_told_once_an_errno_and_tried_less_and_less() -> None:
    holders = Holders(Timing())
    told, held = holders.unusable(errno.EACCES, STEPS)
    report = reports.HoldUnusable(errno=errno.EACCES)
    assert told == [report]
    assert [(one.why, one.reason, one.errno) for one in held] == [
        (Why.HELD, report.text, errno.EACCES)
    ] * 2
    assert holders.retry_us(0) == 250_000
    assert holders.unusable(errno.EACCES, STEPS)[0] == []
    assert holders.retry_us(0) == 500_000
    assert holders.unusable(errno.ENOSPC, STEPS)[0] == [reports.HoldUnusable(errno=errno.ENOSPC)]


def test_a_semaphore_that_can_be_used_again_ends_the_back_off() -> None:
    holders = Holders(Timing())
    holders.unusable(errno.EACCES, STEPS)
    holders.refused(77, STEPS, 0)
    assert holders.retry_us(0) == 250_000
    assert holders.unusable(errno.EACCES, STEPS)[0] != []
    holders.taken()
    assert holders.unusable(errno.EACCES, STEPS)[0] != []
