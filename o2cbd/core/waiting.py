"""What is wanted and cannot be done yet, and since when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from o2cbd.core import reports
from o2cbd.core.changes import pending_changes
from o2cbd.core.model import Pending, Step, Why

_ENDS_UNANNOUNCED = frozenset({Why.REGION, Why.FOREIGN_CLUSTER, Why.IGNORED})
"""What may end without any notice, and is looked at now and then."""
_NOT_REPORTED = frozenset({Why.HELD, Why.UNSETTLED})
"""Not step by step: the hold itself is reported, and every removal waits for a moment."""


class Waiting:
    """The pending steps as of the last comparison."""

    def __init__(self) -> None:
        self._pending: tuple[Pending, ...] = ()
        self._reported: dict[Step, Pending] = {}
        """As the log has them last, for those that are still pending."""
        self._done: set[Step] = set()

    @property
    def pending(self) -> tuple[Pending, ...]:
        """In the order of the comparison."""
        return self._pending

    @property
    def steps(self) -> Collection[Step]:
        """The steps that are pending."""
        return {pending.step for pending in self._pending}

    @property
    def unsettled(self) -> bool:
        """True while anything waits for members and quorum to stand still."""
        return any(pending.why is Why.UNSETTLED for pending in self._pending)

    def did(self, step: Step) -> None:
        """Note that a step was done; a pass that a notice ends has no comparison to tell it."""
        self._done.add(step)

    def now(self, pendings: Iterable[Pending], now_us: int) -> list[reports.Report]:
        """Replace what is pending, keeping since when for what was so before."""
        before = {pending.step: pending for pending in self._pending}
        now: dict[Step, Pending] = {}
        for pending in pendings:
            old = before.get(pending.step)
            since_us = now_us if old is None else old.since_us
            now[pending.step] = replace(pending, since_us=since_us)
        self._pending = tuple(now.values())
        reported = dict(self._reportable(now.values()))
        told = pending_changes(self._reported, reported, self._done)
        self._reported = reported
        self._done.clear()
        return told

    def _reportable(self, pendings: Iterable[Pending]) -> Iterator[tuple[Step, Pending]]:
        """Yield what the log has of each step; one that waits for a moment is as it was before."""
        for pending in pendings:
            if pending.why not in _NOT_REPORTED:
                yield pending.step, pending
            elif pending.step in self._reported:
                yield pending.step, self._reported[pending.step]

    def next_look_us(self, now_us: int, pinned_us: int, unannounced_us: int) -> int | None:
        """Return when to look again at what ends without a notice; None when nothing does.

        Args:
            now_us: now.
            pinned_us: the pause while anything is pinned.
            unannounced_us: the pause while anything else may end unannounced.
        """
        whys = {pending.why for pending in self._pending}
        if Why.PINNED in whys:
            return now_us + pinned_us
        if whys & _ENDS_UNANNOUNCED:
            return now_us + unannounced_us
        return None
