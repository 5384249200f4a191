"""What is wanted and cannot be done yet, and since when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from o2cbd.core import reports
from o2cbd.core.changes import pending_changes
from o2cbd.core.model import Pending, Step, Why

_ENDS_UNANNOUNCED = frozenset({Why.REGION, Why.FOREIGN_CLUSTER, Why.IGNORED})
"""What may end without any notice, and is looked at now and then."""


class Waiting:
    """The pending steps as of the last comparison."""

    def __init__(self) -> None:
        self._pending: dict[Step, Pending] = {}
        self._told: tuple[Pending, ...] = ()
        self._done: set[Step] = set()

    @property
    def pending(self) -> tuple[Pending, ...]:
        """In the order of the comparison."""
        return self._told  # the same value until it changes: it is asked for at every event

    @property
    def steps(self) -> Collection[Step]:
        """The steps that are pending."""
        return self._pending.keys()

    @property
    def unsettled(self) -> bool:
        """True while anything waits for members and quorum to stand still."""
        return any(pending.why is Why.UNSETTLED for pending in self._told)

    def did(self, step: Step) -> None:
        """Note that a step was done; a pass that a notice ends has no comparison to tell it."""
        self._done.add(step)

    def now(self, pendings: Iterable[Pending], now_us: int) -> list[reports.Report]:
        """Replace what is pending, keeping since when for what was so before."""
        before: Mapping[Step, Pending] = self._pending
        self._pending = {}
        for pending in pendings:
            old = before.get(pending.step)
            since_us = now_us if old is None else old.since_us
            self._pending[pending.step] = replace(pending, since_us=since_us)
        self._told = tuple(self._pending.values())
        told = pending_changes(before, self._pending, self._done)
        self._done.clear()
        return told

    def next_look_us(self, now_us: int, pinned_us: int, unannounced_us: int) -> int | None:
        """Return when to look again at what ends without a notice; None when nothing does.

        Args:
            now_us: now.
            pinned_us: the pause while anything is pinned.
            unannounced_us: the pause while anything else may end unannounced.
        """
        whys = {pending.why for pending in self._pending.values()}
        if Why.PINNED in whys:
            return now_us + pinned_us
        if whys & _ENDS_UNANNOUNCED:
            return now_us + unannounced_us
        return None
