"""The verbs that no arm on guests can do; scenarios that need one are skipped."""

from __future__ import annotations

from fakecluster.arms.values import Capability
from fakecluster.arms.words import ClusterWords
from fakecluster.cman.notices import NoticeFault
from integration.arm.managers import UnsupportedError


class VmLacks(ClusterWords):
    """What is missing, verb by verb."""

    def qdisk(self, host: int, *, available: bool) -> None:
        """See `Cluster.qdisk`."""
        raise UnsupportedError(self.arm, Capability.QUORUM_DISK)

    def pin(self, host: int, node: str) -> None:
        """See `Cluster.pin`; a real kernel pins for its own reasons only."""
        raise UnsupportedError(self.arm, Capability.PINS_BY_HAND)

    def unpin(self, host: int, node: str) -> None:
        """See `Cluster.unpin`."""
        raise UnsupportedError(self.arm, Capability.PINS_BY_HAND)

    def rename_cluster(self, name: str) -> None:
        """See `Cluster.rename_cluster`."""
        raise UnsupportedError(self.arm, Capability.RENAMED_CLUSTER)

    def notice(self, host: int, fault: NoticeFault, *, count: int = 1) -> None:
        """See `Cluster.notice`."""
        raise UnsupportedError(self.arm, Capability.NOTICE_FAULTS)

    def fail_read(self, host: int, errno: int, *, count: int = 1) -> None:
        """See `Cluster.fail_read`."""
        raise UnsupportedError(self.arm, Capability.FAILING_READS)

    def fault(self, host: int, call: str, errno: int, *, count: int = 1) -> None:
        """See `Cluster.fault`."""
        raise UnsupportedError(self.arm, Capability.CALL_FAULTS)

    def mend_calls(self, host: int) -> None:
        """See `Cluster.mend_calls`."""
        raise UnsupportedError(self.arm, Capability.CALL_FAULTS)

    def crash_daemon_at(self, host: int, call: str, nth: int = 1) -> None:
        """See `Cluster.crash_daemon_at`."""
        raise UnsupportedError(self.arm, Capability.CALL_FAULTS)

    def hide_mounts(self, host: int) -> None:
        """See `Cluster.hide_mounts`."""
        raise UnsupportedError(self.arm, Capability.UNREADABLE_MOUNTS)

    def show_mounts(self, host: int) -> None:
        """See `Cluster.show_mounts`."""
        raise UnsupportedError(self.arm, Capability.UNREADABLE_MOUNTS)
