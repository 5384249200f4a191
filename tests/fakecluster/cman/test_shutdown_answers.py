"""Counting answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecluster.cman.shutdown import AnswerCount, VoteResult

FORCE = 1


@pytest.mark.parametrize(
    ("count", "result", "at_timeout"),
    [
        (AnswerCount(0, 2, 1, 0), VoteResult.OPEN, VoteResult.REFUSED),
        (AnswerCount(0, 2, 2, 0), VoteResult.LEAVE, VoteResult.LEAVE),
        (AnswerCount(0, 2, 1, 1), VoteResult.REFUSED, VoteResult.REFUSED),
        (AnswerCount(0, 3, 0, 1), VoteResult.OPEN, VoteResult.REFUSED),
        (AnswerCount(0, 2, 3, 0), VoteResult.LEAVE, VoteResult.LEAVE),
        (AnswerCount(FORCE, 2, 0, 1), VoteResult.OPEN, VoteResult.LEAVE),
        (AnswerCount(FORCE, 2, 0, 2), VoteResult.LEAVE, VoteResult.LEAVE),
        (AnswerCount(2, 1, 0, 1), VoteResult.REFUSED, VoteResult.REFUSED),
    ],
)
def test_results(count: AnswerCount, result: VoteResult, at_timeout: VoteResult) -> None:
    assert (count.result(), count.result(timed_out=True)) == (result, at_timeout)


@given(st.integers(0, 3), st.integers(1, 9), st.integers(0, 9), st.integers(0, 9))
def test_a_no_is_never_overruled_without_force(
    flags: int, expected: int, yes: int, no: int
) -> None:
    result = AnswerCount(flags, expected, yes, no).result(timed_out=True)
    assert (result is VoteResult.LEAVE) == bool(flags & FORCE or (no == 0 and yes >= expected))
