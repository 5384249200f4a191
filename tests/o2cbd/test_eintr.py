"""EINTR is retried at once, and not for ever."""

from __future__ import annotations

import errno

import pytest

from o2cbd.eintr import EINTR_TRIES_MAX, uninterrupted


class Interrupted:
    """A call that is interrupted so often before it gives its arguments back."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.calls = 0

    def __call__(self, *args: object, **kwargs: object) -> tuple[object, ...]:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise InterruptedError(errno.EINTR, "interrupted")
        return (*args, *kwargs.items())


@pytest.mark.row("errno")
@pytest.mark.parametrize("times", [0, 1, EINTR_TRIES_MAX - 1])
def test_the_call_is_made_until_it_is_not_interrupted(times: int) -> None:
    call = Interrupted(times)
    assert uninterrupted(call, 1, b=2) == (1, ("b", 2))
    assert call.calls == times + 1


def test_a_call_that_is_always_interrupted_fails() -> None:
    call = Interrupted(10 * EINTR_TRIES_MAX)
    with pytest.raises(InterruptedError):
        uninterrupted(call)
    assert call.calls == EINTR_TRIES_MAX


def test_any_other_error_is_passed_on_at_once() -> None:
    def fail() -> None:
        raise PermissionError(errno.EACCES, "no")

    with pytest.raises(PermissionError):
        uninterrupted(fail)
