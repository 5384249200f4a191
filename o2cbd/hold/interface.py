"""The narrow hold interface that the agent knows."""

from __future__ import annotations

from typing import Protocol


class Hold(Protocol):
    """One semaphore, seen from one process; taken and given back by one thread."""

    def take(self) -> int | None:
        """Try to take it, without waiting.

        Returns:
            None when it is ours now; else the pid of the process that holds it (0: unknown).

        Raises:
            OSError: it cannot be used at all (EACCES, ENOSPC ...).
        """
        ...

    def release(self) -> None:
        """Give it back; nothing happens when it is not ours, or when the set is gone (EIDRM)."""
        ...

    def holder(self) -> int | None:
        """Return the pid of *another* process that holds it (0: unknown), None when nobody does.

        May be called from any thread; makes nothing.

        Raises:
            OSError: it cannot be read.
        """
        ...

    def close(self) -> None:
        """Release it and forget it; may be called twice; never raises."""
        ...
