"""Signals as a descriptor: the main thread sleeps in poll(2) and is told which one came."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from types import FrameType
from typing import Self

CAUGHT = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What the daemon answers to; blocked from the first instruction of `o2cbd run` on, so that an
early one ends it as a late one does."""


class SignalPipe:
    """Catches signals into a pipe while it is entered; of the main thread only.

    They are caught whatever the process was started with: blocked, ignored, or already waiting.
    """

    def __init__(self, caught: Iterable[signal.Signals]) -> None:
        self._caught = tuple(caught)
        self._before: dict[signal.Signals, object] = {}
        self._wakeup_before = -1
        self._mask_before: set[int | signal.Signals] = set()
        self._read_fd, self._write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def __enter__(self) -> Self:
        self._wakeup_before = signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        for number in self._caught:
            self._before[number] = signal.signal(number, _nothing)
        self._mask_before = signal.pthread_sigmask(signal.SIG_UNBLOCK, self._caught)
        return self

    def __exit__(self, *_: object) -> None:
        # First, so that one more, that comes now, is none.
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal() gave
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._read_fd)
        os.close(self._write_fd)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._read_fd

    def take(self) -> tuple[signal.Signals, ...]:
        """Return the signals that came, in order."""
        with contextlib.suppress(BlockingIOError):
            numbers = os.read(self._read_fd, 4096)
            return tuple(signal.Signals(number) for number in numbers)
        return ()


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """The byte in the pipe says it; Python needs a handler to write that."""
