"""The first way in: the daemon's node tree straight on the model, for the simulator."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager

from fakecluster.configfs.heartbeat import nums_line
from fakecluster.configfs.items import Directory, DirEntry
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.overriding import override
from o2cbd.calls import CallBoard
from o2cbd.configfs.files import VALUE_MAX_BYTES, Files, Listed
from o2cbd.configfs.tree import OsNodeTree
from o2cbd.eintr import uninterrupted


class DirectTree(OsNodeTree):
    """The real node tree, whose files are the model's: no file system is between.

    A second tree that skips the adapter would read 255 entries anew in two thirds of the time, and
    kept ones in nine tenths; it would not be the tree that runs in production.
    """

    def __init__(self, model: ConfigfsModel, *, debugfs: bool = True) -> None:
        """Stand on a model.

        Args:
            model: the fake kernel.
            debugfs: whether the heartbeat's live map can be read.
        """
        self.files = ModelFiles(model, debugfs=debugfs)
        super().__init__("/", "/debug", UnwatchedCalls(), files=self.files)


class ModelFiles(Files):
    """The `Files` of a fake kernel; the calls that `OsFiles` would make there, one for one."""

    def __init__(self, model: ConfigfsModel, *, debugfs: bool = True) -> None:
        self._model = model
        self.debugfs = debugfs
        """Whether the heartbeat's live map can be read."""
        self._opened: dict[int, Directory] = {}
        self._listings: dict[str, tuple[Sequence[DirEntry], list[Listed]]] = {}
        """By path: what was found last, and what was made of it."""
        self._next_fd = 0

    @override
    def open_top(self, path: str) -> int:
        return self._keep(uninterrupted(self._model.open_directory, path))

    @override
    def open_list(self, name: str, dir_fd: int) -> int:
        return self._keep(uninterrupted(self._model.open_directory, self._path(name, dir_fd)))

    @override
    def open_walk(self, name: str, dir_fd: int) -> int:
        path = self._path(name, dir_fd)
        found = self._model.lookup(path)
        if not isinstance(found, Directory):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        return self._keep(found)

    @override
    def close(self, fd: int) -> None:
        del self._opened[fd]

    @override
    def listing(self, dir_fd: int) -> list[Listed]:
        path = self._opened[dir_fd].path
        entries = uninterrupted(self._model.scandir, path)
        if self._listings.get(path, (None, None))[0] is not entries:
            listed = [Listed(entry.name, entry.inode, entry.is_dir) for entry in entries]
            self._listings[path] = (entries, listed)
        return self._listings[path][1]

    @override
    def inode_of(self, name: str, dir_fd: int) -> int | None:
        try:
            return uninterrupted(self._model.stat, self._path(name, dir_fd)).inode
        except FileNotFoundError:
            return None

    @override
    def mkdir(self, name: str, dir_fd: int) -> None:
        uninterrupted(self._model.mkdir, self._path(name, dir_fd))

    @override
    def rmdir(self, name: str, dir_fd: int) -> None:
        uninterrupted(self._model.rmdir, self._path(name, dir_fd))

    @override
    def read_value(self, name: str, dir_fd: int | None) -> str:
        """Read a value; the one path outside of the configfs is the live map's."""
        if dir_fd is None:
            if not self.debugfs:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
            return nums_line(self._model.heartbeat.live_nums).rstrip("\n")
        path = self._path(name, dir_fd)
        value = self._model.unwatched_value(path)
        if value is None:
            handle = uninterrupted(self._model.open, path)
            value = uninterrupted(self._model.read, handle, VALUE_MAX_BYTES)
        return value.decode("utf-8", "surrogateescape").rstrip("\n")

    @override
    def write_value(self, name: str, dir_fd: int, value: str) -> None:
        path, data = self._path(name, dir_fd), os.fsencode(value)
        handle = uninterrupted(self._model.open, path, os.O_WRONLY)
        written = uninterrupted(self._model.write, handle, data)
        if written != len(data):
            raise OSError(errno.EIO, f"short write: {written} of {len(data)} bytes", path)

    def _keep(self, directory: Directory) -> int:
        self._next_fd += 1
        self._opened[self._next_fd] = directory
        return self._next_fd

    def _path(self, name: str, dir_fd: int) -> str:
        directory = self._opened[dir_fd]
        path = f"{directory.path}/{name}"
        if directory.removed:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return path


class UnwatchedCalls(CallBoard, AbstractContextManager[None]):
    """The board of a simulated host, where a call takes no time and nobody watches it."""

    def __init__(self) -> None:
        super().__init__(_NoClock())

    def declare(self, name: str) -> AbstractContextManager[None]:
        """Declare nothing; the with block is this board's own."""
        del name
        return self

    def __exit__(self, *_: object) -> None:
        pass


class _NoClock:
    def now_us(self) -> int:
        return 0
