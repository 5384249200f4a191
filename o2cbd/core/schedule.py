"""When the next pass begins, and whether it reads everything anew."""

from __future__ import annotations


class Schedule:
    """One deadline; never later than the next resync."""

    def __init__(self, resync_us: int) -> None:
        self._resync_us = resync_us
        self._resync_due_us = 0
        self._due_us = 0
        self._fresh = True

    @property
    def due_us(self) -> int:
        """When the next pass begins."""
        return self._due_us

    @property
    def fresh(self) -> bool:
        """True while everything is to be read anew: at a resync, and after a failed reading."""
        return self._fresh

    def at_once(self, now_us: int) -> None:
        """Something happened that a pass must look at."""
        self._due_us = now_us

    def begin(self, now_us: int) -> None:
        """A pass begins, as a resync where that is due."""
        if now_us >= self._resync_due_us:
            self._resync_due_us = now_us + self._resync_us
            self._fresh = True

    def read(self, *, good: bool) -> None:
        """The tables were read, or could not be."""
        self._fresh = not good

    def rest(self, *moments_us: int | None) -> None:
        """A pass ended: the next one begins at the first of these moments, or at the resync."""
        known = (moment for moment in moments_us if moment is not None)
        self._due_us = min((*known, self._resync_due_us))
