"""The functions of `os` that touch files, over a model instead of a kernel."""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import itertools
import os
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar, TypeVarTuple

from fakecluster.configfs.items import ROOT, Caller, Directory, DirEntry, Item, OpenAttribute
from fakecluster.configfs.model import ConfigfsModel

FIRST_FD = 1 << 20
"""Far above what a process has open, so that nobody takes one of ours for a real one."""

NOT_ROOT = Caller(uid=65534, gid=65534)

# What adapters may use of the real module beside: constants, and functions that touch no file.
_PURE = frozenset({"path", "fspath", "fsencode", "fsdecode", "strerror", "PathLike", "stat_result"})
_CONSTANTS = ("O_", "SEEK_", "EX_")

_FILE_ALONE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
"""What no directory is opened with."""

PathText = str | bytes | os.PathLike[str]
Shown = Callable[[], bytes]
"""Makes a file's text whenever it is opened."""

_R = TypeVar("_R")
_Args = TypeVarTuple("_Args")


_REPEATS_MAX = 1000


def _repeated(call: Callable[[*_Args], _R], *args: *_Args) -> _R:
    """Make a call that Python itself repeats when interrupted: open, read, write (PEP 475)."""
    for _ in range(_REPEATS_MAX):
        with contextlib.suppress(InterruptedError):
            return call(*args)
    raise AssertionError("interrupted for ever: Python would never return from this call")


class ScannedEntry:
    """One entry of `scandir`, as os.DirEntry."""

    __slots__ = ("_directory", "entry", "name")

    def __init__(self, directory: str, entry: DirEntry) -> None:
        self.name = entry.name
        self.entry = entry
        self._directory = directory

    @property
    def path(self) -> str:
        """Its path, as far as that of the directory was given."""
        return posixpath.join(self._directory, self.name)

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
    handle: OpenAttribute
    position: int = field(default=0)


