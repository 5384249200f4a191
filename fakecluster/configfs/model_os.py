"""The functions of `os` that touch files, over a model instead of a kernel."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fakecluster.configfs.items import ROOT, Caller, Directory, DirEntry, Handle, Item
from fakecluster.configfs.model import ConfigfsModel, Status, status_of

FIRST_FD = 1 << 20
"""Far above what a process has open, so that nobody takes one of ours for a real one."""

NOT_ROOT = Caller(uid=65534, gid=65534)

# What adapters may use of the real module beside: constants, and functions that touch no file.
_PURE = frozenset({"path", "fspath", "fsencode", "fsdecode", "strerror", "PathLike", "stat_result"})
_CONSTANTS = ("O_", "SEEK_", "EX_")

PathText = str | bytes | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class ScannedEntry:
    """One entry of `scandir`, as os.DirEntry."""

    name: str
    path: str
    entry: DirEntry

    def inode(self) -> int:
        """Its inode, without a stat."""
        return self.entry.inode

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - there are no links
        """True for a directory, without a stat."""
        return self.entry.is_dir

    def is_file(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - there are no links
        """True for an attribute, without a stat."""
        return not self.entry.is_dir

    def is_symlink(self) -> bool:
        """Never: there are no symbolic links."""
        return False


class Scan(contextlib.AbstractContextManager["Scan"]):
    """What `scandir` gives: an iterator that can be closed."""

    def __init__(self, entries: list[ScannedEntry]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[ScannedEntry]:
        return self._entries

    def __next__(self) -> ScannedEntry:
        return next(self._entries)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held open."""


@dataclass(slots=True)
class _OpenFile:
    handle: Handle
    position: int = field(default=0)


