"""The host's end of a source that is in a guest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integration.guest import Guest
from integration.membership.values import membership, notice, value
from o2cbd.core.events import Notice
from o2cbd.core.model import Membership

Ask = Callable[..., Any]
"""Calls a function of `sources` by its name with arguments by keyword; its value."""


def asking(guest: Guest) -> Ask:
    """What asks a guest that has been brought the module."""
    return lambda name, **arguments: guest.call(f"sources:{name}", arguments)


class GuestSource:
    """A `MembershipSource`, each of whose methods is one call of the guest's agent."""

    def __init__(self, ask: Ask) -> None:
        """Connect there.

        Args:
            ask: asks the guest.

        Raises:
            OSError: as a `Connect` does.
        """
        self._ask = ask
        self._number: int = value(ask("connect"))

    def fileno(self) -> int:
        """Return the descriptor of the guest's agent, which only `sources.readable` knows."""
        descriptor: int = value(self._ask("fileno", number=self._number))
        return descriptor

    def dispatch(self) -> tuple[Notice, ...]:
        return tuple(notice(words) for words in self._ask("dispatch", number=self._number))

    def snapshot(self) -> Membership:
        return membership(value(self._ask("snapshot", number=self._number)))

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - the answer itself
        value(self._ask("reply_shutdown", number=self._number, yes=yes))

    def close(self) -> None:
        self._ask("close", number=self._number)
