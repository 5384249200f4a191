"""The shutdown vote of one node: who is asked, who answered, what becomes of it."""

from __future__ import annotations

import enum
import errno
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from fakecluster.cman.answers import Notice, OnStatus
from fakecluster.cman.client_end import ClientEnd
from fakecluster.cman.constants import Reason, ShutdownFlag
from fakecluster.cman.context import Consent
from fakecluster.cman.errors import RequestRefusedError
from fakecluster.cman.timings import Timings


class Voter(Protocol):
    """What a vote needs of the process in which it is held."""

    @property
    def clients(self) -> Collection[ClientEnd]:
        """Those who are asked if they listen for notices."""
        ...

    @property
    def leaving(self) -> bool:
        """It has begun to leave."""
        ...

    @property
    def timings(self) -> Timings:
        """The cluster's clocks."""
        ...

    @property
    def others_may_refuse(self) -> bool:
        """A leave to which all clients agreed may still be refused."""
        ...

    def leave(self, *, removed: bool, consent: Consent) -> None:
        """Leave; when its goodbye has come round it calls `left`, else `stays`."""
        ...

    @property
    def crashes(self) -> bool:
        """It dies where the original was seen to crash."""
        ...

    def crash(self, why: str) -> None:
        """Die of a fault of its own."""
        ...

    def notify(self, notice: Notice) -> None:
        """Notify every client that listens."""
        ...

    def after(self, after_us: int, act: Callable[[], None], label: str) -> None:
        """Do it after a while."""
        ...

    def trace(self, what: str, detail: str = "") -> None:
        """Log what happened."""
        ...


class VoteResult(enum.Enum):
    """What the answers so far amount to."""

    OPEN = "open"
    LEAVE = "leave"
    REFUSED = "refused"


@dataclass(slots=True)
class AnswerCount:
    """The answers that are due and those that came. Answers are counted, not clients."""

    flags: int
    expected: int
    yes: int = 0
    no: int = 0

    def result(self, *, timed_out: bool = False) -> VoteResult:
        """Return what to do now; on time-out what is missing counts as no.

        One early no decides nothing, and neither does force: all answers or the time-out are
        waited for.
        """
        if not timed_out and self.yes + self.no < self.expected:
            return VoteResult.OPEN
        unanimous = self.yes >= self.expected and self.no == 0
        if unanimous or self.flags & ShutdownFlag.ANYWAY:
            return VoteResult.LEAVE
        return VoteResult.REFUSED


@dataclass(slots=True, eq=False)
class _OpenVote:
    """A vote that is being held; it outlives its requester."""

    count: AnswerCount
    requester: ClientEnd
    reply: OnStatus
    requester_leaves: bool = False
    """The leaving is its business: it wants the answer and no more."""


@dataclass(slots=True, eq=False)
class _Timer:
    """A time-out that runs; whether its vote is still held does not matter to it."""

    stopped: bool = False


