"""What the shutdown question was seen to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecluster.cman.engine import Sockets
from fakecluster.cman.shutdown import AnswerCount, VoteResult
from fakecluster.cman.timings import Profile
from fakecluster.testing.cman_engine import EngineHarness
from o2cbd.core.rules import SECOND_US

AT_ONCE_US = 20_000
TIMEOUT_US = 5_020_000
BACK_US = 50
"""Our own goodbye is back."""
FORCE, REMOVE = 1, 2


def _sockets(rig: EngineHarness) -> Sockets:
    return rig.engine.state(1).sockets


def test_row_shutdown_client_gone(profile: Profile) -> None:
    """A listener that closes counts as yes, also one that had said no; one that did not: no."""
    rig = EngineHarness(1, profile=profile).up()
    gone, bystander, admin = rig.listen(1), rig.engine.connect(1), rig.admin(1)
    refuser = rig.listen(1)
    admin.shutdown()
    bystander.disconnect()
    refuser.client.reply_shutdown(False)
    refuser.client.disconnect()
    assert admin.replies == []
    gone.client.disconnect()
    rig.run(AT_ONCE_US)
    assert [status for _, status in admin.replies] == [0]


def test_a_yes_that_leaves_counts_once() -> None:
    """Who said yes and closes is not counted twice."""
    rig = EngineHarness(1).up()
    one, _two, admin = rig.listen(1), rig.listen(1), rig.admin(1)
    admin.shutdown()
    one.client.reply_shutdown(True)
    one.client.disconnect()
    rig.run(SECOND_US)
    assert admin.replies == []


def test_a_forced_shutdown_leaves_without_its_requester() -> None:
    """Read from source: where force was asked the left-over timer leaves instead of crashing."""
    rig = EngineHarness(1).up()
    rig.listen(1)
    admin = rig.admin(1)
    admin.shutdown(FORCE)
    admin.client.disconnect()
    rig.run()
    assert (_sockets(rig), admin.replies) == (Sockets.ABSENT, [])


def test_an_asker_that_goes_while_the_node_leaves_is_told_nothing() -> None:
    rig = EngineHarness(1).up()
    admin = rig.admin(1)
    admin.shutdown()
    admin.client.disconnect()
    rig.run()
    assert [status for _, status in admin.replies] == [0]
    assert _sockets(rig) is Sockets.ABSENT


def test_the_end_comes_after_the_answer_with_draws() -> None:
    """15 to 60 ms."""
    gaps = set()
    for seed in range(20):
        rig = EngineHarness(1, seed=seed).up()
        admin = rig.admin(1)
        rig.engine.connect(1).start_notification()
        admin.shutdown(FORCE)
        rig.run()
        [(told_us, _)] = admin.replies
        assert admin.closed_us is not None
        gaps.add(admin.closed_us - told_us)
    assert 15_000 <= min(gaps) < 30_000 < max(gaps) <= 60_000


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
