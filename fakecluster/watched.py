"""A membership source whose shutdown questions and answers a judge hears first."""

from __future__ import annotations

from fakecluster.oracles import SafetyOracle
from o2cbd.core.events import Notice, ShutdownAsked
from o2cbd.core.model import Membership
from o2cbd.membership.interface import MembershipSource


class WatchedSource:
    """Hands everything on, and tells the judge of it."""

    def __init__(self, source: MembershipSource, oracle: SafetyOracle) -> None:
        self._source = source
        self._oracle = oracle

    def fileno(self) -> int:
        """See `MembershipSource.fileno`."""
        return self._source.fileno()

    def dispatch(self) -> tuple[Notice, ...]:
        """See `MembershipSource.dispatch`."""
        notices = self._source.dispatch()
        for notice in notices:
            if isinstance(notice, ShutdownAsked):
                self._oracle.asked()
        return notices

    def snapshot(self) -> Membership:
        """See `MembershipSource.snapshot`."""
        membership = self._source.snapshot()
        self._oracle.read(membership)
        return membership

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - as in the interface
        """See `MembershipSource.reply_shutdown`."""
        self._oracle.answered(yes=yes)
        self._source.reply_shutdown(yes)

    def close(self) -> None:
        """See `MembershipSource.close`."""
        self._oracle.connection_ended()
        self._source.close()
