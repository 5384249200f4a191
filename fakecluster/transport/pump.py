"""Drives a timeline by a real clock while descriptors are served, until a stop signal comes."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType

from fakecluster.clock import Timeline
from fakecluster.transport.poller import READ, Poller
from o2cbd.clock import Clock

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Pump:
    """Drives a timeline by a real clock, and serves descriptors in between."""

    def __init__(
        self, poller: Poller, clock: Clock, *, first: Callable[[], None] | None = None
    ) -> None:
        """Start at 0.

        Args:
            poller: what waits.
            clock: real time.
            first: called after each wait, before what is due and what is ready.
        """
        self.timeline = Timeline()
        self._first = first
        self._poller = poller
        self._clock = clock
        self._start_us = clock.now_us()

    def turn(self) -> None:
        """Wait for the next event or descriptor, and do what is due."""
        due_us = self.timeline.next_due_us()
        wait_us = None if due_us is None else max(0, due_us - self._elapsed_us())
        self._poller.wait(wait_us, before=self._catch_up)

    def _catch_up(self) -> None:
        if self._first is not None:
            self._first()
        self.timeline.run_until(self._elapsed_us())

    def _elapsed_us(self) -> int:
        return self._clock.now_us() - self._start_us


@contextlib.contextmanager
def stop_requests(poller: Poller) -> Iterator[Callable[[], bool]]:
    """Give what says whether a stop signal has come; it also wakes the poller."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    theirs.settimeout(0)
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    def drain(_events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            ours.recv(64)

    before = {number: signal.signal(number, ask) for number in STOP_SIGNALS}
    wakeup = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    poller.watch(ours.fileno(), READ, drain)
    try:
        yield lambda: bool(asked)
    finally:
        poller.forget(ours.fileno())
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        ours.close()
        theirs.close()
