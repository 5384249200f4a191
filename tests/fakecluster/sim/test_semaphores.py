"""The simulated semaphore passes what the real one passes."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from fakecluster.conformance.hold import CHECKS, HoldDriver
from fakecluster.sim.semaphores import FakeHold, FakeSemaphores
from o2cbd.hold.interface import Hold


class FakeDriver:
    other_pid = 200

    def __init__(self) -> None:
        self._semaphores = FakeSemaphores()
        self._semaphore = self._semaphores.of("o2cb.c1")
        self._other = FakeHold(self._semaphore, self.other_pid)

    def hold(self) -> Hold:
        return FakeHold(self._semaphore, 100)

    def other_tries(self) -> bool:
        return self._other.take() is None

    def other_releases(self) -> None:
        self._other.release()

    def other_dies(self) -> None:
        self._semaphores.process_ended(self.other_pid)

    def remove_set(self) -> None:
        self._semaphore.remove_set()

    def set_exists(self) -> bool:
        return self._semaphore.exists


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conforms(check: Callable[[HoldDriver], None]) -> None:
    check(FakeDriver())


def test_unusable_fails_with_its_errno_until_it_is_mended() -> None:
    semaphore = FakeSemaphores().of("o2cb.c1")
    hold = FakeHold(semaphore, 100)
    semaphore.unusable_errno = errno.ENOSPC
    for use in (hold.take, hold.holder):
        with pytest.raises(OSError, match="semaphore") as caught:
            use()
        assert caught.value.errno == errno.ENOSPC
    semaphore.unusable_errno = None
    assert hold.take() is None


def test_names_are_semaphores_of_their_own() -> None:
    semaphores = FakeSemaphores()
    assert FakeHold(semaphores.of("a"), 1).take() is None
    assert FakeHold(semaphores.of("b"), 2).take() is None
    assert FakeHold(semaphores.of("a"), 2).take() == 1
