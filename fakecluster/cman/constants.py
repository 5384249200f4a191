"""The numbers of cman's API: public facts of libcman.h 3.x."""

from __future__ import annotations

import enum
from typing import Final

MAX_VOTES: Final = 255
"""Of a node or a quorum device: a C unsigned char in libcman.h."""

MAX_PORT: Final = 255
"""The extra info's mask of ports has 256 bits; port 0 is cman's own."""


class Reason(enum.IntEnum):
    """What a notice is about."""

    PORT_CLOSED = 0
    STATE_CHANGE = 1
    PORT_OPENED = 2
    TRY_SHUTDOWN = 3
    CONFIG_UPDATE = 4


class CmanState(enum.IntEnum):
    """A node as one observer's daemon sees it; only MEMBER shows as cn_member 1."""

    JOINING = 1
    MEMBER = 2
    DEAD = 3
    LEAVING = 4
    DISALLOWED = 5


class LeaveReason(enum.IntEnum):
    """Why a node left, as cnx_leave_reason; a death gives none, which reads as DOWN."""

    DOWN = 0
    KILLED = 1
    PANIC = 2
    REMOVED = 3
    REJECTED = 4
    INCONSISTENT = 5
    DEAD = 6
    NO_RESPONSE = 7


class ShutdownFlag(enum.IntFlag):
    """The bit mask of a shutdown request, handed on raw as the notice's arg."""

    ANYWAY = 1
    REMOVED = 2


class LeaveFlag(enum.IntFlag):
    """The argument of LEAVE_CLUSTER."""

    DOWN = 0
    REMOVED = 3
    FORCE = 0x10


class ExtraFlag(enum.IntFlag):
    """The flags of GETEXTRAINFO."""

    TWO_NODE = 1
    ERROR = 2
    SHUTDOWN = 4
    DISALLOWED = 8
    DIRTY = 16
    DISALLOWED_ENABLED = 32


FENCED = 2
"""The flag of GET_FENCE_INFO that says so."""

US = 0
"""The node id that means ourselves in GETNODE."""

QDISK_QUERY_ID = -1
"""The node id that asks GETNODE for the quorum disk."""

QDISK_LISTED_ID = 0
"""The node id under which the quorum disk stands in the list of nodes."""

CMAN_VERSION = (6, 2, 0)

MAX_NODES = 255
"""What o2cb can number, and what this fake takes (totem's own limit is 384)."""

MAX_ADDRESSES = 10
CLUSTER_NAME_MAX_BYTES = 16
NODE_NAME_MAX_BYTES = 254
QUORUM_DISK_NAME_MAX_BYTES = 254
