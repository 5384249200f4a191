"""What every `UsageReader` finds: on a host, and on a simulated one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fakecluster.conformance.checks import checks_in
from o2cbd.core.model import Region, Usage
from o2cbd.usage.interface import UsageReader

CLUSTER = "conform"
IDLE = Usage()


class UsageDriver(Protocol):
    """A host with the cluster `conform`, without regions, mounts and holds."""

    @property
    def usage(self) -> UsageReader:
        """The reader under test."""
        ...

    def start_region(self, name: str, pid: int) -> None:
        """Let a heartbeat region's thread run in `conform`."""
        ...

    def make_region(self, name: str) -> None:
        """Make a region in `conform` whose thread does not run."""
        ...

    def stop_region(self, name: str) -> None:
        """Take a region away."""
        ...

    def mount(self, point: str, options: str) -> None:
        """Mount an OCFS2 volume with these super options."""
        ...

    def umount(self, point: str) -> None:
        """Take it away."""
        ...

    def hold_as_other(self) -> int:
        """Let another process take the hold of `conform`; its pid."""
        ...

    def hold_ourselves(self) -> None:
        """Take it in our own process."""
        ...

    def drop_configfs(self) -> None:
        """Let no `cluster` directory be there."""
        ...

    def drop_mount_table(self) -> None:
        """Let no mount table be there."""
        ...

    def spoil_regions(self) -> str:
        """Let the regions be unreadable; the errno's symbol."""
        ...

    def spoil_pid(self, name: str) -> str:
        """Let the pid of a region be unreadable; the errno's symbol."""
        ...

    def spoil_mount_table(self) -> str:
        """Let the mount table be unreadable; the errno's symbol."""
        ...

    def spoil_hold(self) -> str:
        """Let the semaphore be unusable; the errno's symbol."""
        ...


def idle_host(driver: UsageDriver) -> None:
    """Nothing runs, nothing is mounted, nobody holds."""
    assert driver.usage.read(CLUSTER) == IDLE
    assert driver.usage.read(None) == IDLE


def running_region(driver: UsageDriver) -> None:
    """A region counts while its thread runs, and each reading is anew."""
    driver.start_region("R2", 4712)
    driver.start_region("R1", 4711)
    regions = (Region(name="R1", pid=4711), Region(name="R2", pid=4712))
    assert driver.usage.read(CLUSTER) == Usage(regions=regions)
    driver.stop_region("R1")
    assert driver.usage.read(CLUSTER) == Usage(regions=regions[1:])
    driver.stop_region("R2")
    assert driver.usage.read(CLUSTER) == IDLE


def stopped_region(driver: UsageDriver) -> None:
    """A region without a thread is no use."""
    driver.make_region("R1")
    assert driver.usage.read(CLUSTER) == IDLE


def clusters_are_told_apart(driver: UsageDriver) -> None:
    """Another cluster's regions are not ours; while ours is not known every cluster's count."""
    driver.start_region("R1", 4711)
    assert driver.usage.read("other") == IDLE
    assert driver.usage.read(None) == Usage(regions=(Region(name="R1", pid=4711),))


def mounted_volume(driver: UsageDriver) -> None:
    """A volume of the o2cb cluster counts by its mount point while it is mounted."""
    driver.mount("/data one", "rw,_netdev,heartbeat=local")
    driver.mount("/data2", "rw,heartbeat=global,cluster_stack=o2cb")
    assert driver.usage.read(CLUSTER) == Usage(mounts=("/data one", "/data2"))
    driver.umount("/data one")
    driver.umount("/data2")
    assert driver.usage.read(CLUSTER) == IDLE


def volume_of_others(driver: UsageDriver) -> None:
    """A volume without a cluster, or under another cluster stack, is not ours."""
    driver.mount("/alone", "rw,heartbeat=none")
    driver.mount("/pcmk", "rw,heartbeat=local,cluster_stack=pcmk")
    assert driver.usage.read(CLUSTER) == IDLE


def held_by_another(driver: UsageDriver) -> None:
    """Another process's hold is named by its pid."""
    pid = driver.hold_as_other()
    assert driver.usage.read(CLUSTER) == Usage(held_by=pid)


def held_by_ourselves(driver: UsageDriver) -> None:
    """Our own taking of the semaphore is not a hold."""
    driver.hold_ourselves()
    assert driver.usage.read(CLUSTER) == IDLE


def absent_is_no_reason(driver: UsageDriver) -> None:
    """Without a configfs and a mount table nothing is in use and nothing unreadable."""
    driver.drop_configfs()
    driver.drop_mount_table()
    assert driver.usage.read(CLUSTER) == IDLE
    assert driver.usage.read(None) == IDLE


def unreadable_is_named(driver: UsageDriver) -> None:
    """Every fact that cannot be read is named by its path and errno; the others are read."""
    driver.start_region("R1", 4711)
    driver.start_region("R2", 4712)
    pid_symbol = driver.spoil_pid("R1")
    table_symbol = driver.spoil_mount_table()
    hold_symbol = driver.spoil_hold()
    usage = driver.usage.read(CLUSTER)
    assert usage.regions == (Region(name="R2", pid=4712),)
    pid, table, hold = usage.unreadable
    assert pid.endswith(f"cluster/{CLUSTER}/heartbeat/R1/pid: {pid_symbol}")
    assert table.endswith(f"mountinfo: {table_symbol}")
    assert hold == f"semaphore: {hold_symbol}"


def unreadable_regions(driver: UsageDriver) -> None:
    """A heartbeat directory that cannot be listed is named."""
    symbol = driver.spoil_regions()
    usage = driver.usage.read(CLUSTER)
    assert [item.endswith(f"/heartbeat: {symbol}") for item in usage.unreadable] == [True]


CHECKS: tuple[Callable[[UsageDriver], None], ...] = checks_in(__name__)
"""Every check takes a driver of an idle host."""
