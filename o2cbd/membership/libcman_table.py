"""libcman's function table as this project calls it: typed, so that a fake can stand in for C.

The methods are libcman's functions without their `cman_`, one call of C each. Values come as the
library gives them: names and socket addresses are bytes, non-members and their leftovers included.
Believing them or not is the business of `o2cbd.membership.cman`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

REASON_PORTCLOSED: Final = 0
REASON_STATECHANGE: Final = 1
REASON_PORTOPENED: Final = 2
REASON_TRY_SHUTDOWN: Final = 3
REASON_CONFIG_UPDATE: Final = 4

DISPATCH_ONE: Final = 0
DISPATCH_ALL: Final = 1
DISPATCH_BLOCKING: Final = 2

SHUTDOWN_ANYWAY: Final = 1
"""In the argument of TRY_SHUTDOWN, which is a bit mask: the answer will not be heeded."""
SHUTDOWN_REMOVED: Final = 2
"""In the argument of TRY_SHUTDOWN: the cluster is to adjust its quorum to our absence."""

EXTRA_FLAG_2NODE: Final = 1

NODEID_US: Final = 0
"""What `get_node` takes for the local node. In a node list, id 0 is the quorum disk."""

MAX_INTERFACES: Final = 16
"""Over cman's own limit of ten interfaces a node."""


class CmanError(OSError):
    """A call of libcman failed; errno is the library's."""

    def __init__(self, errno_: int, call: str) -> None:
        super().__init__(errno_, f"{call}: {os.strerror(errno_)}")
        self.call = call
        """The C function, as an operator knows it: `cman_get_nodes`."""


class NodeRecord(NamedTuple):
    """A `cman_node_t`."""

    nodeid: int
    """Unsigned: cman's ids are positive, up to 32 bits."""
    address_length: int
    """As reported; of a non-member it is 0 or a leftover."""
    address: bytes
    """The 28 bytes that hold a sockaddr; of a non-member it may be another node's."""
    name: bytes
    """The whole field; the name ends at the first NUL, or with the field."""
    member: int
    incarnation: int


class ClusterRecord(NamedTuple):
    """What is wanted of a `cman_cluster_t`."""

    name: bytes
    generation: int
    """The current ring's sequence number."""


class FenceRecord(NamedTuple):
    """What the library knows of the last fencing of a node."""

    fenced: int
    """Not 0: fenced since it left."""
    time_s: int
    """Wall clock of the fencing."""


EventCallback = Callable[[int, int], None]
"""Called inside `dispatch`, in its thread, with the reason and its argument."""


class LibcmanHandle(Protocol):
    """One connection to cman. Not thread-safe; no call has a time-out.

    Every method raises `CmanError` where C returns -1 or NULL: EHOSTDOWN (each time again) or once
    ECONNRESET when the connection is dead, else what cman answered.
    """

    def finish(self) -> None:
        """Close the connection."""
        ...

    def start_notification(self, callback: EventCallback) -> None:
        """Ask for events; they are delivered by `dispatch` only."""
        ...

    def get_fd(self) -> int:
        """Return the descriptor to poll: another one while the library holds events back."""
        ...

    def dispatch(self, flags: int) -> int:
        """Deliver events. The result says nothing: DISPATCH_ALL gives 0 after events, too."""
        ...

    def get_node_count(self) -> int:
        """Count the node list: members, non-members and the quorum disk."""
        ...

    def get_nodes(self, max_nodes: int) -> tuple[int, tuple[NodeRecord, ...]]:
        """Return how many nodes the library says it has read, and the whole buffer's records.

        For a list longer than `max_nodes` it says EINVAL, or reports success with as many nodes
        as fit, taken from memory that an earlier answer has left: doubt a full buffer.
        """
        ...

    def get_node(self, nodeid: int) -> NodeRecord:
        """Look one node up by id; ENOENT: unknown, or before cman's first transition."""
        ...

    def get_node_votes(self, nodeid: int) -> int:
        """Return cnx_votes of `cman_get_node_extra`; EINVAL: unknown."""
        ...

    def get_node_addrs(self, nodeid: int) -> tuple[tuple[int, bytes], ...]:
        """Return (length, sockaddr) of each interface of a member; none for a non-member."""
        ...

    def get_cluster(self) -> ClusterRecord:
        """Return the cluster's name; answered even before the first transition."""
        ...

    def get_extra_flags(self) -> int:
        """Return ei_flags of `cman_get_extra_info`; EMSGSIZE: the answer did not fit."""
        ...

    def is_quorate(self) -> int:
        """Return 1 or 0."""
        ...

    def get_fenceinfo(self, nodeid: int) -> FenceRecord:
        """Return what is known of the last fencing of this node."""
        ...

    def replyto_shutdown(self, yesno: int) -> None:
        """Send an answer. Each counts, so send exactly one; never fails, even into the void."""
        ...


class LibcmanTable(Protocol):
    """A loaded libcman."""

    def init(self) -> LibcmanHandle:
        """Connect to cman.

        A success proves little: a dying cman's listener may still accept.

        Raises:
            CmanError: ENOENT (cman is not running), ECONNREFUSED (it crashed), EACCES (not root).
        """
        ...
