"""Virtual time, and the one heap of events that everything in a fake cluster is driven by."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass


class VirtualClock:
    """A clock that moves when it is told to; an `o2cbd.clock.Clock`."""

    def __init__(self, start_us: int = 0) -> None:
        self._now_us = start_us

    def now_us(self) -> int:
        """Return the virtual time in microseconds."""
        return self._now_us

    def advance_to(self, time_us: int) -> None:
        """Move on to `time_us`.

        Raises:
            ValueError: that is in the past.
        """
        if time_us < self._now_us:
            raise ValueError(f"the clock shows {self._now_us} us and cannot go back to {time_us}")
        self._now_us = time_us

    def advance_by(self, duration_us: int) -> None:
        """Move on by that much time."""
        self.advance_to(self._now_us + duration_us)


@dataclass(slots=True, eq=False)
class Handle:
    """Something scheduled; it can be taken back until it has run."""

    due_us: int
    label: str
    """What it is, for traces."""
    _callback: Callable[[], None] | None

    @property
    def pending(self) -> bool:
        """True until it ran or was cancelled."""
        return self._callback is not None

    def cancel(self) -> None:
        """Take it back; nothing happens when it has run or was cancelled."""
        self._callback = None

    def fire(self) -> None:
        """Run it, once; for the timeline alone."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Timeline:
    """A heap of (time, seq, callback): a total order, the same on every machine.

    What is due at the same time runs in the order in which it was scheduled. The simulator pumps it
    with `run_next` or `run_until` a virtual time; a server calls `run_until(real now)` before every
    operation and after every wait, and waits no longer than until `next_due_us()`.
    """

    def __init__(self, start_us: int = 0) -> None:
        self.clock = VirtualClock(start_us)
        """Shows the time of the event that runs, else the time it was last pumped to."""
        self.now_us = self.clock.now_us
        """Return the timeline's time in microseconds."""
        self._heap: list[tuple[int, int, Handle]] = []
        self._seq = itertools.count()

    def schedule(
        self,
        callback: Callable[[], None],
        *,
        at_us: int | None = None,
        after_us: int | None = None,
        label: str = "",
    ) -> Handle:
        """Run `callback` at a time, or after a while; a time in the past is now.

        Raises:
            ValueError: not exactly one of at_us and after_us was given, or after_us is negative.
        """
        if (at_us is None) == (after_us is None):
            raise ValueError("give either at_us or after_us")
        now_us = self.clock.now_us()
        if after_us is not None:
            if after_us < 0:
                raise ValueError(f"after_us is {after_us}")
            at_us = now_us + after_us
        due_us = max(at_us or 0, now_us)
        handle = Handle(due_us, label, callback)
        heapq.heappush(self._heap, (due_us, next(self._seq), handle))
        return handle

    def next_due_us(self) -> int | None:
        """Return when the next event is due, None when there is none."""
        heap = self._heap
        while heap and not heap[0][2].pending:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def run_next(self) -> bool:
        """Move to the next event and run it; False when there is none.

        An exception of the callback goes through; the event counts as run.
        """
        if self.next_due_us() is None:
            return False
        self._run_first()
        return True

    def _run_first(self) -> None:
        """Run the first event of the heap, which `next_due_us` has found to be pending."""
        due_us, _, handle = heapq.heappop(self._heap)
        # Another hand may have moved the clock on meanwhile (the simulator's own events).
        self.clock.advance_to(max(due_us, self.clock.now_us()))
        handle.fire()

    def run_until(self, time_us: int) -> int:
        """Run all that is due up to and including `time_us`, then show that time.

        Callbacks may schedule more; what falls due by `time_us` runs too. A `time_us` in the past
        runs what is overdue and moves nothing. Returns how many events ran.
        """
        count = 0
        while (due_us := self.next_due_us()) is not None and due_us <= time_us:
            self._run_first()
            count += 1
        self.clock.advance_to(max(time_us, self.clock.now_us()))
        return count
