"""What is wanted and cannot be done yet, and since when."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from o2cbd.core import reports
from o2cbd.core.changes import pending_changes
from o2cbd.core.model import Pending, Step, Why

_ENDS_UNANNOUNCED = frozenset({Why.REGION, Why.FOREIGN_CLUSTER, Why.IGNORED})
"""What may end without any notice, and is looked at now and then."""


class Waiting:
    """The pending steps as of the last comparison."""

    def __init__(self) -> None:
        self._pending: tuple[Pending, ...] = ()
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
        told = pending_changes(before, now, self._done)
        self._done.clear()
        return told

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
