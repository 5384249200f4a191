"""How a fake cluster looks from outside: sockets, states, the log, and who is told."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class OperationError(ValueError):
    """The operation makes no sense now, or names what is not there."""


class Sockets(enum.Enum):
    """What connect(2) finds at a node's socket paths."""

    ABSENT = "absent"
    """ENOENT: never started, joining, left cleanly, killed by order."""
    LISTENING = "listening"
    STALE = "stale"
    """ECONNREFUSED: it crashed or its host lost power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """One node as the outside sees it."""

    node_id: int
    name: str
    running: bool
    stopped: bool
    sockets: Sockets
    is_member: bool
    quorate: bool
    members: tuple[int, ...]
    """In its own view; empty before its first transition."""
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEvent:
    """One thing that happened, for the event log; the same operations give the same log."""

    time_us: int
    node_id: int
    """0: the network or the whole cluster."""
    what: str
    detail: str = ""
    to: tuple[int, ...] = ()
    """Of a message: the other nodes that get it."""
    arrives_us: int = 0
    """Of a message: when."""


class Watcher:
    """Who has to know when sockets and processes come and go; override what you need."""

    def sockets(self, node_id: int, sockets: Sockets) -> None:
        """`node_id`'s sockets appeared, vanished or went stale (after its clients were closed)."""

    def stopped(self, node_id: int, *, stopped: bool) -> None:
        """`node_id`'s daemon serves nobody any more (SIGSTOP), or goes on."""
