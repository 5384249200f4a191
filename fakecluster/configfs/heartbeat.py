"""The host's side of a fake kernel: mounts, the heartbeat's live map, o2net's peers, pins."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from threading import RLock

from fakecluster.configfs.directories import DirectoryTree
from fakecluster.configfs.kernel import Kernel, RegionState
from fakecluster.configfs.values import KernelRefusal

# What mount.ocfs2 was seen to give a small volume's region: it counts in sectors.
_BLOCK_BYTES = 512
_START_BLOCK = 2184
_BLOCKS = 255


def nums_line(nums: Iterable[int]) -> str:
    """Return a node map as debugfs prints it: each num and a blank, then the end of the line."""
    return "".join(f"{num} " for num in sorted(nums)) + "\n"


class Heartbeat:
    """What mount.ocfs2, the disk and the network do to a kernel; no call of the daemon's.

    Every method takes the model's lock. Time is the caller's: who hears that a host died tells it
    here when o2hb would have noticed.
    """

    def __init__(self, lock: RLock, directories: DirectoryTree) -> None:
        self._lock = lock
        self._directories = directories

    @property
    def _kernel(self) -> Kernel:
        return self._directories.kernel

    @property
    def live_nums(self) -> frozenset[int]:
        """The nums that the disk heartbeat sees alive, ours among them."""
        with self._lock:
            return frozenset(self._kernel.live_nums)

    @property
    def connected_nums(self) -> frozenset[int]:
        """The peers that o2net is connected with."""
        with self._lock:
            return frozenset(self._kernel.connected_nums)

    @property
    def runs(self) -> bool:
        """True while a region's thread runs."""
        with self._lock:
            return self._kernel.heartbeat_runs

    @property
    def node_map(self) -> frozenset[tuple[int, str, int]]:
        """Num, address and port of every registered node: what two kernels compare at a mount.

        Where they differ the joining node's mount fails with EINVAL.
        """
        with self._lock:
            cluster = self._kernel.cluster
            return frozenset(
                (node.num, node.address, node.port)
                for node in (cluster.nodes.values() if cluster else ())
                if node.num is not None and node.address is not None and node.port is not None
            )

    def start(self, region: str, *, pid: int, dev: str = "vdb") -> None:
        """Mount: make the region where it is not there, and start its thread.

        Raises:
            OSError: EINVAL where there is no cluster or no local node, or what mkdir says.
        """
        with self._lock:
            self._directories.change_count += 1
            cluster = self._kernel.cluster
            local = None if cluster is None else cluster.local_node
            if cluster is None or local is None or local.num is None:
                detail = "no local node in this kernel's table, so no heartbeat region"
                raise OSError(errno.EINVAL, detail, region)
            if region not in cluster.regions:
                try:
                    self._directories.make_region(region)
                except KernelRefusal as refusal:
                    raise OSError(refusal.errno, os.strerror(refusal.errno), region) from None
            state = cluster.regions[region]
            state.block_bytes, state.start_block, state.blocks = (
                _BLOCK_BYTES,
                _START_BLOCK,
                _BLOCKS,
            )
            state.dev, state.pid = dev, pid
            self._kernel.live_nums.add(local.num)

    def stop(self, region: str) -> None:
        """Umount: stop its thread and take the region away; nothing happens when it is gone.

        The kernel's view of the others ends with its last region.
        """
        with self._lock:
            self._directories.change_count += 1
            cluster = self._kernel.cluster
            state = None if cluster is None else cluster.regions.get(region)
            if state is None:
                return
            self._end(state)
            self._directories.drop_region(region)

    def _end(self, state: RegionState) -> None:
        state.pid = None
        if not self._kernel.heartbeat_runs:
            self._kernel.live_nums.clear()

    def see(self, nums: Iterable[int]) -> None:
        """Set the nums that the disk heartbeat sees alive, ours among them."""
        with self._lock:
            self._directories.change_count += 1
            self._kernel.live_nums = set(nums)

    def connect(self, nums: Iterable[int]) -> None:
        """Set the peers that o2net is connected with."""
        with self._lock:
            self._kernel.connected_nums = set(nums)

    @property
    def names(self) -> frozenset[str]:
        """The names of the entries of the table, and of what is pinned."""
        with self._lock:
            cluster = self._kernel.cluster
            return frozenset({*(cluster.nodes if cluster else ()), *self._kernel.pins})

    def pin(self, node: str) -> None:
        """Make rmdir of the node with this name EBUSY, whatever else holds."""
        with self._lock:
            self._kernel.pins.add(node)

    def unpin(self, node: str) -> None:
        """End what `pin` began."""
        with self._lock:
            self._kernel.pins.discard(node)
