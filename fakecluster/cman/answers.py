"""What the daemon answers and announces, as values; the wire server puts them into bytes.

Addresses are numeric text (IPv4 or IPv6); port 0 and scope id 2 are the encoder's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fakecluster.cman.constants import CmanState, LeaveReason, Reason

OnStatus = Callable[[int], None]
"""Called with the status of a reply that comes later: 0 or -errno."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEntry:
    """One node of GETALLMEMBERS or GETNODE."""

    node_id: int
    """0: the quorum disk."""
    name: str
    us: bool = False
    state: CmanState
    leave_reason: LeaveReason = LeaveReason.DOWN
    incarnation: int = 0
    """The ring sequence at which *this* observer saw the join; 0: never seen."""
    jointime_us: int = 0
    """Wall clock of the observer in microseconds since 1970; 0: never seen."""
    votes: int = 0
    address: str = ""
    """The first interface. Of a non-member in a list: the previous entry's, as real cman does;
    empty: addrlen 0."""

    @property
    def is_member(self) -> bool:
        """cn_member."""
        return self.state is CmanState.MEMBER


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeExtra:
    """GETNODE_EXTRA."""

    node_id: int
    """As it was asked for: 0 is echoed as 0."""
    state: CmanState
    votes: int
    expected_votes: int
    leave_reason: LeaveReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterInfo:
    """GETCLUSTER."""

    name: str
    number: int
    generation: int
    """The current ring sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """GET_VERSION and SET_VERSION."""

    major: int = 6
    minor: int = 2
    patch: int = 0
    config: int
    """The version of the configuration that this daemon runs with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraInfo:
    """GETEXTRAINFO."""

    node_state: CmanState
    flags: int
    """A mask of `ExtraFlag`."""
    node_votes: int
    total_votes: int
    expected_votes: int
    quorum: int
    members: int
    ports: tuple[int, ...]
    """The bound ports, sorted."""
    multicasts: tuple[str, ...]
    """As many as interfaces."""
    interfaces: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceInfo:
    """GET_FENCE_INFO and UPDATE_FENCE_INFO."""

    node_id: int
    fenced: bool = False
    """Reset when the node is a member again; the time and the agent stay."""
    time_s: int = 0
    """When it was last fenced, in seconds since 1970."""
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An event, to those who asked for notices."""

    reason: Reason
    arg: int
    """STATE_CHANGE: quorate 0/1. TRY_SHUTDOWN: the raw flags. CONFIG_UPDATE: the version.
    PORT_*: the node id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confchg:
    """A configuration change of the ring, to those who asked for these."""

    members: tuple[int, ...]
    left: tuple[int, ...]
    joined: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortData:
    """A message to whoever has bound `port` here."""

    from_node_id: int
    port: int
    payload: bytes


Delivery = Notice | Confchg | PortData
"""What the daemon sends without being asked."""
