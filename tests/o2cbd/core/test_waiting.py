"""What is pending, since when, and when it is looked at again."""

from __future__ import annotations

import pytest

from fakecluster.testing.examples import CLUSTER
from o2cbd.core import reports
from o2cbd.core.model import Pending, RemoveNode, Why
from o2cbd.core.waiting import Waiting

STEP = RemoveNode(cluster=CLUSTER, node="n2")
OTHER = RemoveNode(cluster=CLUSTER, node="n3")


def pending(why: Why, step: RemoveNode = STEP) -> Pending:
    return Pending(step=step, why=why, reason=why.value)


def test_a_step_waits_since_it_first_did_whatever_the_reason_now() -> None:
    waiting = Waiting()
    waiting.now([pending(Why.INQUORATE)], 5)
    waiting.now([pending(Why.PINNED), pending(Why.PINNED, OTHER)], 9)
    assert [(one.step, one.why, one.since_us) for one in waiting.pending] == [
        (STEP, Why.PINNED, 5),
        (OTHER, Why.PINNED, 9),
    ]
    assert set(waiting.steps) == {STEP, OTHER}


def test_what_waited_no_longer_and_waits_again_does_so_since_then() -> None:
    waiting = Waiting()
    waiting.now([pending(Why.INQUORATE)], 5)
    waiting.did(STEP)
    assert waiting.now([], 6) == [
        reports.PendingEnded(
            pending=Pending(step=STEP, why=Why.INQUORATE, reason="inquorate", since_us=5),
            done=True,
        )
    ]
    waiting.now([pending(Why.INQUORATE)], 7)
    assert waiting.pending[0].since_us == 7


@pytest.mark.parametrize("why", [Why.HELD, Why.UNSETTLED])
def test_a_wait_of_a_moment_is_not_reported_by_itself(why: Why) -> None:
    """The hold itself is reported, and every removal waits for membership to stand still."""
    waiting = Waiting()
    assert waiting.now([pending(why)], 5) == []
    assert waiting.now([], 6) == []


@pytest.mark.parametrize("why", [Why.HELD, Why.UNSETTLED])
def test_a_wait_of_a_moment_hides_no_end(why: Why) -> None:
    """What was reported before it goes on meanwhile, and its end is reported."""
    waiting = Waiting()
    began = waiting.now([pending(Why.INQUORATE)], 5)
    reported = Pending(step=STEP, why=Why.INQUORATE, reason="inquorate", since_us=5)
    assert began == [reports.PendingBegan(pending=reported)]
    assert waiting.now([pending(why)], 6) == []
    assert waiting.now([pending(Why.INQUORATE)], 7) == []
    waiting.now([pending(why)], 8)
    waiting.did(STEP)
    assert waiting.now([], 9) == [reports.PendingEnded(pending=reported, done=True)]


@pytest.mark.parametrize(
    ("why", "expected_us"),
    [
        (Why.FAILED, None),
        (Why.INQUORATE, None),
        (Why.TWO_NODE, None),
        (Why.QUORUM_UNKNOWN, None),
        (Why.WAITS_FOR_REMOVAL, None),
        (Why.REPLACEMENT_BLOCKED, None),
        (Why.UNSAFE, None),
        (Why.HELD, None),
        (Why.PINNED, 1500),
        (Why.REGION, 11000),
        (Why.FOREIGN_CLUSTER, 11000),
        (Why.IGNORED, 11000),
    ],
)
def test_what_may_end_unannounced_is_looked_at(why: Why, expected_us: int | None) -> None:
    """The rest ends with a notice, with an operator, or with something that waits itself."""
    waiting = Waiting()
    waiting.now([pending(why)], 1000)
    assert expected_us == waiting.next_look_us(1000, 500, 10000)


def test_a_pin_is_looked_at_first() -> None:
    waiting = Waiting()
    waiting.now([pending(Why.REGION), pending(Why.PINNED, OTHER)], 0)
    assert waiting.next_look_us(0, 500, 10000) == 500
