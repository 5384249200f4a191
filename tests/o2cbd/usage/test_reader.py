"""BEHAVIOUR vote-facts on a real file system: what says that the cluster is in use here."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fakecluster.conformance.usage import CHECKS, CLUSTER, UsageDriver
from fakecluster.sim.mount_table import FakeMount, FakeMountTable
from fakecluster.sim.semaphores import FakeHold, FakeSemaphores
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.core.model import Region, Usage
from o2cbd.eintr import EINTR_TRIES_MAX
from o2cbd.usage.reader import HostUsage

OURS = 100
OTHER = 200


class HostDriver:
    """Plain files in the places of the kernel's."""

    def __init__(self, root: Path) -> None:
        self.configfs = root / "config"
        self.heartbeat = self.configfs / "cluster" / CLUSTER / "heartbeat"
        self.heartbeat.mkdir(parents=True)
        (self.heartbeat / "dead_threshold").write_text("31\n")
        self._table = FakeMountTable()
        self.mountinfo = root / "mountinfo"
        self.mountinfo.touch()
        self._semaphores = FakeSemaphores()
        self.calls = CallBoard(MonotonicClock())
        self.usage = HostUsage(
            configfs_path=self.configfs,
            mounts_path=self.mountinfo,
            make_hold=self._hold,
            calls=self.calls,
        )

    def _hold(self, cluster: str) -> FakeHold:
        return FakeHold(self._semaphores.of(f"o2cb.{cluster}"), OURS)

    def start_region(self, name: str, pid: int) -> None:
        self.make_region(name)
        (self.heartbeat / name / "pid").write_text(f"{pid}\n")

    def make_region(self, name: str) -> None:
        (self.heartbeat / name).mkdir()
        (self.heartbeat / name / "pid").touch()

    def stop_region(self, name: str) -> None:
        (self.heartbeat / name / "pid").unlink()
        (self.heartbeat / name).rmdir()

    def mount(self, point: str, options: str) -> None:
        self._table.mount(FakeMount(point=point, options=options))
        self.mountinfo.write_text(self._table.text())

    def umount(self, point: str) -> None:
        self._table.umount(point)
        self.mountinfo.write_text(self._table.text())

    def hold_as_other(self) -> int:
        FakeHold(self._semaphores.of(f"o2cb.{CLUSTER}"), OTHER).take()
        return OTHER

    def hold_ourselves(self) -> None:
        assert self._hold(CLUSTER).take() is None

    def drop_configfs(self) -> None:
        (self.configfs / "cluster").rename(self.configfs / "gone")

    def drop_mount_table(self) -> None:
        self.mountinfo.unlink()

    def spoil_regions(self) -> str:
        (self.heartbeat / "dead_threshold").unlink()
        self.heartbeat.rmdir()
        self.heartbeat.touch()
        return "ENOTDIR"

    def spoil_pid(self, name: str) -> str:
        (self.heartbeat / name / "pid").unlink()
        (self.heartbeat / name / "pid").mkdir()
        return "EISDIR"

    def spoil_mount_table(self) -> str:
        self.mountinfo.unlink()
        self.mountinfo.mkdir()
        return "EISDIR"

    def spoil_hold(self) -> str:
        self._semaphores.of(f"o2cb.{CLUSTER}").unusable_errno = errno.EACCES
        return "EACCES"


@pytest.fixture
def driver(tmp_path: Path) -> HostDriver:
    """An idle host."""
    return HostDriver(tmp_path)


@pytest.mark.row("vote-facts")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conforms(check: Callable[[UsageDriver], None], driver: HostDriver) -> None:
    check(driver)


def test_a_region_without_a_pid_file_is_a_doubt(driver: HostDriver) -> None:
    """An old kernel cannot say whether the heartbeat runs, so it makes the answer no."""
    (driver.heartbeat / "R1").mkdir()
    usage = driver.usage.read(CLUSTER)
    assert usage.unreadable == (f"{driver.heartbeat}/R1/pid: ENOENT",)


def test_a_region_that_ends_while_we_look_is_none(
    driver: HostDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.start_region("R1", 4711)
    really_open = os.open

    def open_after_the_end(path: str, flags: int) -> int:
        if path.endswith("R1/pid"):
            driver.stop_region("R1")
        return really_open(path, flags)

    monkeypatch.setattr(os, "open", open_after_the_end)
    assert driver.usage.read(CLUSTER) == Usage()


def test_a_pid_that_is_none_is_a_doubt(driver: HostDriver) -> None:
    driver.make_region("R1")
    (driver.heartbeat / "R1" / "pid").write_text("soon\n")
    usage = driver.usage.read(CLUSTER)
    assert usage.unreadable == (f"{driver.heartbeat}/R1/pid: 'soon' is not a pid",)


def test_a_broken_mount_table_is_a_doubt(driver: HostDriver) -> None:
    driver.mountinfo.write_text("nonsense\n")
    usage = driver.usage.read(CLUSTER)
    assert usage.unreadable == (f"{driver.mountinfo}: line 1 is not a line of mountinfo",)


def test_a_table_longer_than_one_read_is_read_whole(driver: HostDriver) -> None:
    table = FakeMountTable()
    for number in range(2000):
        table.mount(FakeMount(point=f"/mnt/{number:04}", kind="tmpfs", options="rw"))
    table.mount(FakeMount(point="/last"))
    driver.mountinfo.write_text(table.text())
    assert driver.usage.read(CLUSTER).mounts == ("/last",)


def test_an_interrupted_listing_is_made_again(
    driver: HostDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.start_region("R1", 4711)
    really_scan = os.scandir
    interruptions = [EINTR_TRIES_MAX - 1]

    def scan(path: str) -> object:
        if interruptions[0]:
            interruptions[0] -= 1
            raise InterruptedError(errno.EINTR, "interrupted")
        return really_scan(path)

    monkeypatch.setattr(os, "scandir", scan)
    assert driver.usage.read(CLUSTER) == Usage(regions=(Region(name="R1", pid=4711),))


def test_calls_that_may_block_are_declared(
    driver: HostDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.start_region("R1", 4711)
    really_open = os.open
    declared = []

    def note(path: str, flags: int) -> int:
        declared.append((Path(path).name, driver.calls.current))
        return really_open(path, flags)

    monkeypatch.setattr(os, "open", note)
    driver.usage.read(CLUSTER)
    assert [(name, call.name if call else None) for name, call in declared] == [
        ("pid", "read pid"),
        ("mountinfo", "read mount table"),
    ]
    assert driver.calls.current is None
