"""Where the controller stands, and what may happen to it there: one table."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

from o2cbd.core import events


class Phase(enum.Enum):
    """What the controller waits for."""

    AWAY = "away"
    """No connection; waits for the next attempt."""
    CONNECTING = "connecting"
    """Opens the manager."""
    IDLE = "idle"
    """Waits for a notice, a request or the next pass."""
    LISTENING = "listening"
    """Takes the manager's notices, to begin a pass afterwards if one is due."""
    READING_MEMBERSHIP = "reading-membership"
    """A pass began."""
    READING_TABLES = "reading-tables"
    TAKING_HOLD = "taking-hold"
    STEPPING = "stepping"
    CHECKING = "checking"
    """Takes the manager's notices between two steps of a pass."""
    ANSWERING = "answering"
    """Reads whether the cluster is in use, for the manager's question."""
    LEAVING = "leaving"
    """Was told to stop; reads once more whether the cluster is in use."""
    ENDED = "ended"
    """Does nothing any more."""

    __hash__ = object.__hash__  # a member is equal to itself alone; enum's own is a Python function


_NOTICES = frozenset(
    {events.StateChange, events.ConfigChange, events.ShutdownAsked, events.ManagerLost}
)
_REQUESTS = frozenset({events.ForgetAsked, events.StopAsked})
_LATE = _NOTICES | {events.Dispatched}
"""What was on its way when the connection died, or the daemon ended: taken and dropped."""

LEGAL: Mapping[Phase, frozenset[type]] = MappingProxyType(
    {
        Phase.AWAY: frozenset({events.Woken}) | _REQUESTS | _LATE,
        Phase.CONNECTING: frozenset({events.Connected, events.ConnectFailed}),
        Phase.IDLE: frozenset({events.Woken}) | _REQUESTS,
        Phase.LISTENING: _NOTICES | _REQUESTS | {events.Dispatched},
        Phase.READING_MEMBERSHIP: frozenset(
            {events.MembershipRead, events.MembershipReadFailed, events.ManagerLost}
        ),
        Phase.READING_TABLES: frozenset({events.TablesRead, events.TablesReadFailed}),
        Phase.TAKING_HOLD: frozenset({events.HoldTaken, events.HoldRefused, events.HoldFailed}),
        Phase.STEPPING: frozenset({events.StepDone, events.StepFailed}),
        Phase.CHECKING: _NOTICES | _REQUESTS | {events.Dispatched},
        Phase.ANSWERING: frozenset({events.UsageRead}),
        Phase.LEAVING: frozenset({events.UsageRead}),
        Phase.ENDED: frozenset({events.Woken}) | _REQUESTS | _LATE,
    }
)
"""The events that may come in each phase; any other is a mistake of the caller's."""


class UnexpectedEventError(AssertionError):
    """An event came in a phase in which it cannot: whoever drives the controller is wrong."""
