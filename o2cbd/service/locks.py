"""One daemon a configfs and one a runtime directory; the second hears who was first."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

RUNTIME_LOCK = "lock"
"""The lock file's name in a runtime directory."""

LOCK_TABLE = "/proc/locks"
"""Who has which lock; see proc_locks(5)."""


class AlreadyRunningError(Exception):
    """Somebody else has the lock."""

    def __init__(self, pid: int, what: str) -> None:
        holder = f"process {pid}" if pid else "an unknown process"
        super().__init__(f"{what} is locked by {holder}")
        self.pid = pid
        """0: unknown."""
        self.what = what
        """The path that is locked."""


class Lock:
    """A lock that is held until it is released or the process ends, however it ends."""

    def __init__(self, fd: int) -> None:
        self._fd: int | None = fd

    def release(self) -> None:
        """Give it back; may be called twice."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def lock_configfs(path: str | os.PathLike[str]) -> Lock:
    """Lock the node tables of the configfs that is mounted there.

    An advisory flock(2) on its `cluster` directory, which the kernel's configfs and FUSE mounts
    both know; nothing is written there.

    Raises:
        AlreadyRunningError: another process has it.
        FileNotFoundError: there is no `cluster` directory (yet): try again when there is.
        OSError: it cannot be opened or locked.
    """
    cluster = Path(path, "cluster")
    return _lock(os.open(cluster, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), cluster)


def lock_runtime_dir(directory: str | os.PathLike[str]) -> Lock:
    """Lock a runtime directory, by a file in it that says our pid.

    Raises:
        AlreadyRunningError: another process has it.
        OSError: the file cannot be made or locked.
    """
    file = Path(directory, RUNTIME_LOCK)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(file, flags, 0o600)
    lock = _lock(fd, file)
    with contextlib.suppress(OSError):  # for people who look: a full disk is no reason to stay away
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return lock


def _lock(fd: int, what: Path) -> Lock:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = _holder(fd)
        os.close(fd)
        raise AlreadyRunningError(pid, str(what)) from None
    except OSError:
        os.close(fd)
        raise
    return Lock(fd)


def _holder(fd: int) -> int:
    """Return the pid of who has the flock on this file, 0 when it is not to be found out."""
    status = os.fstat(fd)
    # MAJOR:MINOR:INODE, the numbers of the device in hexadecimal.
    file = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        table = Path(LOCK_TABLE).read_text(encoding="ascii")
    except OSError:
        return 0
    for line in table.splitlines():
        fields = line.split()
        if len(fields) == 8 and fields[1] == "FLOCK" and fields[5] == file:
            return max(0, int(fields[4]))
    return 0
