"""The directory of `fakecluster serve`: who owns it, what lies where, how it is cleaned up."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from fakecluster.configfs.mounts import detach_stale
from fakecluster.transport.listener import remove_socket

LOCK_NAME = "serve.lock"
_NODE_NAME = re.compile(r"node[0-9]+")


class InUseError(OSError):
    """Another server has this directory."""

    def __init__(self, directory: Path, pid: int) -> None:
        super().__init__(
            errno.EBUSY, f"another fakecluster serves here (pid {pid or 'unknown'})", str(directory)
        )
        self.pid = pid


@dataclass(frozen=True, slots=True)
class Places:
    """What one fake host has in its directory."""

    directory: Path

    @property
    def configfs(self) -> Path:
        """Its configfs, a FUSE mount."""
        return self.directory / "config"

    @property
    def mounts(self) -> Path:
        """Its mount table."""
        return self.directory / "mountinfo"

    @property
    def debugfs(self) -> Path:
        """Its debugfs."""
        return self.directory / "debug"

    @property
    def runtime(self) -> Path:
        """Where its daemon has its lock and control socket."""
        return self.directory / "run"

    @property
    def settings(self) -> Path:
        """Its daemon's settings."""
        return self.directory / "o2cbd.toml"

    @property
    def daemon_socket(self) -> Path:
        """Its daemon's control socket: its path has to fit AF_UNIX too."""
        return self.runtime / "control.sock"

    def make(self) -> None:
        """Make the directories that are always there."""
        self.directory.mkdir(exist_ok=True)
        self.runtime.mkdir(mode=0o700, exist_ok=True)
        self.debugfs.mkdir(exist_ok=True)

    def remove(self) -> None:
        """Remove everything of ours; what is not ours stays, and with it the directory.

        Nothing may be mounted below it any more.
        """
        for tree in (self.runtime, self.debugfs):
            shutil.rmtree(tree, ignore_errors=True)
        for file in (self.mounts, self.settings):
            file.unlink(missing_ok=True)
        for name in ("cman_client", "cman_admin"):
            with contextlib.suppress(FileExistsError):
                remove_socket(self.directory / name)
        for directory in (self.configfs, self.directory):
            with contextlib.suppress(OSError):
                directory.rmdir()


class ServeDirectory:
    """One server's directory; it is ours from the construction to `remove`."""

    def __init__(self, path: Path) -> None:
        """Take the directory, and clean up after a server that was killed.

        Raises:
            InUseError: another server is at work there.
            OSError: it cannot be made or written.
        """
        self.path = Path(os.path.realpath(path))
        self._made = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = _take(self.path)
        self._sweep()

    def places(self, node_id: int) -> Places:
        """Return where a node's things are."""
        return Places(self.path / f"node{node_id}")

    def remove(self) -> None:
        """Remove what is ours, and the directory if we made it."""
        self._sweep()
        (self.path / LOCK_NAME).unlink(missing_ok=True)
        os.close(self._lock)
        if self._made:
            with contextlib.suppress(OSError):
                self.path.rmdir()

    def _sweep(self) -> None:
        detach_stale(self.path)
        for entry in sorted(self.path.iterdir()):
            if _NODE_NAME.fullmatch(entry.name) and entry.is_dir() and not entry.is_symlink():
                Places(entry).remove()
        with contextlib.suppress(FileExistsError):
            remove_socket(self.path / "ctl.sock")


def _take(directory: Path) -> int:
    path = directory / LOCK_NAME
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            content = os.pread(descriptor, 32, 0).strip()
            os.close(descriptor)
            raise InUseError(directory, int(content) if content.isdigit() else 0) from None
        # Its last owner may have removed the file between our open and our lock.
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                return descriptor
        os.close(descriptor)
