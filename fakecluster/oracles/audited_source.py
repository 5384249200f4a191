"""Membership sources between a simulated daemon and its own: audited, or without quorum."""

from __future__ import annotations

from dataclasses import replace

from fakecluster.oracles.safety import SafetyOracle
from o2cbd.core.events import Notice, ShutdownAsked
from o2cbd.core.model import Membership, Quorum
from o2cbd.membership.interface import MembershipSource


class SourceWithoutQuorum:
    """Makes a manager without a quorum provider of one that has one."""

    def __init__(self, source: MembershipSource) -> None:
        self._source = source
        self._last: tuple[Membership, Membership] | None = None
        """What was read, and what was made of it: the same reading stays the same value."""
        self.fileno = source.fileno
        self.dispatch = source.dispatch
        self.reply_shutdown = source.reply_shutdown
        self.close = source.close

    def snapshot(self) -> Membership:
        """Read the membership; its quorum is unknown."""
        read = self._source.snapshot()
        if self._last is None or self._last[0] is not read:
            self._last = (read, replace(read, quorum=Quorum.UNKNOWN))
        return self._last[1]


class AuditedSource:
    """Passes every call on, and reports it to the judge."""

    def __init__(self, source: MembershipSource, oracle: SafetyOracle) -> None:
        self._source = source
        self._oracle = oracle
        self.fileno = source.fileno

    def dispatch(self) -> tuple[Notice, ...]:
        """Take the notices, and count the shutdown questions among them."""
        notices = self._source.dispatch()
        for notice in notices:
            if isinstance(notice, ShutdownAsked):
                self._oracle.asked()
        return notices

    def snapshot(self) -> Membership:
        """Read the membership, and report it to the judge."""
        membership = self._source.snapshot()
        self._oracle.read(membership)
        return membership

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - as in the interface
        """Have the answer judged before it is given."""
        self._oracle.answered(yes=yes)
        self._source.reply_shutdown(yes)

    def close(self) -> None:
        """Have the end judged before it comes."""
        self._oracle.closing()
        self._source.close()
