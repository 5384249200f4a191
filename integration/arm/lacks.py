"""The verbs that guests with corosync cannot do; scenarios that need one are skipped."""

from __future__ import annotations

from fakecluster.arms.values import Capability
from fakecluster.arms.words import ClusterWords
from fakecluster.cman.notices import NoticeFault


class LacksError(AssertionError):
    """A scenario asks for what this arm cannot do, and does not say that it needs it."""

    def __init__(self, capability: Capability) -> None:
        super().__init__(f"vm-corosync cannot do it: {capability.value}")


class VmLacks(ClusterWords):
    """What is missing, verb by verb."""

    def fence(self, host: int, *, by: int) -> None:
        """See `Cluster.fence`; corosync knows of no fencing."""
        raise LacksError(Capability.FENCING_NOTICE)

    def qdisk(self, host: int, *, available: bool) -> None:
        """See `Cluster.qdisk`."""
        raise LacksError(Capability.QUORUM_DISK)

    def pin(self, host: int, node: str) -> None:
        """See `Cluster.pin`; a real kernel pins for its own reasons only."""
        raise LacksError(Capability.PINS_BY_HAND)

    def unpin(self, host: int, node: str) -> None:
        """See `Cluster.unpin`."""
        raise LacksError(Capability.PINS_BY_HAND)

    def rename_cluster(self, name: str) -> None:
        """See `Cluster.rename_cluster`."""
        raise LacksError(Capability.RENAMED_CLUSTER)

    def notice(self, host: int, fault: NoticeFault, *, count: int = 1) -> None:
        """See `Cluster.notice`."""
        raise LacksError(Capability.NOTICE_FAULTS)

    def fail_read(self, host: int, errno: int, *, count: int = 1) -> None:
        """See `Cluster.fail_read`."""
        raise LacksError(Capability.FAILING_READS)

    def fault(self, host: int, call: str, errno: int, *, count: int = 1) -> None:
        """See `Cluster.fault`."""
        raise LacksError(Capability.CALL_FAULTS)

    def mend_calls(self, host: int) -> None:
        """See `Cluster.mend_calls`."""
        raise LacksError(Capability.CALL_FAULTS)

    def crash_daemon_at(self, host: int, call: str, nth: int = 1) -> None:
        """See `Cluster.crash_daemon_at`."""
        raise LacksError(Capability.CALL_FAULTS)

    def hide_mounts(self, host: int) -> None:
        """See `Cluster.hide_mounts`."""
        raise LacksError(Capability.UNREADABLE_MOUNTS)

    def show_mounts(self, host: int) -> None:
        """See `Cluster.show_mounts`."""
        raise LacksError(Capability.UNREADABLE_MOUNTS)