class ShutdownVote:
    """At most one vote at a time."""

    def __init__(self, voter: Voter) -> None:
        self._voter = voter
        self._vote: _OpenVote | None = None
        self._timer: _Timer | None = None
        """The one that can be stopped: the latest."""
        self._flags = 0
        """Of the latest vote."""
        self._leaving_for: _OpenVote | None = None
        """Whose requester hears of our goodbye."""

    @property
    def pending(self) -> bool:
        """Whether a vote is being held."""
        return self._vote is not None

    def ask(
        self,
        flags: int,
        requester: ClientEnd,
        reply: OnStatus,
        *,
        timeout_us: int | None = None,
        requester_leaves: bool = False,
    ) -> None:
        """Ask everybody who listens for notices.

        Args:
            flags: a mask of `ShutdownFlag`.
            requester: who asks.
            reply: called with 0 or -errno.
            timeout_us: what is not answered by then counts as no; None: the daemon's time-out.
            requester_leaves: the requester wants the answer; after a yes it is he who leaves.

        Raises:
            RequestRefusedError: EALREADY.
        """
        voter = self._voter
        if self._vote is not None or voter.leaving:
            raise RequestRefusedError(errno.EALREADY)
        expected = sum(client.notified for client in voter.clients)
        vote = _OpenVote(AnswerCount(flags, expected), requester, reply, requester_leaves)
        self._flags = flags
        if expected == 0:
            if not (voter.others_may_refuse or requester_leaves):
                reply(0)
            self._leave(vote)
            return
        self._vote = vote
        voter.trace("shutdown asked", f"flags {flags}, {expected} to answer")
        if timeout_us is None:
            timeout_us = voter.timings.shutdown_timeout_us
        timer = self._timer = _Timer()
        voter.after(timeout_us, lambda: self._time_out(timer), "shutdown timer")
        voter.notify(Notice(reason=Reason.TRY_SHUTDOWN, arg=flags))

    def withdraw(self, requester: ClientEnd) -> None:
        """Drop the vote of a requester who takes it back; nobody is told."""
        if self._vote is not None and self._vote.requester is requester:
            self._stop_timer()
            self._vote = None
            self._forget_answers()

    def answer(self, client: ClientEnd, *, yes: bool) -> None:
        """Count an answer; it may come from anybody, and twice."""
        vote = self._vote
        if vote is None:
            return
        self._voter.trace("shutdown answered", "yes" if yes else "no")
        client.answered_no = not yes
        client.answered = True
        if yes:
            vote.count.yes += 1
        else:
            vote.count.no += 1
        self._decide(vote)

    def listener_added(self, client: ClientEnd) -> None:
        """Ask a newcomer too, and again whoever subscribes again."""
        if self._vote is not None:
            self._vote.count.expected += 1
            client.deliver(Notice(reason=Reason.TRY_SHUTDOWN, arg=self._vote.count.flags))

    def client_gone(self, client: ClientEnd) -> None:
        """Count a listener who is gone as a yes; without its requester a vote is dropped."""
        vote = self._vote
        leaving = self._leaving_for
        if leaving is not None and client is leaving.requester:
            self._leaving_for = None
        if vote is None:
            return
        if client is vote.requester:
            if not self._voter.crashes:
                self._stop_timer()  # else it runs on: see _time_out
            self._vote = None
            self._forget_answers()
            self._voter.trace("shutdown's requester gone")
            return
        if not client.notified:
            return
        if not client.answered:
            vote.count.yes += 1
        elif client.answered_no:
            vote.count.no -= 1
            vote.count.yes += 1
        self._decide(vote)

    def _decide(self, vote: _OpenVote, *, timed_out: bool = False) -> None:
        result = vote.count.result(timed_out=timed_out)
        if result is VoteResult.OPEN:
            return
        self._stop_timer()
        self._vote = None
        self._forget_answers()
        if result is VoteResult.LEAVE:
            self._leave(vote)
        else:
            self._voter.trace("shutdown refused")
            vote.reply(-errno.EBUSY)

    def _time_out(self, timer: _Timer) -> None:
        # The daemon has one vote and one timer that it knows: a timer that was left over, since its
        # requester is gone, ends whatever vote is held, and forgets the latest timer. With no vote
        # held the daemon answers a requester that is not there.
        if timer.stopped or self._voter.leaving:
            return
        self._timer = None
        if self._vote is not None:
            self._decide(self._vote, timed_out=True)
        elif self._flags & ShutdownFlag.ANYWAY:
            self._leave_for(self._flags)
        else:
            self._voter.crash("replied to a requester that is gone")

    def _leave(self, vote: _OpenVote) -> None:
        if vote.requester_leaves:
            vote.reply(0)
            return
        self._leaving_for = vote
        self._leave_for(vote.count.flags)

    def _leave_for(self, flags: int) -> None:
        forced = flags & ShutdownFlag.ANYWAY
        self._voter.leave(
            removed=bool(flags & ShutdownFlag.REMOVED),
            consent=Consent.OVERRULED if forced else Consent.NEEDED,
        )

    def left(self) -> None:
        """Report success to the requester: our goodbye has come round, whatever caused it."""
        vote = self._vote or self._leaving_for
        self._vote = self._leaving_for = None
        if vote is not None:
            vote.reply(0)

    def stays(self, code: int) -> None:
        """Report to the requester the errno with which somebody else refused."""
        vote, self._leaving_for = self._leaving_for, None
        if vote is not None:
            vote.reply(-code)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stopped = True
            self._timer = None

    def _forget_answers(self) -> None:
        for client in self._voter.clients:
            client.answered = False
            client.answered_no = False
