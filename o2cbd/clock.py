"""The one clock of the daemon; nobody else asks what time it is."""

from __future__ import annotations

import datetime as dt
import time
from typing import Literal, Protocol

from o2cbd.core.rules import SECOND_US

WALL_JUMP_US = 500_000
"""When the wall clock moved by more than this against the monotonic one, it was set."""
MEASURE_GAP_US = 50
"""The two clocks are read together when no more than this lies between; else it is tried again."""
MEASURE_TRIES = 5

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Clock(Protocol):
    """A monotonic clock in integer microseconds, real or virtual."""

    def now_us(self) -> int:
        """Return the time since some fixed moment, in microseconds."""
        ...


def pause(duration_us: int) -> None:
    """Let the calling thread do nothing for so many microseconds of real time."""
    time.sleep(duration_us / SECOND_US)


class MonotonicClock:
    """CLOCK_MONOTONIC."""

    def now_us(self) -> int:
        """Return the system's monotonic time in microseconds."""
        return time.monotonic_ns() // 1000


class WallClock:
    """Names moments of a clock as people do, in UTC.

    The offset between the two clocks is kept while the wall clock is not set anew, so that one
    moment has one name however often it is asked for.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_us = self._measure()

    def utc(
        self,
        moment_us: int,
        *,
        timespec: Literal["milliseconds", "microseconds"] = "milliseconds",
    ) -> str:
        """Return a moment of the clock as RFC 3339 text.

        Args:
            moment_us: of the clock.
            timespec: as exact as this, cut off.
        """
        measured = self._measure()
        if abs(measured - self._offset_us) > WALL_JUMP_US:
            self._offset_us = measured
        moment = _EPOCH + dt.timedelta(microseconds=moment_us + self._offset_us)
        return moment.isoformat(timespec=timespec).replace("+00:00", "Z")

    def _measure(self) -> int:
        """Read both clocks; the reading that was least disturbed is the truest."""
        best_us = offset_us = 0
        for attempt in range(MEASURE_TRIES):
            before_us = self._clock.now_us()
            wall_us = time.time_ns() // 1000
            gap_us = self._clock.now_us() - before_us
            if attempt == 0 or gap_us < best_us:
                best_us, offset_us = gap_us, wall_us - before_us - gap_us // 2
            if gap_us <= MEASURE_GAP_US:
                break
        return offset_us
