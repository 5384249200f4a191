"""The one clock of the daemon; nobody else asks what time it is."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock in integer microseconds, real or virtual."""

    def now_us(self) -> int:
        """Return the time since some fixed moment, in microseconds."""
        ...


class MonotonicClock:
    """CLOCK_MONOTONIC."""

    def now_us(self) -> int:
        """Return the system's monotonic time in microseconds."""
        return time.monotonic_ns() // 1000
