"""The connection to the cluster manager: how often it was tried, and when it is tried again."""

from __future__ import annotations

from o2cbd.core import reports
from o2cbd.core.ledger import pause_us
from o2cbd.core.rules import Timing


class Connection:
    """Paces the attempts, and says of each change what the operator should know."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._attempts = 0
        self._due_us = 0
        self._told_errno: int | None = None
        self._ever = False
        self._lost = False

    @property
    def due_us(self) -> int:
        """When the next attempt is due."""
        return self._due_us

    @property
    def lost(self) -> bool:
        """True while a connection that was there is gone."""
        return self._lost

    def failed(self, number: int, detail: str, now_us: int) -> list[reports.Report]:
        """Note that an attempt failed; told once for each errno."""
        self._pause(now_us)
        if number == self._told_errno:
            return []
        self._told_errno = number
        return [reports.ManagerAwaited(errno=number, detail=detail)]

    def reached(self) -> reports.Report:
        """Note that there is a connection."""
        again, self._ever = self._ever, True
        self._lost = False
        self._told_errno = None
        return reports.ManagerReached(again=again)

    def proved(self) -> None:
        """Note that the connection gave an answer; a dying manager may still take connections."""
        self._attempts = 0

    def died(self, number: int, now_us: int) -> reports.Report:
        """Note that the connection is gone."""
        self._lost = True
        self._pause(now_us)
        return reports.ManagerGone(errno=number)

    def _pause(self, now_us: int) -> None:
        self._attempts += 1
        self._due_us = now_us + pause_us(self._attempts, self._timing)
