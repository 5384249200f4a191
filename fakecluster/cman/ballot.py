"""Counting the answers to one shutdown question, as the daemon does; pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from fakecluster.cman.constants import ShutdownFlag


class Verdict(enum.Enum):
    """What the answers so far amount to."""

    OPEN = "open"
    LEAVE = "leave"
    REFUSED = "refused"


@dataclass(slots=True)
class Ballot:
    """The answers that are due and those that came. Answers are counted, not clients."""

    flags: int
    expected: int
    yes: int = 0
    no: int = 0

    def verdict(self, *, timed_out: bool = False) -> Verdict:
        """Return what to do now; on time-out what is missing counts as no.

        One early no decides nothing, and neither does force: all answers or the time-out are
        waited for.
        """
        if not timed_out and self.yes + self.no < self.expected:
            return Verdict.OPEN
        unanimous = self.yes >= self.expected and self.no == 0
        if unanimous or self.flags & ShutdownFlag.ANYWAY:
            return Verdict.LEAVE
        return Verdict.REFUSED
