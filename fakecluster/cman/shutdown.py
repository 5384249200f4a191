"""The shutdown question on one node: who is asked, who answered, what becomes of it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fakecluster.cman.answers import Notice
from fakecluster.cman.ballot import Ballot, Verdict
from fakecluster.cman.client_end import ClientEnd
from fakecluster.cman.constants import Reason, ShutdownFlag
from fakecluster.cman.errors import CmanError
from fakecluster.cman.process import Process
from fakecluster.cman.surroundings import Consent

Reply = Callable[[int], None]


class Leave(Protocol):
    """Lets the node leave; when its goodbye has come round it calls `left`, else `stays`."""

    def __call__(self, *, removed: bool, consent: Consent) -> None:
        """Leave; `removed`: the others are to expect a vote less."""
        ...


@dataclass(slots=True, eq=False)
class _Question:
    """A question that is out; it outlives its requester."""

    ballot: Ballot
    requester: ClientEnd
    reply: Reply
    requester_leaves: bool = False
    """The leaving is its business: it wants the answer and no more."""


@dataclass(slots=True, eq=False)
class _Timer:
    """A time-out that runs; whether its question is still out does not matter to it."""

    stopped: bool = False


class ShutdownDesk:
    """What the daemon knows about shutdown questions."""

    def __init__(self, process: Process, *, leave: Leave, crash: Callable[[str], None]) -> None:
        self._process = process
        self._leave_cluster = leave
        self._crash = crash
        self._question: _Question | None = None
        self._timer: _Timer | None = None
        """The one that can be stopped: the latest."""
        self._flags = 0
        """Of the latest question."""
        self._leaving_for: _Question | None = None
        """Whose requester hears of our goodbye."""

    @property
    def pending(self) -> bool:
        """Whether a question is out."""
        return self._question is not None

    def ask(
        self,
        flags: int,
        requester: ClientEnd,
        reply: Reply,
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
            CmanError: EALREADY.
        """
        process = self._process
        if self._question is not None or process.leaving:
            raise CmanError(errno.EALREADY)
        expected = sum(client.notified for client in process.clients)
        question = _Question(Ballot(flags, expected), requester, reply, requester_leaves)
        self._flags = flags
        if expected == 0:
            if not (process.world.others_may_refuse or requester_leaves):
                reply(0)
            self._leave(question)
            return
        self._question = question
        process.trace("shutdown asked", f"flags {flags}, {expected} to answer")
        if timeout_us is None:
            timeout_us = process.timings.shutdown_timeout_us
        timer = self._timer = _Timer()
        process.after(timeout_us, lambda: self._time_out(timer), "shutdown timer")
        process.notify(Notice(reason=Reason.TRY_SHUTDOWN, arg=flags))

    def withdraw(self, requester: ClientEnd) -> None:
        """Drop the question of a requester who takes it back; nobody is told."""
        if self._question is not None and self._question.requester is requester:
            self._stop_timer()
            self._question = None
            self._forget_answers()

    def answer(self, client: ClientEnd, *, yes: bool) -> None:
        """Count an answer; it may come from anybody, and twice."""
        question = self._question
        if question is None:
            return
        self._process.trace("shutdown answered", "yes" if yes else "no")
        client.answered_no = not yes
        client.answered = True
        if yes:
            question.ballot.yes += 1
        else:
            question.ballot.no += 1
        self._decide(question)

    def listener_added(self, client: ClientEnd) -> None:
        """Ask a newcomer too, and again whoever subscribes again."""
        if self._question is not None:
            self._question.ballot.expected += 1
            client.deliver(Notice(reason=Reason.TRY_SHUTDOWN, arg=self._question.ballot.flags))

    def client_gone(self, client: ClientEnd) -> None:
        """Count a listener who is gone as a yes; without its requester a question is dropped."""
        question = self._question
        leaving = self._leaving_for
        if leaving is not None and client is leaving.requester:
            self._leaving_for = None
        if question is None:
            return
        if client is question.requester:
            # The timer runs on: see _time_out.
            self._question = None
            self._forget_answers()
            self._process.trace("shutdown's requester gone")
            return
        if not client.notified:
            return
        if not client.answered:
            question.ballot.yes += 1
        elif client.answered_no:
            question.ballot.no -= 1
            question.ballot.yes += 1
        self._decide(question)

    def _decide(self, question: _Question, *, timed_out: bool = False) -> None:
        verdict = question.ballot.verdict(timed_out=timed_out)
        if verdict is Verdict.OPEN:
            return
        self._stop_timer()
        self._question = None
        self._forget_answers()
        if verdict is Verdict.LEAVE:
            self._leave(question)
        else:
            self._process.trace("shutdown refused")
            question.reply(-errno.EBUSY)

    def _time_out(self, timer: _Timer) -> None:
        # The daemon has one question and one timer that it knows: a timer that was left over, since
        # its requester is gone, ends whatever question is out, and forgets the latest timer. With
        # no question out the daemon answers a requester that is not there.
        if timer.stopped or self._process.leaving:
            return
        self._timer = None
        if self._question is not None:
            self._decide(self._question, timed_out=True)
        elif self._flags & ShutdownFlag.ANYWAY:
            self._leave_for(self._flags)
        else:
            self._crash("replied to a requester that is gone")

    def _leave(self, question: _Question) -> None:
        if question.requester_leaves:
            question.reply(0)
            return
        self._leaving_for = question
        self._leave_for(question.ballot.flags)

    def _leave_for(self, flags: int) -> None:
        forced = flags & ShutdownFlag.ANYWAY
        self._leave_cluster(
            removed=bool(flags & ShutdownFlag.REMOVED),
            consent=Consent.OVERRULED if forced else Consent.NEEDED,
        )

    def left(self) -> None:
        """Tell whoever asked for a shutdown that our goodbye has come round, whatever caused it."""
        question = self._question or self._leaving_for
        self._question = self._leaving_for = None
        if question is not None:
            question.reply(0)

    def stays(self, code: int) -> None:
        """Tell whoever asked for a shutdown with which errno somebody else refused it."""
        question, self._leaving_for = self._leaving_for, None
        if question is not None:
            question.reply(-code)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stopped = True
            self._timer = None

    def _forget_answers(self) -> None:
        for client in self._process.clients:
            client.answered = False
            client.answered_no = False
