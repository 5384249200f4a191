"""Failed steps, and when each may be tried again."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import replace

from o2cbd.core.frozen import frozen
from o2cbd.core.model import RemoveNode, SetAttribute, Step
from o2cbd.core.refusal import Refusal
from o2cbd.core.rules import Timing

_ADDRESS_ERRNOS = frozenset({errno.EADDRNOTAVAIL, errno.EADDRINUSE})


def pause_us(failures: int, timing: Timing) -> int:
    """Return the pause after so many failures in a row: doubled each time, up to the longest."""
    return min(timing.retry_first_us << min(failures - 1, 32), timing.retry_max_us)


@frozen
class Failure:
    """The last of the failures in a row of one step."""

    errno: int
    detail: str
    failures: int
    due_us: int


class Ledger:
    """Remembers failures only to pace the next try; it never decides what is wanted."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._failures: dict[Step, Failure] = {}

    def failed(self, step: Step, number: int, detail: str, now_us: int) -> None:
        """Note a failure and when to try again.

        What ends by itself is tried steadily (a pin, an address or port that is not there yet);
        everything else with growing pauses.
        """
        before = self._failures.get(step)
        failures = 1 if before is None else before.failures + 1
        pinned = isinstance(step, RemoveNode) and number == errno.EBUSY
        unbound = isinstance(step, SetAttribute) and number in _ADDRESS_ERRNOS
        pause = (
            self._timing.pinned_retry_us if pinned or unbound else pause_us(failures, self._timing)
        )
        self._failures[step] = Failure(
            errno=number, detail=detail, failures=failures, due_us=now_us + pause
        )

    def done(self, step: Step) -> None:
        """Note a success: the step's failures are history."""
        self._failures.pop(step, None)

    def keep_only(self, steps: Iterable[Step]) -> None:
        """Drop what is not wanted any more."""
        wanted = set(steps)
        for step in [one for one in self._failures if one not in wanted]:
            del self._failures[step]

    def all_due(self, now_us: int) -> None:
        """Something happened: everything may be tried again now, its pauses keep growing."""
        self._failures = {
            step: replace(one, due_us=min(one.due_us, now_us))
            for step, one in self._failures.items()
        }

    def removed(self, now_us: int) -> None:
        """An entry went: what is no removal itself may have waited for that."""
        self._failures = {
            step: one if isinstance(step, RemoveNode) else replace(one, due_us=now_us)
            for step, one in self._failures.items()
        }

    def refusals(self, now_us: int) -> dict[Step, Refusal]:
        """Return the steps that are not to be tried yet."""
        return {
            step: Refusal(errno=one.errno, detail=one.detail)
            for step, one in self._failures.items()
            if one.due_us > now_us
        }

    def next_due_us(self, now_us: int) -> int | None:
        """Return when the next step may be tried, None when none is to come.

        What may be tried already and still waits is kept by something else than its failure.
        """
        later = (one.due_us for one in self._failures.values() if one.due_us > now_us)
        return min(later, default=None)
