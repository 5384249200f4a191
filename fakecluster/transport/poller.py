"""One poll(2) loop for everything that a fake cluster waits for in one thread."""

from __future__ import annotations

import select
from collections.abc import Callable

READ = select.POLLIN
WRITE = select.POLLOUT

Ready = Callable[[int], None]
"""Called with the poll events of its descriptor."""


class Poller:
    """Descriptors and what to call when they are ready; one thread, nothing blocks but `wait`."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._ready: dict[int, Ready] = {}

    def watch(self, fd: int, events: int, ready: Ready) -> None:
        """Call `ready` when one of `events` (or an error, a hang-up) is there; replaces."""
        self._poll.register(fd, events)
        self._ready[fd] = ready

    def forget(self, fd: int) -> None:
        """Watch `fd` no longer; nothing happens when it is not watched. Call before closing it."""
        if self._ready.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def wait(self, timeout_us: int | None, *, before: Callable[[], None] | None = None) -> bool:
        """Wait for the next descriptor or for `timeout_us` (None: for ever); call what is ready.

        A descriptor that is forgotten by an earlier call of the same round is not called. What is
        called must not trust the events: the descriptor's number may have been given away anew.

        Args:
            timeout_us: rounded up to the next millisecond.
            before: called once after the wait, before anything that is ready.

        Returns:
            Whether anything was ready.
        """
        timeout_ms = None if timeout_us is None else max(0, -(-timeout_us // 1000))
        found = self._poll.poll(timeout_ms)
        if before is not None:
            before()
        for fd, events in found:
            ready = self._ready.get(fd)
            if ready is not None:
                ready(events)
        return bool(found)
