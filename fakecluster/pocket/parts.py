"""The other interfaces of the agent: each says what it is told to say, and notes what was asked."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

from o2cbd.core.events import ManagerLost, Notice
from o2cbd.core.model import Membership, Usage
from o2cbd.membership.interface import ManagerGoneError


class PocketClock:
    """A clock that somebody sets."""

    def __init__(self) -> None:
        self.moment_us = 1_000_000

    def now_us(self) -> int:
        """Return the set moment."""
        return self.moment_us


@dataclass(slots=True)
class PocketManager:
    """A cluster manager that says what it is told to say; `connect` opens sources."""

    membership: Membership
    connect_error: OSError | None = None
    read_errors: list[OSError] = field(default_factory=list)
    """Each fails one reading, first to last."""
    notices: list[Notice] = field(default_factory=list)
    replies: list[bool] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    gone: bool = False

    def connect(self) -> PocketSource:
        """Open a source."""
        if self.connect_error is not None:
            raise self.connect_error
        self.connections += 1
        self.open += 1
        self.gone = False
        return PocketSource(self)

    def die(self) -> None:
        """End all connections, and take none for now."""
        self.gone = True
        self.notices = [ManagerLost(errno=errno.EHOSTDOWN)]
        self.connect_error = OSError(errno.ECONNREFUSED, "nobody listens")


@dataclass(slots=True)
class PocketSource:
    """One connection; a `MembershipSource`."""

    manager: PocketManager

    def fileno(self) -> int:
        """Return a number that names the connection."""
        return self.manager.connections

    def dispatch(self) -> tuple[Notice, ...]:
        """Take the notices."""
        taken, self.manager.notices = tuple(self.manager.notices), []
        return taken

    def snapshot(self) -> Membership:
        """Return what the manager says now."""
        if self.manager.gone:
            raise ManagerGoneError(errno.EHOSTDOWN, "the manager is down")
        if self.manager.read_errors:
            raise self.manager.read_errors.pop(0)
        return self.manager.membership

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - the interface's
        """Note the answer."""
        if self.manager.gone:
            raise ManagerGoneError(errno.EHOSTDOWN, "the manager is down")
        self.manager.replies.append(yes)

    def close(self) -> None:
        """Note that it was given back."""
        self.manager.open -= 1


@dataclass(slots=True)
class PocketHold:
    """A semaphore; a `Hold` as seen from the daemon."""

    held_by: int | None = None
    """The pid of somebody else."""
    error: OSError | None = None
    ours: bool = False
    looks: int = 0
    closed: bool = False

    def take(self) -> int | None:
        """Try to take it."""
        self.looks += 1
        if self.error is not None:
            raise self.error
        self.ours = self.held_by is None
        return self.held_by

    def release(self) -> None:
        """Give it back."""
        self.ours = False

    def holder(self) -> int | None:
        """Return who else has it."""
        return self.held_by

    def close(self) -> None:
        """Give it back for good."""
        self.ours = False
        self.closed = True


@dataclass(slots=True)
class PocketUsage:
    """What is in use; a `UsageReader`."""

    usage: Usage = field(default_factory=Usage)
    asked: list[str | None] = field(default_factory=list)

    def read(self, cluster: str | None) -> Usage:
        """Return what was set."""
        self.asked.append(cluster)
        return self.usage
