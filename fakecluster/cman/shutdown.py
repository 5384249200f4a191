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
    """Lets the node leave; see `Daemon.leave`."""

    def __call__(
        self,
        *,
        removed: bool,
        consent: Consent,
        done: Callable[[], None],
        refused: Callable[[int], None],
    ) -> None:
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
        if expected == 0:
            if not (process.world.others_may_refuse or requester_leaves):
                reply(0)
            self._leave(question)
            return
        self._question = question
        process.trace("shutdown asked", f"flags {flags}, {expected} to answer")
        if timeout_us is None:
            timeout_us = process.timings.shutdown_timeout_us
        process.after(timeout_us, lambda: self._time_out(question), "shutdown timer")
        process.notify(Notice(reason=Reason.TRY_SHUTDOWN, arg=flags))

    def withdraw(self, requester: ClientEnd) -> None:
        """Drop the question of a requester who takes it back; nobody is told."""
        if self._question is not None and self._question.requester is requester:
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
        def reply(status: int) -> None:
            if not question.requester_gone:
                question.reply(status)

        if question.requester_leaves:
            reply(0)
            return
        forced = question.ballot.flags & ShutdownFlag.ANYWAY
        self._leave_cluster(
            removed=bool(question.ballot.flags & ShutdownFlag.REMOVED),
            consent=Consent.OVERRULED if forced else Consent.NEEDED,
            done=lambda: reply(0),
            refused=lambda code: reply(-code),
        )

    def _forget_answers(self) -> None:
        for client in self._process.clients:
            client.answered = False
            client.answered_no = False
