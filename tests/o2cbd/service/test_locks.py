"""BEHAVIOUR second-instance: one daemon a configfs and one a runtime directory."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from o2cbd.service import locks
from o2cbd.service.locks import AlreadyRunningError, Lock, lock_configfs, lock_runtime_dir

_HOLDER = """
import sys
from o2cbd.service import locks
lock = getattr(locks, sys.argv[1])(sys.argv[2])
print("locked", flush=True)
sys.stdin.readline()
"""

Other = Callable[[str], subprocess.Popen[str]]

LOCKERS: list[tuple[Callable[[Path], Lock], str]] = [
    (lock_configfs, "cluster"),
    (lock_runtime_dir, "lock"),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory that can be locked as either."""
    (tmp_path / "cluster").mkdir()
    return tmp_path


@pytest.fixture
def other(place: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts another process that has a lock."""
    started: list[subprocess.Popen[str]] = []

    def start(locker: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, locker, str(place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=30)


@pytest.mark.row("second-instance")
@pytest.mark.parametrize(("locker", "what"), LOCKERS)
def test_the_second_hears_who_was_first(
    locker: Callable[[Path], Lock], what: str, place: Path, other: Other
) -> None:
    first = other(locker.__name__)
    with pytest.raises(AlreadyRunningError) as caught:
        locker(place)
    assert caught.value.pid == first.pid
    assert caught.value.what == str(place / what)
    assert str(caught.value) == f"{place / what} is locked by process {first.pid}"


@pytest.mark.parametrize(("locker", "what"), LOCKERS)
def test_a_killed_holder_holds_nothing(
    locker: Callable[[Path], Lock], what: str, place: Path, other: Other
) -> None:
    first = other(locker.__name__)
    first.kill()
    first.wait(timeout=30)
    locker(place).release()


@pytest.mark.parametrize(("locker", "what"), LOCKERS)
def test_a_released_lock_is_free_and_releasing_twice_is_harmless(
    locker: Callable[[Path], Lock], what: str, place: Path
) -> None:
    lock = locker(place)
    with pytest.raises(AlreadyRunningError) as caught:
        locker(place)
    assert caught.value.pid == os.getpid()
    lock.release()
    lock.release()
    locker(place).release()


def test_no_cluster_directory_yet_can_be_told_from_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lock_configfs(tmp_path)


def test_locking_a_configfs_writes_nothing_there(place: Path) -> None:
    lock = lock_configfs(place)
    assert sorted(place.rglob("*")) == [place / "cluster"]
    lock.release()


def test_the_runtime_lock_says_our_pid_and_is_for_the_owner_only(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("999999999999\n")
    (tmp_path / "lock").chmod(0o600)
    lock = lock_runtime_dir(tmp_path)
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    lock.release()


def test_the_runtime_lock_is_made_for_the_owner_only(tmp_path: Path) -> None:
    lock = lock_runtime_dir(tmp_path)
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
    lock.release()


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="lock") as caught:
        lock_runtime_dir(tmp_path)
    assert caught.value.errno == errno.ELOOP
    assert not (tmp_path / "elsewhere").exists()


def test_another_error_of_flock_is_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_fd: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="no locks") as caught:
        lock_configfs(place)
    assert caught.value.errno == errno.ENOLCK


def test_a_holder_that_cannot_be_found_is_unknown(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = lock_configfs(place)
    monkeypatch.setattr(locks, "LOCK_TABLE", str(place / "absent"))
    with pytest.raises(AlreadyRunningError) as caught:
        lock_configfs(place)
    assert caught.value.pid == 0
    assert str(caught.value).endswith("is locked by an unknown process")
    (place / "locks").write_text("1: POSIX  ADVISORY  WRITE 9 00:1:1 0 EOF\n")
    monkeypatch.setattr(locks, "LOCK_TABLE", str(place / "locks"))
    with pytest.raises(AlreadyRunningError) as again:
        lock_configfs(place)
    assert again.value.pid == 0
    lock.release()


def test_a_full_disk_keeps_nobody_from_locking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pid in the file is for people; the lock is the kernel's."""

    def refuse(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", refuse)
    lock = lock_runtime_dir(tmp_path)
    with pytest.raises(AlreadyRunningError):
        lock_runtime_dir(tmp_path)
    lock.release()
