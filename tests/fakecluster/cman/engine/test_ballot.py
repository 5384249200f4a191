"""Counting answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecluster.cman.ballot import Ballot, Verdict

FORCE = 1


@pytest.mark.parametrize(
    ("ballot", "verdict", "at_timeout"),
    [
        (Ballot(0, 2, 1, 0), Verdict.OPEN, Verdict.REFUSED),
        (Ballot(0, 2, 2, 0), Verdict.LEAVE, Verdict.LEAVE),
        (Ballot(0, 2, 1, 1), Verdict.REFUSED, Verdict.REFUSED),
        (Ballot(0, 3, 0, 1), Verdict.OPEN, Verdict.REFUSED),
        (Ballot(0, 2, 3, 0), Verdict.LEAVE, Verdict.LEAVE),
        (Ballot(FORCE, 2, 0, 1), Verdict.OPEN, Verdict.LEAVE),
        (Ballot(FORCE, 2, 0, 2), Verdict.LEAVE, Verdict.LEAVE),
        (Ballot(2, 1, 0, 1), Verdict.REFUSED, Verdict.REFUSED),
    ],
)
def test_verdicts(ballot: Ballot, verdict: Verdict, at_timeout: Verdict) -> None:
    assert (ballot.verdict(), ballot.verdict(timed_out=True)) == (verdict, at_timeout)


@given(st.integers(0, 3), st.integers(1, 9), st.integers(0, 9), st.integers(0, 9))
def test_a_no_is_never_overruled_without_force(
    flags: int, expected: int, yes: int, no: int
) -> None:
    verdict = Ballot(flags, expected, yes, no).verdict(timed_out=True)
    assert (verdict is Verdict.LEAVE) == bool(flags & FORCE or (no == 0 and yes >= expected))
