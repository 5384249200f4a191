"""The hosts of a fake cluster below cman: a kernel each, and the disk that they share."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable

from fakecluster.clock import Timeline
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.sim.disk import DEFAULT_DEAD_THRESHOLD, INTERVAL_US, SharedDisk

MOUNT_POINT = "/mnt/shared"
DEVICE = "/dev/vdb"

_FIRST_PID = 4000
"""Heartbeat threads get this and their host's place as pid."""


class ServedKernels:
    """Kernels by node id; power, mounts and the heartbeat across them, on the cluster's heap."""

    def __init__(
        self,
        timeline: Timeline,
        *,
        cluster: str,
        changed: Callable[[int], None] | None = None,
        fenced: Callable[[int], object] | None = None,
        dead_threshold: int = DEFAULT_DEAD_THRESHOLD,
        interval_us: int = INTERVAL_US,
    ) -> None:
        """Make a cluster without hosts.

        Args:
            timeline: the cluster's heap.
            cluster: names the shared volume.
            changed: called with a host whose mounts, live map or peers are different now.
            fenced: called with a host that fences itself; None: it only loses its power.
            dead_threshold: every kernel's when it boots, in intervals of the disk heartbeat.
            interval_us: how often the disk heartbeat writes and reads.
        """
        self.region = hashlib.sha256(cluster.encode()).hexdigest()[:32].upper()
        """The volume's heartbeat region: its UUID."""
        self._changed = changed
        self._disk = SharedDisk(
            timeline, self._live_changed, fenced or self.power_off, interval_us=interval_us
        )
        self._dead_threshold = dead_threshold
        self._models: dict[int, ConfigfsModel] = {}
        self._off: set[int] = set()

    def add(self, host: int, model: ConfigfsModel) -> None:
        """Put one more host there, powered on."""
        self._models[host] = model
        model.kernel.dead_threshold = self._dead_threshold

    def model(self, host: int) -> ConfigfsModel:
        """Return a host's kernel. Raises KeyError for one that is not there."""
        return self._models[host]

    def powered(self, host: int) -> bool:
        """True unless the power is off."""
        return host not in self._off

    def mounted(self, host: int) -> bool:
        """True while the shared volume is mounted there."""
        return self._disk.mounted(host)

    def mount(self, host: int) -> None:
        """Mount the shared volume: a region with a pid, and a heartbeat that others see.

        Raises:
            OSError: ENODEV: the power is off; EBUSY: it is mounted; EINVAL: there is no cluster
                or no local node in the kernel's table.
        """
        if not self.powered(host):
            raise OSError(errno.ENODEV, "this host has no power: start it first")
        if self.mounted(host):
            raise OSError(errno.EBUSY, "the volume is mounted here already")
        model = self._models[host]
        with model.lock:
            model.heartbeat.start(self.region, pid=_FIRST_PID + sorted(self._models).index(host))
            cluster = model.kernel.cluster
            local = None if cluster is None else cluster.local_node
            if local is None or local.num is None:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            num, dead_threshold = local.num, model.kernel.dead_threshold
        self._disk.mount(host, num=num, dead_threshold=dead_threshold)

    def umount(self, host: int) -> None:
        """Unmount it; the others see that at once.

        Raises:
            OSError: EINVAL: it is not mounted; EIO: its disk is stalled.
        """
        if not self.mounted(host):
            raise OSError(errno.EINVAL, "the volume is not mounted here")
        self._disk.umount(host)
        self._models[host].heartbeat.stop(self.region)

    def stall_disk(self, host: int) -> None:
        """Let no write of a host reach the shared disk: it fences itself before others give it up.

        Raises:
            OSError: EINVAL: the volume is not mounted there.
        """
        self._disk.stall(host)

    def power_off(self, host: int) -> None:
        """Let a host die: the others believe in it until their dead threshold has passed."""
        self._off.add(host)
        self._disk.die(host)
        self._tell(host)

    def power_on(self, host: int) -> None:
        """Boot a host: its kernel's tables are empty. Nothing happens to one that is on."""
        if host in self._off:
            self._off.discard(host)
            self._models[host].power_cycle()
            self._models[host].kernel.dead_threshold = self._dead_threshold
            self._tell(host)

    def mountinfo(self, host: int) -> str:
        """Return the host's mount table, as in proc_pid_mountinfo(5)."""
        lines = ["21 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw"]
        if self.mounted(host):
            lines.append(
                f"42 21 254:16 / {MOUNT_POINT} rw,relatime shared:9 - ocfs2 {DEVICE} "
                "rw,_netdev,heartbeat=local,nointr,data=ordered,errors=remount-ro,"
                "cluster_stack=o2cb,coherency=full"
            )
        return "".join(f"{line}\n" for line in lines)

    def _live_changed(self, host: int, nums: frozenset[int]) -> None:
        if self.powered(host):
            model = self._models[host]
            with model.lock:
                cluster = model.kernel.cluster
                local = None if cluster is None else cluster.local_node
                model.heartbeat.see(nums)
                model.heartbeat.connect(nums if local is None else nums - {local.num})
        self._tell(host)

    def _tell(self, host: int) -> None:
        if self._changed is not None:
            self._changed(host)
