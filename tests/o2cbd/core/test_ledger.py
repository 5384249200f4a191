"""Failed steps, and when each may be tried again."""

from __future__ import annotations

import errno

import pytest

from fakecluster.testing.examples import CLUSTER, node
from o2cbd.core.ledger import Ledger, pause_us
from o2cbd.core.model import AddNode, RemoveNode, SetAttribute
from o2cbd.core.refusal import Refusal
from o2cbd.core.rules import Timing

TIMING = Timing()
ADD = AddNode(cluster=CLUSTER, node=node(2))
REMOVE = RemoveNode(cluster=CLUSTER, node="n3")
LOCAL = SetAttribute(cluster=CLUSTER, node="n1", attribute="local", value="1")


@pytest.mark.parametrize(
    ("failures", "expected_us"),
    [(1, 250000), (2, 500000), (3, 1000000), (6, 8000000), (7, 10000000), (1000, 10000000)],
)
def test_pauses_double_up_to_the_longest(failures: int, expected_us: int) -> None:
    assert expected_us == pause_us(failures, TIMING)


def test_a_failure_keeps_its_errno_and_place_until_it_is_due() -> None:
    ledger = Ledger(TIMING)
    ledger.failed(ADD, errno.EEXIST, "node/n2/num", 1000)
    refusal = Refusal(errno=errno.EEXIST, detail="node/n2/num")
    assert ledger.refusals(1000 + 249_999) == {ADD: refusal}
    assert ledger.refusals(1000 + 250_000) == {}
    assert ledger.next_due_us(1000) == 251_000


def test_failures_in_a_row_are_tried_with_growing_pauses_until_one_success() -> None:
    ledger = Ledger(TIMING)
    ledger.failed(ADD, errno.EIO, "", 0)
    ledger.failed(ADD, errno.EIO, "", 0)
    assert ledger.next_due_us(0) == 500_000
    ledger.done(ADD)
    assert ledger.next_due_us(0) is None
    ledger.failed(ADD, errno.EIO, "", 0)
    assert ledger.next_due_us(0) == 250_000


@pytest.mark.parametrize(
    ("step", "number"),
    [(REMOVE, errno.EBUSY), (LOCAL, errno.EADDRNOTAVAIL), (LOCAL, errno.EADDRINUSE)],
)
def test_what_ends_by_itself_is_tried_steadily(
    step: RemoveNode | SetAttribute, number: int
) -> None:
    """A pin, or an address that is not there yet: done within a second of its end."""
    ledger = Ledger(TIMING)
    for _ in range(10):
        ledger.failed(step, number, "", 0)
    assert ledger.next_due_us(0) == 500_000


@pytest.mark.parametrize(
    ("step", "number"),
    [(REMOVE, errno.EIO), (LOCAL, errno.EBUSY), (ADD, errno.EBUSY), (ADD, errno.EADDRINUSE)],
)
def test_everything_else_is_tried_with_growing_pauses(
    step: RemoveNode | SetAttribute | AddNode, number: int
) -> None:
    ledger = Ledger(TIMING)
    for _ in range(3):
        ledger.failed(step, number, "", 0)
    assert ledger.next_due_us(0) == 1_000_000


def test_after_a_notice_everything_may_be_tried_and_pauses_keep_growing() -> None:
    ledger = Ledger(TIMING)
    ledger.failed(ADD, errno.EIO, "", 0)
    ledger.all_due(100)
    assert ledger.refusals(100) == {}
    ledger.failed(ADD, errno.EIO, "", 100)
    assert ledger.next_due_us(100) == 500_100


def test_a_removal_frees_what_is_no_removal() -> None:
    """An add may have waited for the num or address; a pin of another node is another matter."""
    ledger = Ledger(TIMING)
    ledger.failed(ADD, errno.EEXIST, "", 0)
    ledger.failed(REMOVE, errno.EBUSY, "", 0)
    ledger.removed(100)
    assert list(ledger.refusals(100)) == [REMOVE]


def test_what_is_due_already_asks_for_no_wake_up() -> None:
    """It was not tried, so something else keeps it back: a deadline in the past would spin."""
    ledger = Ledger(TIMING)
    ledger.failed(ADD, errno.EIO, "", 0)
    assert ledger.next_due_us(250_000) is None


def test_what_is_not_wanted_any_more_is_dropped() -> None:
    ledger = Ledger(TIMING)
    ledger.failed(ADD, errno.EIO, "", 0)
    ledger.failed(REMOVE, errno.EIO, "", 0)
    ledger.keep_only([REMOVE])
    assert list(ledger.refusals(0)) == [REMOVE]
