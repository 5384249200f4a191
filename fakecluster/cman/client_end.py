"""The daemon's end of a client's connection: what the client asked to be told, and how."""

from __future__ import annotations

import enum
from collections.abc import Callable

from fakecluster.cman.answers import Delivery

Deliver = Callable[[Delivery], None]
"""Called with each notice, configuration change and message, in order."""
Closed = Callable[[], None]
"""Called once when the daemon drops the client; not when the client disconnects itself."""


class SocketKind(enum.Enum):
    """Which socket a client came through."""

    CLIENT = "client"
    ADMIN = "admin"


class ClientEnd:
    """A client as its daemon knows it."""

    def __init__(self, kind: SocketKind, deliver: Deliver | None, closed: Closed | None) -> None:
        self.kind = kind
        self.open = True
        """Neither disconnected nor dropped by the daemon."""
        self.notified = False
        """It asked for notices; changed by the requests alone, as are the next three."""
        self.wants_confchg = False
        self.answered = False
        """It answered the shutdown question that is out."""
        self.answered_no = False
        self._deliver = deliver
        self._closed = closed

    def deliver(self, delivery: Delivery) -> None:
        """Hand over what the daemon sends."""
        if self.open and self._deliver is not None:
            self._deliver(delivery)

    def dropped(self) -> None:
        """Close: the daemon ended."""
        if self.open:
            self.open = False
            if self._closed is not None:
                self._closed()