class ModelOs:
    """Stands for the module `os` in an adapter, for everything below `root`.

    Each call becomes one call of the model, so that the model's journal is the list of the
    adapter's calls. Directory descriptors and paths relative to them work as on Linux. What lies
    outside of `root` is not there, but for the files that are `shown`.
    """

    def __init__(
        self,
        model: ConfigfsModel,
        root: str = "/sys/kernel/config",
        *,
        shown: Mapping[str, Shown] = MappingProxyType({}),
    ) -> None:
        """Stand on a model.

        Args:
            model: whose calls are made.
            root: where its root is found.
            shown: other files, by their whole path, that can be opened and read; no calls of the
                model's.
        """
        self.model = model
        self.root = root.rstrip("/")
        self.caller = ROOT
        """Who makes the calls."""
        self._numbers = itertools.count(FIRST_FD)
        self._shown = shown
        self._opened: dict[int, _OpenFile | Directory | io.BytesIO] = {}

    def __getattr__(self, name: str) -> Any:
        if name in _PURE or name.startswith(_CONSTANTS):
            return getattr(os, name)
        raise AttributeError(f"os.{name} is not among what a configfs model stands for")

    @property
    def open_count(self) -> int:
        """How many descriptors are open."""
        return len(self._opened)

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
        return [entry.name for entry in self._entries(path)]

    def scandir(self, path: PathText | int) -> Scan:
        """Stand for os.scandir."""
        shown = "" if isinstance(path, int) else os.fsdecode(path)
        return Scan([ScannedEntry(shown, entry) for entry in self._entries(path)])

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
        number = next(self._numbers)
        if path in self._shown:
            self._opened[number] = io.BytesIO(self._shown[os.fsdecode(path)]())
            return number
        where = self._path(path, dir_fd)
        if flags & os.O_PATH:
            # It only names the place: no right is asked for and configfs hears nothing of it.
            found = self.model.lookup(where, self.caller)
            if not isinstance(found, Directory):
                raise _error(errno.ENOTDIR, where)
            self._opened[number] = found
        elif flags & _FILE_ALONE or not isinstance(self.model.find(where), Directory):
            self._opened[number] = _OpenFile(_repeated(self.model.open, where, flags, self.caller))
        else:
            self._opened[number] = _repeated(self.model.open_directory, where, self.caller)
        return number

    def close(self, fd: int) -> None:
        """Stand for os.close."""
        opened = self._opened.pop(fd, None)
        if opened is None:
            raise _bad(fd)
        if isinstance(opened, _OpenFile):
            self.model.close(opened.handle)

    def read(self, fd: int, n: int) -> bytes:
        """Stand for os.read."""
        opened = self._opened.get(fd)
        if isinstance(opened, io.BytesIO):
            return opened.read(n)
        if not isinstance(opened, _OpenFile):
            raise _bad(fd) if opened is None else _error(errno.EISDIR, fd)
        read = functools.partial(self.model.read, pid=self.caller.pid)
        data = _repeated(read, opened.handle, n, opened.position)
        opened.position += len(data)
        return data

    def write(self, fd: int, data: bytes) -> int:
        """Stand for os.write."""
        opened = self._file(fd)
        write = functools.partial(self.model.write, pid=self.caller.pid)
        count = _repeated(write, opened.handle, bytes(data))
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
        if base + position < 0:
            raise _error(errno.EINVAL, fd)
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
        opened = self._opened.get(fd)
        item = opened if isinstance(opened, Directory) else self._file(fd).handle.attribute
        return _result(item)

    # ---- the rest

    def chmod(self, path: PathText, mode: int) -> None:
        """Stand for os.chmod."""
        self.model.chmod(self._path(path), mode, self.caller)

    def chown(self, path: PathText, uid: int, gid: int) -> None:
        """Stand for os.chown."""
        self.model.chown(self._path(path), uid, gid, self.caller)

    def mknod(self, path: PathText, mode: int = 0o600) -> None:  # noqa: ARG002 - nothing is ever made
        """Stand for os.mknod."""
        self.model.mknod(self._path(path), self.caller)

    def truncate(self, path: PathText, length: int) -> None:
        """Stand for os.truncate."""
        self.model.truncate(self._path(path), length, self.caller)

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
        if dir_fd is not None and not text.startswith("/"):
            directory = self._directory(dir_fd)
            if directory.removed:
                raise _error(errno.ENOENT, text)
            if "." not in text:  # nothing in it to be made plain, and most paths are such
                return f"{directory.path}/{text}"
            return posixpath.normpath(posixpath.join(directory.path, text))
        if not self.owns(text):
            raise _error(errno.ENOENT, text)
        return posixpath.normpath(text)[len(self.root) :] or "/"

    def _entries(self, path: PathText | int) -> Sequence[DirEntry]:
        """List a directory that is given as a path or a descriptor.

        An open one that was removed is empty: the C library takes the kernel's ENOENT for the end.
        """
        if not isinstance(path, int):
            return self.model.scandir(self._path(path), self.caller)
        directory = self._directory(path)
        # Open directories may be listed by whoever has them, whatever their mode is now.
        return [] if directory.removed else self.model.scandir(directory.path)

    def _directory(self, fd: int) -> Directory:
        opened = self._opened.get(fd)
        if isinstance(opened, Directory):
            return opened
        raise _bad(fd) if opened is None else _error(errno.ENOTDIR, fd)

    def _file(self, fd: int) -> _OpenFile:
        opened = self._opened.get(fd)
        if not isinstance(opened, _OpenFile):
            raise _bad(fd)
        return opened


def _bad(fd: int) -> OSError:
    return _error(errno.EBADF, fd)


def _error(number: int, where: str | int) -> OSError:
    return OSError(number, os.strerror(number), where)


def _result(item: Item) -> os.stat_result:
    seconds = item.born_ns // 1_000_000_000
    times = (seconds, seconds, seconds)
    return os.stat_result(
        (item.mode, item.inode, 0, item.links, item.uid, item.gid, item.size, *times)
    )
