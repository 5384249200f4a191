"""Corosync 3's functions as this project calls them: typed, so that a fake can stand in for C.

Three libraries, three kinds of connection: libquorum says who is a member and whether that is
enough, libcmap holds the configuration and what corosync knows of its members, libcfg has addresses
and asks the shutdown question. The methods are the libraries' functions without their prefixes.
Values come as the libraries give them: strings are bytes, addresses are socket addresses. Believing
them or not is the business of `o2cbd.membership.corosync`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final, Protocol

CS_OK: Final = 1
CS_ERR_LIBRARY: Final = 2
CS_ERR_TRY_AGAIN: Final = 6
CS_ERR_BAD_HANDLE: Final = 9
CS_ERR_ACCESS: Final = 11
CS_ERR_NOT_EXIST: Final = 12
CS_ERR_NO_SECTIONS: Final = 27
"""What `iter_next` says behind the last key."""
CS_ERR_INTERRUPT: Final = 16

DISPATCH_ALL: Final = 2

TRACK_CURRENT: Final = 1
"""Tell me once, now."""
TRACK_CHANGES: Final = 2
"""Tell me now, and whenever it changes."""

QUORUM_SET: Final = 1
"""What `quorum_initialize` gives as the type where there is a quorum provider."""

CMAP_TRACK_MODIFY: Final = 2
CMAP_TRACK_ADD: Final = 4

CFG_SHUTDOWN_REGARDLESS: Final = 1
"""The flag of a shutdown question whose answers are not heeded."""

_NAMES: Final = {
    CS_ERR_LIBRARY: ("CS_ERR_LIBRARY", errno.EHOSTDOWN),
    3: ("CS_ERR_VERSION", errno.EPROTONOSUPPORT),
    4: ("CS_ERR_INIT", errno.EIO),
    5: ("CS_ERR_TIMEOUT", errno.ETIMEDOUT),
    CS_ERR_TRY_AGAIN: ("CS_ERR_TRY_AGAIN", errno.EAGAIN),
    7: ("CS_ERR_INVALID_PARAM", errno.EINVAL),
    8: ("CS_ERR_NO_MEMORY", errno.ENOMEM),
    CS_ERR_BAD_HANDLE: ("CS_ERR_BAD_HANDLE", errno.EBADF),
    10: ("CS_ERR_BUSY", errno.EBUSY),
    CS_ERR_ACCESS: ("CS_ERR_ACCESS", errno.EACCES),
    CS_ERR_NOT_EXIST: ("CS_ERR_NOT_EXIST", errno.ENOENT),
    13: ("CS_ERR_NAME_TOO_LONG", errno.ENAMETOOLONG),
    14: ("CS_ERR_EXIST", errno.EEXIST),
    15: ("CS_ERR_NO_SPACE", errno.ENOSPC),
    CS_ERR_INTERRUPT: ("CS_ERR_INTERRUPT", errno.EINTR),
    17: ("CS_ERR_NAME_NOT_FOUND", errno.ENOENT),
    18: ("CS_ERR_NO_RESOURCES", errno.ENOBUFS),
    19: ("CS_ERR_NOT_SUPPORTED", errno.ENOTSUP),
    23: ("CS_ERR_QUEUE_FULL", errno.ENOBUFS),
    CS_ERR_NO_SECTIONS: ("CS_ERR_NO_SECTIONS", errno.ENOENT),
    100: ("CS_ERR_SECURITY", errno.EACCES),
}


class CorosyncError(OSError):
    """A call of a corosync library failed; errno is the nearest one to its `cs_error_t`."""

    def __init__(self, code: int, call: str) -> None:
        name, number = _NAMES.get(code, ("an unknown cs_error_t", errno.EIO))
        super().__init__(number, f"{call}: {name} ({code})")
        self.code = code
        """The `cs_error_t`."""
        self.call = call
        """The C function, as an operator knows it: `cmap_get`."""


CmapValue = int | float | bytes
"""A number, or the bytes of a string without its NUL."""

QuorumCallback = Callable[[bool, int, tuple[int, ...]], None]
"""Called inside `dispatch` with: quorate, the ring's sequence number, the ids of its members."""

NodelistCallback = Callable[[int, tuple[int, ...]], None]
"""Called inside `dispatch` with: the ring's sequence number, the ids of its members."""

KeyCallback = Callable[[str, CmapValue | None], None]
"""Called inside `dispatch` with: the key, its new value (None: it has none)."""

ShutdownCallback = Callable[[int], None]
"""Called inside `dispatch` with the flags of the request."""


class CorosyncHandle(Protocol):
    """One connection to corosync. Not thread-safe; no call has a time-out.

    Every method raises `CorosyncError` where C does not return CS_OK: CS_ERR_LIBRARY, each time
    again, when the connection is dead; CS_ERR_TRY_AGAIN when corosync is busy with itself.
    """

    def fd_get(self) -> int:
        """Return the descriptor to poll for POLLIN: one and the same for the connection's life."""
        ...

    def dispatch(self, flags: int) -> None:
        """Deliver events, without waiting where flags is DISPATCH_ALL; puts 1 MiB on the stack."""
        ...

    def finalize(self) -> None:
        """Close the connection."""
        ...


class QuorumHandle(CorosyncHandle, Protocol):
    """libquorum."""

    @property
    def model(self) -> int:
        """1: told of the members of every ring; 0 (before 3.1.0): by a quorum provider only."""
        ...

    @property
    def quorum_type(self) -> int:
        """QUORUM_SET where there is a quorum provider."""
        ...

    def trackstart(self, flags: int) -> None:
        """Ask for events: the first ones, nodes and then quorum, are there when this returns."""
        ...


class CmapHandle(CorosyncHandle, Protocol):
    """libcmap."""

    def get(self, key: str) -> CmapValue:
        """Return the value of a key, CS_ERR_NOT_EXIST where there is none."""
        ...

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Return all keys that begin so (`cmap_iter_init`, `_next`, `_finalize`)."""
        ...

    def track_add(self, key: str, flags: int, callback: KeyCallback) -> None:
        """Ask for changes of a key, which need not be there yet."""
        ...


class CfgHandle(CorosyncHandle, Protocol):
    """libcfg."""

    def trackstart(self) -> None:
        """Become one who is asked before corosync is shut down."""
        ...

    def replyto_shutdown(self, answer: int) -> None:
        """Send an answer, 1 for yes. Each counts, and success says only that it was sent."""
        ...

    def local_get(self) -> int:
        """Return our own node id."""
        ...

    def get_node_addrs(self, nodeid: int) -> tuple[tuple[int, bytes], ...]:
        """Return (length, sockaddr) of each link of a node, member or not.

        CS_ERR_NOT_EXIST for an unknown id; 0 is taken for our own.
        """
        ...


class CorosyncTable(Protocol):
    """The three loaded libraries.

    To connect raises `CorosyncError`: CS_ERR_LIBRARY (corosync does not run), CS_ERR_TRY_AGAIN (it
    starts or ends), CS_ERR_ACCESS (it does not let us in).
    """

    @property
    def can_vote(self) -> bool:
        """False: this libcfg (3.0.0 to 3.1.0) has no `corosync_cfg_trackstart`."""
        ...

    def quorum_initialize(
        self, on_quorum: QuorumCallback, on_nodelist: NodelistCallback
    ) -> QuorumHandle:
        """Connect to the quorum service, with the newest model that there is."""
        ...

    def cmap_initialize(self) -> CmapHandle:
        """Connect to the configuration map."""
        ...

    def cfg_initialize(self, on_shutdown: ShutdownCallback) -> CfgHandle:
        """Connect to the configuration service."""
        ...
