"""Faults of one node's notices: lost, doubled, late, coalesced."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from fakecluster.clock import Timeline
from fakecluster.cman.answers import Notice

Send = Callable[[Notice], None]


class NoticeFault(enum.Enum):
    """What happens to the next STATECHANGE and CONFIG_UPDATE notices of one node.

    The shutdown question is never touched: a second question would have to be answered again.
    """

    DROP = "drop"
    DUPLICATE = "dup"
    DELAY = "delay"
    """Comes later; what follows it waits behind it (it is a stream)."""
    COALESCE = "coalesce"
    """Held back until all of them are there, then delivered at one instant."""


@dataclass(slots=True)
class _Planned:
    fault: NoticeFault
    left: int
    delay_us: int


@dataclass(slots=True, eq=False)
class _Held:
    """What waits."""

    notices: list[Notice]
    send: Send
    collecting: bool = False
    """More of the same COALESCE are to come."""


class NoticeFaults:
    """Between the daemon and its clients' sockets."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._planned: deque[_Planned] = deque()
        self._held: list[_Held] = []

    def plan(self, fault: NoticeFault, count: int, delay_us: int) -> None:
        """Do that to the next `count` notices that have nothing planned yet."""
        self._planned.append(_Planned(fault, count, delay_us))

    def forget(self) -> None:
        """Drop what is held back: the daemon is gone. What is planned stays planned."""
        self._held.clear()

    def emit(self, notice: Notice, send: Send) -> None:
        """Pass a notice on, now or later, once, twice or never."""
        planned = self._planned[0] if self._planned else None
        if planned is None:
            self._pass(notice, send)
            return
        planned.left -= 1
        if planned.left <= 0:
            self._planned.popleft()
        if planned.fault is NoticeFault.DUPLICATE:
            self._pass(notice, send)
            self._pass(notice, send)
        elif planned.fault is NoticeFault.DELAY:
            self._hold(notice, send, planned.delay_us)
        elif planned.fault is NoticeFault.COALESCE:
            self._coalesce(notice, send, planned)

    def _pass(self, notice: Notice, send: Send) -> None:
        if self._held:
            self._held[-1].notices.append(notice)
        else:
            send(notice)

    def _coalesce(self, notice: Notice, send: Send, planned: _Planned) -> None:
        held = self._held[-1] if self._held else None
        if held is None or not held.collecting:
            held = self._hold(notice, send, planned.delay_us)
            held.collecting = True
        else:
            held.notices.append(notice)
        if planned.left <= 0:
            self._release(held)

    def _hold(self, notice: Notice, send: Send, delay_us: int) -> _Held:
        held = _Held([notice], send)
        self._held.append(held)
        self._timeline.schedule(
            lambda: self._release(held), after_us=delay_us, label="held notices"
        )
        return held

    def _release(self, held: _Held) -> None:
        if held not in self._held:
            return
        at = self._held.index(held)
        del self._held[at]
        if at:
            # It is a stream: what is ready waits behind what is not.
            self._held[at - 1].notices += held.notices
            return
        for notice in held.notices:
            held.send(notice)
