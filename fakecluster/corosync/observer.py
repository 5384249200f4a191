"""Sees what one corosync thinks of the ring; no voter. Needs nothing but the daemon's package."""

from __future__ import annotations

from dataclasses import dataclass

from o2cbd.membership.libcorosync_table import DISPATCH_ALL, TRACK_CHANGES, CorosyncTable


@dataclass(frozen=True, slots=True, kw_only=True)
class RingView:
    """Who hears whom, in the eyes of one corosync."""

    number: int = 0
    """Its sequence number."""
    members: tuple[int, ...] = ()
    quorate: bool = False


class Observer:
    """A connection to the corosync of this host, or of the network that the thread is in."""

    def __init__(self, table: CorosyncTable, *, provider: bool = True) -> None:
        """Connect.

        Args:
            table: the libraries.
            provider: there is a quorum provider.

        Raises:
            CorosyncError: it refuses.
        """
        self._provider = provider
        self.ring = RingView()
        """What it saw last."""
        self._quorum = table.quorum_initialize(self._on_quorum, self._on_nodelist)
        self._cfg = table.cfg_initialize(lambda _flags: None)
        self._quorum.trackstart(TRACK_CHANGES)

    def fileno(self) -> int:
        """Return what is readable when there is something new."""
        return self._quorum.fd_get()

    def look(self) -> RingView:
        """Take what is there; the request lets all be sent that was on its way."""
        self._cfg.local_get()
        self._quorum.dispatch(DISPATCH_ALL)
        return self.ring

    def close(self) -> None:
        """Disconnect, from a dead one too."""
        self._quorum.finalize()
        self._cfg.finalize()

    def _on_quorum(self, quorate: bool, ring: int, members: tuple[int, ...]) -> None:  # noqa: FBT001 - a callback
        if self._provider:
            self.ring = RingView(number=ring, members=members, quorate=quorate)

    def _on_nodelist(self, ring: int, members: tuple[int, ...]) -> None:
        if not self._provider:
            self.ring = RingView(number=ring, members=members)
