"""What the shutdown question was seen to do."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecluster.cman.constants import Reason
from fakecluster.cman.engine import Sockets
from fakecluster.cman.errors import RequestRefusedError
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


def test_row_shutdown_all_yes(profile: Profile) -> None:
    """Down in about 15 ms after the last yes, and every client is closed; the asker knew before."""
    rig = EngineHarness(2, profile=profile).up()
    one, two, admin = rig.listen(1), rig.listen(1), rig.admin(1)
    admin.shutdown()
    one.client.reply_shutdown(True)
    rig.run(SECOND_US)
    assert admin.replies == []
    began_us = rig.now_us()
    two.client.reply_shutdown(True)
    rig.run(SECOND_US)
    down_us = began_us + BACK_US + 15_000
    assert admin.replies == [(began_us + BACK_US, 0)]
    assert (one.closed_us, two.closed_us, admin.closed_us) == (down_us, down_us, down_us)
    assert _sockets(rig) is Sockets.ABSENT


@pytest.mark.parametrize("answers", [(False,), (True, False), (False, True)])
def test_row_shutdown_one_no(profile: Profile, answers: tuple[bool, ...]) -> None:
    """EBUSY once the last answer is in, not before; cman stays and tells nobody that it is over."""
    rig = EngineHarness(1, profile=profile).up()
    asked = [rig.listen(1) for _ in answers]
    admin = rig.admin(1)
    admin.shutdown()
    for client, yes in zip(asked, answers, strict=True):
        assert admin.replies == []
        client.client.reply_shutdown(yes)
    assert admin.replies == [(rig.now_us(), -errno.EBUSY)]
    rig.run()
    assert [client.kinds() for client in asked] == [["Notice"]] * len(asked)
    assert _sockets(rig) is Sockets.LISTENING


@pytest.mark.parametrize("one_says_yes", [False, True])
def test_row_shutdown_silence(profile: Profile, one_says_yes: bool) -> None:
    """EBUSY at the time-out; a late yes is ignored, a later request asks again."""
    rig = EngineHarness(1, profile=profile).up()
    silent, other, admin = rig.listen(1), rig.listen(1), rig.admin(1)
    began_us = rig.now_us()
    admin.shutdown()
    if one_says_yes:
        other.client.reply_shutdown(True)
    rig.run()
    assert admin.replies == [(began_us + TIMEOUT_US, -errno.EBUSY)]
    silent.client.reply_shutdown(True)
    other.client.reply_shutdown(True)
    rig.run()
    assert _sockets(rig) is Sockets.LISTENING
    admin.shutdown()
    assert silent.notices(Reason.TRY_SHUTDOWN) == [0, 0]
    rig.run()
    assert [status for _, status in admin.replies] == [-errno.EBUSY] * 2


def test_row_shutdown_forced(profile: Profile) -> None:
    """A no is overruled at once, silence at the time-out; the leave waits for either."""
    overruled = EngineHarness(1, profile=profile).up()
    client, admin = overruled.listen(1), overruled.admin(1)
    admin.shutdown(FORCE)
    began_us = overruled.now_us()
    client.client.reply_shutdown(False)
    overruled.run()
    assert admin.replies == [(began_us + BACK_US, 0)]

    waiting = EngineHarness(1, profile=profile).up()
    waiting.listen(1)
    admin = waiting.admin(1)
    began_us = waiting.now_us()
    admin.shutdown(FORCE)
    waiting.run()
    assert admin.replies == [(began_us + TIMEOUT_US + BACK_US, 0)]
    assert _sockets(waiting) is Sockets.ABSENT


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


def test_row_shutdown_new_client(profile: Profile) -> None:
    """It is asked before its subscription returns, and the question waits for it too."""
    rig = EngineHarness(1, profile=profile).up()
    first, admin = rig.listen(1), rig.admin(1)
    admin.shutdown(REMOVE)
    newcomer = rig.listen(1)
    assert newcomer.notices(Reason.TRY_SHUTDOWN) == [REMOVE]
    first.client.reply_shutdown(True)
    rig.run(SECOND_US)
    assert admin.replies == []
    newcomer.client.reply_shutdown(True)
    rig.run(SECOND_US)
    assert [status for _, status in admin.replies] == [0]


def test_row_shutdown_second_request(profile: Profile) -> None:
    """EALREADY while one is pending, and while the node leaves; the first goes on."""
    rig = EngineHarness(1, profile=profile).up()
    client, admin, second = rig.listen(1), rig.admin(1), rig.admin(1)
    admin.shutdown()
    with pytest.raises(RequestRefusedError) as caught:
        second.shutdown()
    assert caught.value.code == errno.EALREADY
    assert client.notices(Reason.TRY_SHUTDOWN) == [0]
    client.client.reply_shutdown(True)
    with pytest.raises(RequestRefusedError) as caught:
        second.shutdown(FORCE)
    assert caught.value.code == errno.EALREADY
    rig.run(AT_ONCE_US)
    assert ([s for _, s in admin.replies], second.replies) == ([0], [])


def test_a_forced_shutdown_leaves_without_its_requester() -> None:
    """Read from source: where force was asked the left-over timer leaves instead of crashing."""
    rig = EngineHarness(1).up()
    rig.listen(1)
    admin = rig.admin(1)
    admin.shutdown(FORCE)
    admin.client.disconnect()
    rig.run()
    assert (_sockets(rig), admin.replies) == (Sockets.ABSENT, [])


def test_a_decision_stops_the_latest_timer_only() -> None:
    """Where the second question is answered in time, the first one's timer crashes cman."""
    rig = EngineHarness(1).up()
    client = rig.listen(1)
    gone, admin = rig.admin(1), rig.admin(1)
    began_us = rig.now_us()
    gone.shutdown()
    gone.client.disconnect()
    rig.run(SECOND_US)
    admin.shutdown()
    client.client.reply_shutdown(False)
    rig.run()
    assert client.closed_us == began_us + TIMEOUT_US
    assert [status for _, status in admin.replies] == [-errno.EBUSY]


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
