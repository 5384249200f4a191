"""The tree under its lock: taken when there is something to lock, and again after a new mount."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.core.model import CreateCluster, Step, Tables
from o2cbd.service.locked_tree import LockedTree
from o2cbd.service.locks import AlreadyRunningError, lock_configfs


class NotedTree:
    def __init__(self) -> None:
        self.noted: list[object] = []

    def read(
        self, cluster: str, *, own: str | None, attributes: Sequence[str], fresh: bool
    ) -> Tables:
        self.noted.append((cluster, own, tuple(attributes), fresh))
        return Tables(clusters=())

    def do(self, step: Step) -> None:
        self.noted.append(step)

    def close(self) -> None:
        self.noted.append("closed")


class NotedLocks:
    def __init__(self) -> None:
        self.held = 0
        self.taken = 0
        self.absent = False

    def take(self, _path: str) -> NotedLocks:
        if self.absent:
            raise FileNotFoundError
        self.taken += 1
        self.held += 1
        return self

    def release(self) -> None:
        self.held -= 1


@pytest.fixture
def inner() -> NotedTree:
    return NotedTree()


@pytest.fixture
def locks() -> NotedLocks:
    return NotedLocks()


@pytest.fixture
def tree(tmp_path: Path, inner: NotedTree, locks: NotedLocks) -> LockedTree:
    return LockedTree(inner, str(tmp_path), locks.take, CallBoard(MonotonicClock()))


def read(tree: LockedTree, *, fresh: bool) -> None:
    tree.read("c", own="n", attributes=("a",), fresh=fresh)


def test_everything_reaches_the_tree(tree: LockedTree, inner: NotedTree) -> None:
    """Between agent and tree the lock changes nothing."""
    read(tree, fresh=True)
    tree.do(CreateCluster(cluster="c"))
    tree.close()
    assert inner.noted == [("c", "n", ("a",), True), CreateCluster(cluster="c"), "closed"]


def test_lock_waits_for_the_cluster_directory(
    tree: LockedTree, locks: NotedLocks, tmp_path: Path
) -> None:
    """Without the directory reading goes on; with it the next reading locks, once."""
    tree.lock()
    read(tree, fresh=False)
    assert locks.taken == 0
    (tmp_path / "cluster").mkdir()
    for _ in range(3):
        read(tree, fresh=False)
        read(tree, fresh=True)
    assert (locks.taken, locks.held) == (1, 1)
    tree.close()
    assert locks.held == 0


def test_directory_that_vanishes_in_between_is_no_error(
    tree: LockedTree, locks: NotedLocks, tmp_path: Path
) -> None:
    """Between looking and locking the file system may go."""
    (tmp_path / "cluster").mkdir()
    locks.absent = True
    read(tree, fresh=True)
    locks.absent = False
    read(tree, fresh=True)
    assert locks.held == 1


def test_new_mount_is_locked_anew(tree: LockedTree, locks: NotedLocks, tmp_path: Path) -> None:
    """A fresh reading sees that the directory is another one."""
    cluster = tmp_path / "cluster"
    cluster.mkdir()
    tree.lock()
    cluster.rename(tmp_path / "old")
    cluster.mkdir()
    read(tree, fresh=False)
    assert locks.taken == 1
    read(tree, fresh=True)
    assert (locks.taken, locks.held) == (2, 1)


def test_unmounted_configfs_is_let_go(tree: LockedTree, locks: NotedLocks, tmp_path: Path) -> None:
    """Nothing keeps the old mount busy once it is seen to be gone."""
    cluster = tmp_path / "cluster"
    cluster.mkdir()
    tree.lock()
    cluster.rmdir()
    read(tree, fresh=True)
    assert locks.held == 0


def test_lock_of_another_process_is_told(tmp_path: Path, inner: NotedTree) -> None:
    """The real lock, held by a real process, refuses and names it; nothing is read."""
    (tmp_path / "cluster").mkdir()
    code = (
        "import sys; from o2cbd.service.locks import lock_configfs;"
        f"lock = lock_configfs({str(tmp_path)!r}); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        tree = LockedTree(inner, str(tmp_path), lock_configfs, CallBoard(MonotonicClock()))
        with pytest.raises(AlreadyRunningError) as caught:
            read(tree, fresh=False)
        assert (caught.value.pid, caught.value.what) == (other.pid, str(tmp_path / "cluster"))
        other.communicate()
    assert inner.noted == []
