"""The vote on a shutdown."""

from __future__ import annotations

import pytest

from o2cbd.core.events import ShutdownAsked
from o2cbd.core.model import Region, Usage, Vote
from o2cbd.core.shutdown import Question, vote

IDLE = "no heartbeat, no mount, no hold"


def region(name: str) -> Region:
    return Region(name=name, pid=9)


def test_nothing_in_use_is_a_yes() -> None:
    answer = vote(Usage())
    assert (answer.yes, answer.reason) == (True, IDLE)


@pytest.mark.row("vote-facts")
@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        (Usage(regions=(region("R1"),)), "heartbeat runs in R1"),
        (Usage(mounts=("/mnt/a", "/mnt/b")), "OCFS2 is mounted at /mnt/a, /mnt/b"),
        (Usage(held_by=77), "process 77 holds the semaphore"),
        (Usage(held_by=0), "an unknown process holds the semaphore"),
        (Usage(unreadable=("/proc/x: EIO",)), "cannot read /proc/x: EIO"),
        (
            Usage(regions=(region("R1"),), mounts=("/m",), held_by=3, unreadable=("f: EIO",)),
            (
                "heartbeat runs in R1; OCFS2 is mounted at /m; process 3 holds the semaphore;"
                " cannot read f: EIO"
            ),
        ),
    ],
)
def test_each_fact_is_a_no_with_its_reason(usage: Usage, reason: str) -> None:
    answer = vote(usage)
    assert (answer.yes, answer.reason) == (False, reason)


def test_of_many_names_three_are_given_and_the_rest_counted() -> None:
    answer = vote(Usage(mounts=("/1", "/2", "/3", "/4", "/5")))
    assert answer.reason == "OCFS2 is mounted at /1, /2, /3 and 2 more"


def test_a_question_is_open_until_it_is_answered_once() -> None:
    question = Question()
    opened = [question.open]
    question.asked(ShutdownAsked(forced=True, removed=True), 5)
    opened.append(question.open)
    expected = Vote(asked_us=5, yes=True, reason=IDLE, forced=True, removed=True)
    assert question.answer(Usage()) == expected
    assert question.last == expected
    assert [*opened, question.open] == [False, True, False]
    with pytest.raises(LookupError):
        question.answer(Usage())


def test_of_several_that_waited_only_the_last_is_open() -> None:
    """The manager has one open; a second answer would count as another client's."""
    question = Question()
    question.asked(ShutdownAsked(forced=False, removed=False), 1)
    question.asked(ShutdownAsked(forced=True, removed=False), 2)
    given = question.answer(Usage())
    assert (given.asked_us, given.forced) == (2, True)
    assert not question.open


def test_a_question_goes_with_its_connection() -> None:
    question = Question()
    question.asked(ShutdownAsked(forced=False, removed=False), 1)
    question.drop()
    assert not question.open
    assert question.last is None
