"""The production usage reader over a simulated host, and the mount table that it reads there."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from fakecluster.configfs.directories import Presence
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.conformance.usage import CHECKS, CLUSTER, UsageDriver
from fakecluster.sim.mount_table import FakeMount, FakeMountTable
from fakecluster.sim.o2cbd_program import SimulatedUsage
from fakecluster.sim.semaphores import FakeHold, FakeSemaphores
from o2cbd.core.model import Usage
from o2cbd.usage.mounts import ocfs2_mounts

OURS = 100
OTHER = 200


class FakeDriver:
    def __init__(self) -> None:
        self.model = ConfigfsModel()
        node = f"/cluster/{CLUSTER}/node/n1"
        self.model.mkdir(f"/cluster/{CLUSTER}")
        self.model.mkdir(node)
        for name, value in (
            ("ipv4_port", b"7777"),
            ("ipv4_address", b"127.0.0.1"),
            ("num", b"1"),
            ("local", b"1"),
        ):
            self.model.write_value(f"{node}/{name}", value)
        self.mounts = FakeMountTable()
        self.semaphores = FakeSemaphores()
        self.usage = SimulatedUsage(self.model, self.mounts, self._hold)

    def _hold(self, cluster: str) -> FakeHold:
        return FakeHold(self.semaphores.of(f"o2cb.{cluster}"), OURS)

    def start_region(self, name: str, pid: int) -> None:
        self.model.heartbeat.start(name, pid=pid)

    def make_region(self, name: str) -> None:
        self.model.mkdir(f"/cluster/{CLUSTER}/heartbeat/{name}")

    def stop_region(self, name: str) -> None:
        self.model.heartbeat.stop(name)

    def mount(self, point: str, options: str) -> None:
        self.mounts.mount(FakeMount(point=point, options=options))

    def umount(self, point: str) -> None:
        self.mounts.umount(point)

    def hold_as_other(self) -> int:
        FakeHold(self.semaphores.of(f"o2cb.{CLUSTER}"), OTHER).take()
        return OTHER

    def hold_ourselves(self) -> None:
        assert self._hold(CLUSTER).take() is None

    def drop_configfs(self) -> None:
        self.model.presence = Presence.EMPTY

    def drop_mount_table(self) -> None:
        self.mounts.unreadable_errno = errno.ENOENT

    def spoil_regions(self) -> str:
        self.model.fault("scandir", errno.EIO)
        return "EIO"

    def spoil_pid(self, name: str) -> str:
        self.model.fault("read:pid", errno.EIO, path=f"/cluster/{CLUSTER}/heartbeat/{name}")
        return "EIO"

    def spoil_mount_table(self) -> str:
        self.mounts.unreadable_errno = errno.EACCES
        return "EACCES"

    def spoil_hold(self) -> str:
        self.semaphores.of(f"o2cb.{CLUSTER}").unusable_errno = errno.EACCES
        return "EACCES"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conforms(check: Callable[[UsageDriver], None]) -> None:
    check(FakeDriver())


def test_the_table_is_what_the_daemon_reads() -> None:
    table = FakeMountTable()
    for point in ("/plain", "/a b", "/tab\t", "/back\\slash", "/new\nline", "/#hash", "/ä"):
        table.mount(FakeMount(point=point))
    table.mount(FakeMount(point="/root", kind="ext4", options="rw"))
    assert ocfs2_mounts(table.text()) == (
        "/plain",
        "/a b",
        "/tab\t",
        "/back\\slash",
        "/new\nline",
        "/#hash",
        "/ä",
    )
    assert table.read() == table.text()


def test_interrupted_readings_are_made_again() -> None:
    driver = FakeDriver()
    driver.model.fault("scandir", errno.EINTR, count=2)
    driver.start_region("R1", 4711)
    driver.model.fault("read:pid", errno.EINTR, count=2)
    assert [region.pid for region in driver.usage.read(CLUSTER).regions] == [4711]
    assert driver.usage.read(CLUSTER).unreadable == ()


def test_umount_of_nothing_is_harmless() -> None:
    driver = FakeDriver()
    driver.umount("/nowhere")
    assert driver.usage.read(CLUSTER) == Usage()
