"""More operations than rows need: directory handles, odd flags, offsets; standard library only."""

from __future__ import annotations

import os
import stat

from fakecluster.conformance.configfs_operator import PAGE_BYTES, OsOperator
from fakecluster.conformance.configfs_row import Op

FLAGS = {
    "r": os.O_RDONLY,
    "w": os.O_WRONLY,
    "rw": os.O_RDWR,
    "append": os.O_APPEND,
    "create": os.O_CREAT,
    "exclusive": os.O_EXCL,
    "truncate": os.O_TRUNC,
    "directory": os.O_DIRECTORY,
    "nofollow": os.O_NOFOLLOW,
}
"""The words of `open-with`."""

_WHENCE = {"set": os.SEEK_SET, "current": os.SEEK_CUR, "end": os.SEEK_END}


def _shown(found: os.stat_result) -> str:
    kind = "dir" if stat.S_ISDIR(found.st_mode) else "file"
    owner = f"{found.st_uid}:{found.st_gid}"
    return f"{kind} {stat.S_IMODE(found.st_mode):04o} {owner} {found.st_nlink} {found.st_size}"


class DeepOperator(OsOperator):
    """What a program could do to a configfs beside what o2cb's own programs do."""

    def call_open_with(self, op: Op) -> None:
        """Open with the flags in `data`: words of `FLAGS` with commas between."""
        flags = 0
        for word in op.data.split(","):
            flags |= FLAGS[word]
        self._handles[op.handle] = self._os.open(self._path(op.path), flags)

    def call_read_some(self, op: Op) -> str:
        """Read as many bytes as `data` says from where the handle stands."""
        return str(self._os.read(self._handles[op.handle], int(op.data)).decode("latin-1"))

    def call_seek(self, op: Op) -> str:
        """Seek as `data` says: `set 3`, `current -1`, `end 0`; tells where that is."""
        whence, _, offset = op.data.partition(" ")
        return str(self._os.lseek(self._handles[op.handle], int(offset), _WHENCE[whence]))

    def call_status(self, op: Op) -> str:
        """Tell kind, mode, owner and group, links and size."""
        return _shown(self._os.stat(self._path(op.path)))

    def call_status_handle(self, op: Op) -> str:
        """Tell the same of an open handle."""
        return _shown(self._os.fstat(self._handles[op.handle]))

    def call_order_handle(self, op: Op) -> str:
        """List an open directory, as it comes."""
        return " ".join(str(name) for name in self._os.listdir(self._handles[op.handle]))

    def call_mkdir_at(self, op: Op) -> None:
        """Make `path` below an open directory."""
        self._os.mkdir(op.path, dir_fd=self._handles[op.handle])

    def call_rmdir_at(self, op: Op) -> None:
        """Remove `path` below an open directory."""
        self._os.rmdir(op.path, dir_fd=self._handles[op.handle])

    def call_status_at(self, op: Op) -> str:
        """Tell what stat says of `path` below an open directory."""
        return _shown(self._os.stat(op.path, dir_fd=self._handles[op.handle]))

    def call_get_at(self, op: Op) -> str:
        """Read the attribute `path` below an open directory."""
        fd = self._os.open(op.path, os.O_RDONLY, dir_fd=self._handles[op.handle])
        try:
            return str(self._os.read(fd, PAGE_BYTES).decode("latin-1"))
        finally:
            self._os.close(fd)

    def call_put_at(self, op: Op) -> str | None:
        """Write once to the attribute `path` below an open directory."""
        fd = self._os.open(op.path, os.O_WRONLY, dir_fd=self._handles[op.handle])
        try:
            return self._written(fd, op)
        finally:
            self._os.close(fd)

    def call_chown(self, op: Op) -> None:
        """Change owner and group to those in `data`: `65534 -1`."""
        uid, gid = (int(word) for word in op.data.split())
        self._os.chown(self._path(op.path), uid, gid)

    def call_mknod(self, op: Op) -> None:
        """Make a named pipe."""
        self._os.mknod(self._path(op.path), stat.S_IFIFO | 0o600)
