"""Who else holds the semaphore, since when, and whether it can be used at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from o2cbd.core import reports
from o2cbd.core.ledger import pause_us
from o2cbd.core.model import Holder, Pending, Step, Why
from o2cbd.core.rules import SECOND_US, Timing


class Holders:
    """Follows the holds of others, and tells of a long one once."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._holder: Holder | None = None
        self._warned = False
        self._errno: int | None = None
        self._failures = 0

    @property
    def holder(self) -> Holder | None:
        """Who held at our last look, None when nobody did."""
        return self._holder

    def refused(
        self, pid: int, steps: Sequence[Step], now_us: int
    ) -> tuple[list[reports.Report], list[Pending]]:
        """Note that somebody holds while these steps could be done."""
        self._usable()
        told: list[reports.Report] = []
        if self._holder is None or self._holder.pid != pid:
            self._holder = Holder(pid=pid, since_us=now_us)
            self._warned = False
            told.append(reports.HoldSeen(pid=pid, steps=len(steps)))
        held_us = now_us - self._holder.since_us
        if held_us >= self._timing.hold_warn_us and not self._warned:
            self._warned = True
            waiting = tuple(reports.describe(step) for step in steps)
            told.append(reports.HoldOld(pid=pid, seconds=held_us // SECOND_US, waiting=waiting))
        reason = f"{reports.process(pid)} holds the semaphore; waiting for its release"
        return told, _kept_back(steps, reason, None)

    def unusable(
        self, number: int, steps: Sequence[Step], detail: str = ""
    ) -> tuple[list[reports.Report], list[Pending]]:
        """Note that the semaphore cannot be used; told once for each errno."""
        self._holder = None
        self._failures += 1
        known, self._errno = self._errno, number
        report = reports.HoldUnusable(errno=number, detail=detail)
        return [] if known == number else [report], _kept_back(steps, report.text, number)

    def retry_us(self, now_us: int) -> int:
        """Return when to try to take it again."""
        if self._failures:
            return now_us + pause_us(self._failures, self._timing)
        return now_us + self._timing.hold_retry_us

    def taken(self) -> list[reports.Report]:
        """Note that it is ours."""
        self._usable()
        if self._holder is None:
            return []
        self._holder = None
        return [reports.HoldGone()]

    def nothing_waits(self) -> None:
        """Note that nothing waits for a release any more, so that nobody looks at the holder."""
        self._holder = None

    def _usable(self) -> None:
        self._errno = None
        self._failures = 0


def _kept_back(steps: Iterable[Step], reason: str, number: int | None) -> list[Pending]:
    return [Pending(step=step, why=Why.HELD, reason=reason, errno=number) for step in steps]
