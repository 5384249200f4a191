"""The narrow membership interface that the agent knows, whatever the cluster manager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from o2cbd.core.events import Notice
from o2cbd.core.model import Membership


class ManagerGoneError(OSError):
    """The connection to the cluster manager is dead; only a new one helps.

    errno is what the manager's library said: EHOSTDOWN, ECONNRESET, ENOENT, ECONNREFUSED ...
    """


class ReadFailedError(OSError):
    """A reading failed, the connection lives; the text is for the operator: what to mend where."""


class MembershipSource(Protocol):
    """One living connection to a cluster manager; used by one thread for its whole life.

    A source is made by a `Connect`. After a `ManagerLost` notice or a `ManagerGoneError` only
    `close` may be called. No method but the requests (`snapshot`, `reply_shutdown`) waits.
    """

    def fileno(self) -> int:
        """Return the descriptor to wait on for POLLIN.

        It changes: ask before every wait. It may be a file that epoll refuses.
        """
        ...

    def dispatch(self) -> tuple[Notice, ...]:
        """Take all notices that are there, in order, without waiting; spurious calls give ().

        A dead connection gives a last `ManagerLost` and nothing after it; never raises.
        """
        ...

    def snapshot(self) -> Membership:
        """Read the whole membership now.

        Raises:
            ManagerGoneError: the connection is dead.
            OSError: this reading failed with that errno, the connection lives; try again.
                ENOENT before the manager's first transition ("not a member yet").
        """
        ...

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - the answer itself
        """Answer the open shutdown question; the caller answers each question exactly once.

        Raises:
            ManagerGoneError: the connection is dead, the answer went nowhere.
        """
        ...

    def close(self) -> None:
        """Give the connection back; may be called twice; never raises."""
        ...


Connect = Callable[[], MembershipSource]
"""Opens a connection and subscribes to notices, or raises OSError with the library's errno:
ENOENT, ECONNREFUSED, EACCES ... or ELIBACC when the manager's library cannot be loaded."""
