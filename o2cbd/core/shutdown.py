"""The manager's question: is it safe to shut the cluster down on this node now?"""

from __future__ import annotations

from o2cbd.core.events import ShutdownAsked
from o2cbd.core.frozen import frozen
from o2cbd.core.model import Usage, Vote
from o2cbd.core.reports import process

_NAMED = 3
"""So many regions or mounts are named in a reason; the rest is counted."""


@frozen
class Answer:
    """Yes or no, and why."""

    yes: bool
    reason: str


def vote(usage: Usage) -> Answer:
    """Decide from facts.

    No while a heartbeat region has a thread (the authority), a volume is mounted, somebody else
    holds, or a fact cannot be read; else yes. All reasons for a no are given at once.
    """
    noes: list[str] = []
    if usage.regions:
        noes.append(f"heartbeat runs in {_some([region.name for region in usage.regions])}")
    if usage.mounts:
        noes.append(f"OCFS2 is mounted at {_some(list(usage.mounts))}")
    if usage.held_by is not None:
        noes.append(f"{process(usage.held_by)} holds the semaphore")
    noes.extend(f"cannot read {fact}" for fact in usage.unreadable)
    if noes:
        return Answer(yes=False, reason="; ".join(noes))
    return Answer(yes=True, reason="no heartbeat, no mount, no hold")


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    rest = len(names) - _NAMED
    return f"{shown} and {rest} more" if rest > 0 else shown


class Question:
    """The manager's open question, and the last answer.

    The manager has one question open at a time. Of several that were waiting for us only the last
    is open still, and it gets one answer: a second one would count as another client's.
    """

    def __init__(self) -> None:
        self._asked: tuple[ShutdownAsked, int] | None = None
        self._last: Vote | None = None

    @property
    def open(self) -> bool:
        """True when an answer is due."""
        return self._asked is not None

    @property
    def last(self) -> Vote | None:
        """The last answer that was given."""
        return self._last

    def asked(self, event: ShutdownAsked, now_us: int) -> None:
        """Note a question."""
        self._asked = (event, now_us)

    def drop(self) -> None:
        """The connection is gone, and the question with it."""
        self._asked = None

    def answer(self, usage: Usage) -> Vote:
        """Answer the open question; it is open no longer.

        Raises:
            LookupError: there is none.
        """
        if self._asked is None:
            raise LookupError("no question is open")
        (asked, asked_us), self._asked = self._asked, None
        answer = vote(usage)
        self._last = Vote(
            asked_us=asked_us,
            yes=answer.yes,
            reason=answer.reason,
            forced=asked.forced,
            removed=asked.removed,
        )
        return self._last
