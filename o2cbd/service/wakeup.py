"""A wake-up between threads: any number of settings, one waking."""

from __future__ import annotations

import contextlib
import os


class Wakeup:
    """An eventfd that one side sets and the other waits on with poll(2) and clears."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def fileno(self) -> int:
        """Return the descriptor to wait on for POLLIN."""
        return self._fd

    def set(self) -> None:
        """Wake the other side, now or when it next waits; may be called from any thread."""
        with contextlib.suppress(BlockingIOError):  # it is full of wake-ups: one is enough
            os.eventfd_write(self._fd, 1)

    def clear(self) -> None:
        """Take all wake-ups, before looking at what they were about."""
        with contextlib.suppress(BlockingIOError):  # there was none
            os.eventfd_read(self._fd)

    def close(self) -> None:
        """Give the descriptor back; may be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
