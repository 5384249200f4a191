"""Corosync's functions that the gate calls besides o2cbd's: typed, so that a fake can stand in.

Methods raise `CorosyncError` where C does not return CS_OK; see `libcorosync_table`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from o2cbd.membership.libcorosync_table import CorosyncTable

SHUTDOWN_REQUEST: Final = 0
"""Whoever tracks shutdowns is asked, and heeded."""
SHUTDOWN_REGARDLESS: Final = 1
"""They are asked, and not heeded."""
SHUTDOWN_IMMEDIATE: Final = 2
"""Nobody is asked."""

CS_ERR_INVALID_PARAM: Final = 7
CS_ERR_EXIST: Final = 14
"""Of a shutdown: another one is being asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Corosync's quorum device."""

    name: str
    votes: int
    """While it votes."""
    votes_now: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteInfo:
    """What votequorum knows of a node that is or was in the ring."""

    votes: int
    expected_votes: int
    """By the node's own account."""
    highest_expected: int
    """The most that any member expects."""
    total_votes: int
    quorum: int
    """The votes needed."""
    device: Device | None = None
    """The node's quorum device, if one is registered there."""


class VotesHandle(Protocol):
    """libvotequorum; tracked from the beginning."""

    def fd_get(self) -> int:
        """Return the descriptor to poll for POLLIN."""
        ...

    def dispatch(self, flags: int) -> None:
        """Deliver what is there; puts 1 MiB on the stack."""
        ...

    def info(self, node_id: int) -> VoteInfo:
        """Return a node's votes; CS_ERR_NOT_EXIST: it was never seen."""
        ...

    def set_expected(self, votes: int) -> None:
        """Set the votes that every member expects; CS_ERR_INVALID_PARAM: out of reach."""
        ...

    def set_votes(self, node_id: int, votes: int) -> None:
        """Set a node's votes."""
        ...

    def finalize(self) -> None:
        """Close the connection."""
        ...


class GroupHandle(Protocol):
    """libcpg: one group of processes on all nodes."""

    def fd_get(self) -> int:
        """Return the descriptor to poll for POLLIN."""
        ...

    def dispatch(self, flags: int) -> None:
        """Deliver what is there; puts 1 MiB on the stack."""
        ...

    def send(self, message: bytes) -> None:
        """Send to every process of the group, ourselves included, in one order for all."""
        ...

    def finalize(self) -> None:
        """Leave the group, and close the connection."""
        ...


OnVotes = Callable[[], None]
"""Called inside `dispatch`: votes, expectations or their judgement may be others now."""

OnMessage = Callable[[int, bytes], None]
"""Called inside `dispatch` with the sender's node id and its message."""


OnLeave = Callable[[int], None]
"""Called inside `dispatch`: a process of this node has left the group, and the node has not."""


class AdminHandle(Protocol):
    """libcfg, for what changes the cluster; it is asked no shutdown question."""

    def try_shutdown(self, flags: int) -> None:
        """Shut corosync down; waits for everybody who is asked. CS_ERR_BUSY: one refused."""
        ...

    def kill_node(self, node_id: int, reason: str) -> None:
        """Kill a node's corosync."""
        ...

    def reload_config(self) -> None:
        """Reload corosync.conf on every node."""
        ...

    def finalize(self) -> None:
        """Close the connection."""
        ...


class GateTable(Protocol):
    """All that the gate calls."""

    @property
    def membership(self) -> CorosyncTable:
        """What o2cbd calls, too."""
        ...

    def votes_initialize(self, on_votes: OnVotes) -> VotesHandle:
        """Connect to votequorum, and track it; fails where corosync has no such provider."""
        ...

    def group_join(self, name: str, on_message: OnMessage, on_leave: OnLeave) -> GroupHandle:
        """Connect, and join a group."""
        ...

    def admin_initialize(self) -> AdminHandle:
        """Connect to the configuration service."""
        ...
