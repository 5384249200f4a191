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

Reply = Callable[[int], None]


class Leave(Protocol):
    """Lets the node leave; `done` is called just before its end."""

    def __call__(self, *, removed: bool, done: Callable[[], None]) -> None:
        """Leave; `removed`: the others are to expect a vote less."""
        ...


@dataclass(slots=True, eq=False)
class _Question:
    """A question that is out; it outlives its requester."""

    ballot: Ballot
    requester: ClientEnd
    reply: Reply
    requester_gone: bool = False


class ShutdownDesk:
    """What the daemon knows about shutdown questions."""

    def __init__(self, process: Process, *, leave: Leave, crash: Callable[[str], None]) -> None:
        self._process = process
        self._leave_cluster = leave
        self._crash = crash
        self._question: _Question | None = None

    @property
    def pending(self) -> bool:
        """Whether a question is out."""
        return self._question is not None

    def ask(self, flags: int, requester: ClientEnd, reply: Reply) -> None:
        """Ask everybody who listens for notices.

        Raises:
            CmanError: EALREADY.
        """
        process = self._process
        if self._question is not None or process.leaving:
            raise CmanError(errno.EALREADY)
        expected = sum(client.notified for client in process.clients)
        question = _Question(Ballot(flags, expected), requester, reply)
        if expected == 0:
            reply(0)
            self._leave(question)
            return
        self._question = question
        process.trace("shutdown asked", f"flags {flags}, {expected} to answer")
        process.after(
            process.timings.shutdown_timeout_us, lambda: self._time_out(question), "shutdown timer"
        )
        process.notify(Notice(reason=Reason.TRY_SHUTDOWN, arg=flags))

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
        """Ask a newcomer too."""
        if self._question is not None:
            self._question.ballot.expected += 1
            client.deliver(Notice(reason=Reason.TRY_SHUTDOWN, arg=self._question.ballot.flags))

    def client_gone(self, client: ClientEnd) -> None:
        """Count a listener who is gone as a yes; without its requester a question is dropped."""
        question = self._question
        if question is None:
            return
        if client is question.requester:
            # The timer runs on: see _time_out.
            question.requester_gone = True
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
        self._question = None
        self._forget_answers()
        if verdict is Verdict.LEAVE:
            self._leave(question)
        else:
            self._process.trace("shutdown refused")
            question.reply(-errno.EBUSY)

    def _time_out(self, question: _Question) -> None:
        # The daemon has one timer and one state for it: a left-over timer hits what is there.
        gone = question.requester_gone
        if self._question is not None and (self._question is question or gone):
            self._decide(self._question, timed_out=True)
        elif gone and not self._process.leaving:
            if question.ballot.flags & ShutdownFlag.ANYWAY:
                self._leave(question)
            else:
                self._crash("replied to a requester that is gone")

    def _leave(self, question: _Question) -> None:
        def done() -> None:
            if not question.requester_gone:
                question.reply(0)

        removed = bool(question.ballot.flags & ShutdownFlag.REMOVED)
        self._leave_cluster(removed=removed, done=done)

    def _forget_answers(self) -> None:
        for client in self._process.clients:
            client.answered = False
            client.answered_no = False
