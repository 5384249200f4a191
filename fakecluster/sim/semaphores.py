"""The semaphores of a host that is not there: who holds, and what the kernel undoes."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class _Set:
    """One life of a set: a set that was removed and made again is another one."""

    holder: int | None = None
    removed: bool = False


class FakeSemaphore:
    """One semaphore of one host; processes are known by their pids."""

    def __init__(self) -> None:
        self._set: _Set | None = None
        self.unusable_errno: int | None = None
        """While not None every attempt to use it fails with this: EACCES, ENOSPC ..."""

    @property
    def exists(self) -> bool:
        """True while there is a set."""
        return self._set is not None

    @property
    def holder(self) -> int | None:
        """The pid of whoever holds it, None when nobody does."""
        return None if self._set is None else self._set.holder

    def remove_set(self) -> None:
        """Remove the set (IPC_RMID): nobody holds any more, and holders do not notice."""
        if self._set is not None:
            self._set.removed = True
            self._set.holder = None
            self._set = None

    def process_ended(self, pid: int) -> None:
        """Undo what this process did (SEM_UNDO), however it ended."""
        if self._set is not None and self._set.holder == pid:
            self._set.holder = None

    def look(self) -> int | None:
        """Return the holder's pid; makes nothing.

        Raises:
            OSError: `unusable_errno`.
        """
        self._check_usable()
        return self.holder

    def lock(self, pid: int) -> _Set | None:
        """Take it for this process; the set that was taken, None when somebody holds.

        Raises:
            OSError: `unusable_errno`.
        """
        self._check_usable()
        current = self._set = self._set or _Set()
        if current.holder is not None:
            return None
        current.holder = pid
        return current

    def _check_usable(self) -> None:
        if self.unusable_errno is not None:
            raise OSError(self.unusable_errno, os.strerror(self.unusable_errno), "semaphore")


class FakeSemaphores:
    """All semaphores of one host, by the names of their holds."""

    def __init__(self) -> None:
        self._by_name: dict[str, FakeSemaphore] = {}

    def of(self, name: str) -> FakeSemaphore:
        """Return the semaphore of this name."""
        return self._by_name.setdefault(name, FakeSemaphore())

    def power_cycle(self) -> None:
        """Lose all sets, as a boot does."""
        for semaphore in self._by_name.values():
            semaphore.remove_set()

    def process_ended(self, pid: int) -> None:
        """Undo everywhere what this process did."""
        for semaphore in self._by_name.values():
            semaphore.process_ended(pid)


class FakeHold:
    """A semaphore seen from one process; implements `Hold`."""

    def __init__(self, semaphore: FakeSemaphore, pid: int) -> None:
        self._semaphore = semaphore
        self._pid = pid
        self._held: _Set | None = None

    def take(self) -> int | None:
        """Try to take it, see `Hold.take`."""
        self._held = self._semaphore.lock(self._pid)
        return None if self._held is not None else self._semaphore.holder

    def release(self) -> None:
        """Give it back, see `Hold.release`."""
        held, self._held = self._held, None
        if held is not None and not held.removed and held.holder == self._pid:
            held.holder = None

    def holder(self) -> int | None:
        """Say which other process holds it, see `Hold.holder`."""
        pid = self._semaphore.look()
        return None if pid == self._pid else pid

    def close(self) -> None:
        """Release it."""
        self.release()