class ModelOs:
    """Stands for the module `os` in an adapter, for everything below `root`.

    Each call becomes one call of the model, so that the model's journal is the list of the
    adapter's calls. Directory descriptors and paths relative to them work as on Linux. What lies
    outside of `root` is not there.
    """

    def __init__(self, model: ConfigfsModel, root: str = "/sys/kernel/config") -> None:
        self.model = model
        self.root = root.rstrip("/")
        self.caller = ROOT
        """Who makes the calls."""
        self._numbers = itertools.count(FIRST_FD)
        self._files: dict[int, _OpenFile] = {}
        self._directories: dict[int, Directory] = {}

    def __getattr__(self, name: str) -> Any:
        if name in _PURE or name.startswith(_CONSTANTS):
            return getattr(os, name)
        raise AttributeError(f"os.{name} is not among what a configfs model stands for")

    @property
    def open_count(self) -> int:
        """How many descriptors are open."""
        return len(self._files) + len(self._directories)

    @contextlib.contextmanager
    def not_root(self) -> Iterator[None]:
        """Let calls be those of somebody who is not root."""
        before, self.caller = self.caller, NOT_ROOT
        try:
            yield
        finally:
            self.caller = before

    def owns(self, path: PathText | int, dir_fd: int | None = None) -> bool:
        """Return whether this path or descriptor is ours to answer for."""
        if isinstance(path, int):
            return path >= FIRST_FD
        text = os.fsdecode(path)
        if not text.startswith("/"):
            return dir_fd is not None and dir_fd >= FIRST_FD
        return f"{posixpath.normpath(text)}/".startswith(f"{self.root}/")

    def has(self, path: PathText) -> bool:
        """Tell whether something is there; no call of the model."""
        return self.owns(path) and self.model.find(self._path(path)) is not None

    # ---- directories

    def mkdir(self, path: PathText, mode: int = 0o777, *, dir_fd: int | None = None) -> None:  # noqa: ARG002 - ignored by the kernel too
        """Stand for os.mkdir."""
        self.model.mkdir(self._path(path, dir_fd), self.caller)

    def rmdir(self, path: PathText, *, dir_fd: int | None = None) -> None:
        """Stand for os.rmdir."""
        self.model.rmdir(self._path(path, dir_fd), self.caller)

    def listdir(self, path: PathText | int) -> list[str]:
        """Stand for os.listdir."""
        return [entry.name for entry in self.model.scandir(self._place(path), self.caller)]

    def scandir(self, path: PathText | int) -> Scan:
        """Stand for os.scandir."""
        where = self._place(path)
        shown = "" if isinstance(path, int) else os.fsdecode(path)
        return Scan(
            [
                ScannedEntry(entry.name, posixpath.join(shown, entry.name), entry)
                for entry in self.model.scandir(where, self.caller)
            ]
        )

    # ---- files

    def open(
        self,
        path: PathText,
        flags: int,
        mode: int = 0o777,  # noqa: ARG002 - nothing is ever created
        *,
        dir_fd: int | None = None,
    ) -> int:
        """Stand for os.open."""
        where = self._path(path, dir_fd)
        number = next(self._numbers)
        item = self.model.find(where)
        wants_write = flags & os.O_ACCMODE != os.O_RDONLY
        if flags & os.O_PATH:
            # It only names the place: no right is asked for and configfs hears nothing of it.
            found = self.model.lookup(where, self.caller)
            if not isinstance(found, Directory):
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), where)
            self._directories[number] = found
        elif isinstance(item, Directory) and not wants_write:
            self._directories[number] = self.model.open_directory(where, self.caller)
        else:
            self._files[number] = _OpenFile(self.model.open(where, flags, self.caller))
        return number

    def close(self, fd: int) -> None:
        """Stand for os.close."""
        if self._files.pop(fd, None) is None and self._directories.pop(fd, None) is None:
            raise _bad(fd)

    def read(self, fd: int, n: int) -> bytes:
        """Stand for os.read."""
        if fd in self._directories:
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), fd)
        opened = self._file(fd)
        data = self.model.read(opened.handle, n, opened.position, pid=self.caller.pid)
        opened.position += len(data)
        return data

    def write(self, fd: int, data: bytes) -> int:
        """Stand for os.write."""
        opened = self._file(fd)
        count = self.model.write(opened.handle, bytes(data), pid=self.caller.pid)
        opened.position += count
        return count

    def lseek(self, fd: int, position: int, whence: int = os.SEEK_SET) -> int:
        """Stand for os.lseek."""
        opened = self._file(fd)
        base = {
            os.SEEK_SET: 0,
            os.SEEK_CUR: opened.position,
            os.SEEK_END: opened.handle.attribute.size,
        }[whence]
        opened.position = base + position
        return opened.position

    def stat(
        self,
        path: PathText | int,
        *,
        dir_fd: int | None = None,
        follow_symlinks: bool = True,  # noqa: ARG002 - there are no links
    ) -> os.stat_result:
        """Stand for os.stat."""
        if isinstance(path, int):
            return self.fstat(path)
        return _result(self.model.stat(self._path(path, dir_fd), self.caller))

    def fstat(self, fd: int) -> os.stat_result:
        """Stand for os.fstat, which works for what has been removed, too."""
        item: Item | None = self._directories.get(fd)
        return _result(status_of(item or self._file(fd).handle.attribute))

    # ---- the rest

    def chmod(self, path: PathText, mode: int) -> None:
        """Stand for os.chmod."""
        self.model.chmod(self._path(path), mode, self.caller)

    def truncate(self, path: PathText, length: int) -> None:  # noqa: ARG002 - the size never changes
        """Stand for os.truncate."""
        self.model.truncate(self._path(path), self.caller)

    def unlink(self, path: PathText, *, dir_fd: int | None = None) -> None:
        """Stand for os.unlink."""
        self.model.unlink(self._path(path, dir_fd), self.caller)

    def rename(self, source: PathText, target: PathText) -> None:
        """Stand for os.rename."""
        self.model.rename(self._path(source), self._path(target), self.caller)

    def symlink(self, source: PathText, target: PathText) -> None:
        """Stand for os.symlink; `target` is the new name."""
        self.model.symlink(self._path(target), os.fsdecode(source), self.caller)

    def link(self, source: PathText, target: PathText) -> None:
        """Stand for os.link; `target` is the new name."""
        self.model.link(self._path(source), self._path(target), self.caller)

    # ---- paths and descriptors

    def _path(self, path: PathText, dir_fd: int | None = None) -> str:
        """Return the model's path of what a call means."""
        text = os.fsdecode(path)
        if not text.startswith("/") and dir_fd is not None:
            directory = self._directory(dir_fd)
            if directory.removed:
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), text)
            return posixpath.normpath(posixpath.join(directory.path, text))
        if not self.owns(text):
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), text)
        return posixpath.normpath(text)[len(self.root) :] or "/"

    def _place(self, path: PathText | int) -> str:
        """Return the model's path of a directory that is given as a path or a descriptor."""
        if not isinstance(path, int):
            return self._path(path)
        directory = self._directory(path)
        if directory.removed:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), directory.path)
        return directory.path

    def _directory(self, fd: int) -> Directory:
        if fd in self._files:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), fd)
        if fd not in self._directories:
            raise _bad(fd)
        return self._directories[fd]

    def _file(self, fd: int) -> _OpenFile:
        if fd not in self._files:
            raise _bad(fd)
        return self._files[fd]


def _bad(fd: int) -> OSError:
    return OSError(errno.EBADF, os.strerror(errno.EBADF), fd)


def _result(status: Status) -> os.stat_result:
    seconds = status.born_ns // 1_000_000_000
    return os.stat_result(
        (
            status.mode,
            status.inode,
            0,
            status.links,
            status.uid,
            status.gid,
            status.size_bytes,
            seconds,
            seconds,
            seconds,
        )
    )
