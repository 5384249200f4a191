"""The guests' `MembershipDriver`: the source is in the guest of the local node."""

from __future__ import annotations

from collections.abc import Sequence

from fakecluster.cman.topology import Topology
from fakecluster.conformance.membership import LOCAL
from fakecluster.conformance.membership_corosync import CorosyncVerbs, Said
from integration.membership.cluster import PATIENCE_S, GuestCorosyncs, GuestHosts
from integration.membership.source import GuestSource, asking
from o2cbd.membership.interface import MembershipSource


class GuestDriver(CorosyncVerbs):
    """A cluster in guests, each of which has been brought the project's package by apt."""

    def __init__(self, hosts: GuestHosts, topology: Topology) -> None:
        """Make it.

        Args:
            hosts: where no corosync runs.
            topology: the cluster.
        """
        self._cluster = GuestCorosyncs(hosts, topology)
        self._guest = self._cluster.guest(LOCAL)
        self._ask = asking(self._guest)
        super().__init__(self._cluster, PATIENCE_S)

    def close(self) -> None:
        """Leave guests on which nothing runs, for the next one."""
        self._cluster.close()
        self._end_asked()

    def _connect(self) -> MembershipSource:
        return GuestSource(self._ask)

    def _readable_within(self, source: MembershipSource, wait_s: float) -> bool:
        woken: bool = self._ask("readable", descriptor=source.fileno(), wait_s=wait_s)
        return woken

    def _spawn(self, words: Sequence[str]) -> Said:
        call = self._guest.spawn(words, timeout_s=PATIENCE_S)
        return lambda: call.result().err
