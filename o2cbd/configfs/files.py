"""Directories and attribute files by descriptor: as few calls as can be, every errno kept.

Everything is relative to an open directory: on a file system without caches (a FUSE mount) each
path component would cost a question to its server. Names are used as they are; who calls checks
them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from o2cbd.eintr import uninterrupted

VALUE_MAX_BYTES = 4096
"""An attribute reads as one page at most, whole at the first read of a handle."""

_TOP = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LIST = _TOP | os.O_NOFOLLOW
_ENCODING, _ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
_WALK = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_WRITE = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class Listed(NamedTuple):
    """A directory entry; a tuple, since tables have hundreds."""

    name: str
    inode: int
    is_dir: bool


class Files(Protocol):
    """The calls of one kernel. A descriptor is an int of that kernel's; `OsFiles` is the real one.

    All raise OSError with the kernel's errno.
    """

    def open_top(self, path: str) -> int:
        """Open a directory by its path, symbolic links followed, for listing and going on."""
        ...

    def open_list(self, name: str, dir_fd: int) -> int:
        """Open a directory for listing and for going on from it."""
        ...

    def open_walk(self, name: str, dir_fd: int) -> int:
        """Open a directory only to go on from it: needs no right to list and costs no call."""
        ...

    def close(self, fd: int) -> None:
        """Close it for good, whatever close says: nothing was buffered."""
        ...

    def listing(self, dir_fd: int) -> list[Listed]:
        """List a directory; the inodes come with it, without a stat."""
        ...

    def inode_of(self, name: str, dir_fd: int) -> int | None:
        """Return the inode of what has that name now; None when nothing has."""
        ...

    def mkdir(self, name: str, dir_fd: int) -> None:
        """Make a directory."""
        ...

    def rmdir(self, name: str, dir_fd: int) -> None:
        """Remove a directory."""
        ...

    def read_value(self, name: str, dir_fd: int | None) -> str:
        """Read an attribute whole, in one read, without its newline; None: `name` is a path."""
        ...

    def write_value(self, name: str, dir_fd: int, value: str) -> None:
        """Write an attribute in exactly one write, since each is a store of its own.

        Raises:
            OSError: the kernel's errno; EIO when it took a part of it only.
        """
        ...


class closing(AbstractContextManager[int]):  # noqa: N801 - as contextlib's, and as fast as can be
    """Closes a descriptor at the end of the with block."""

    __slots__ = ("_fd", "_files")

    def __init__(self, files: Files, fd: int) -> None:
        self._files = files
        self._fd = fd

    def __enter__(self) -> int:
        """Return the descriptor."""
        return self._fd

    def __exit__(self, *_: object) -> None:
        self._files.close(self._fd)


class OsFiles:
    """The calls of this host's kernel.

    Python itself repeats open, read and write after a signal (PEP 475), and not the others.
    """

    # ---- directories

    def open_top(self, path: str) -> int:
        """Open a directory by its path, symbolic links followed, for listing and going on."""
        return os.open(path, _TOP)

    def open_list(self, name: str, dir_fd: int) -> int:
        """Open a directory for listing and for going on from it."""
        return os.open(name, _LIST, dir_fd=dir_fd)

    def open_walk(self, name: str, dir_fd: int) -> int:
        """Open a directory only to go on from it: needs no right to list and costs no call."""
        return os.open(name, _WALK, dir_fd=dir_fd)

    def close(self, fd: int) -> None:
        """Close it for good, whatever close says: nothing was buffered."""
        try:  # noqa: SIM105 - there are hundreds of these in a table
            os.close(fd)
        except OSError:
            pass

    def listing(self, dir_fd: int) -> list[Listed]:
        """List a directory; the inodes come with it, without a stat."""
        return uninterrupted(self._listing, dir_fd)

    def _listing(self, dir_fd: int) -> list[Listed]:
        with os.scandir(dir_fd) as entries:
            return [
                Listed(entry.name, entry.inode(), entry.is_dir(follow_symlinks=False))
                for entry in entries
            ]

    def inode_of(self, name: str, dir_fd: int) -> int | None:
        """Return the inode of what has that name now; None when nothing has."""
        try:
            return uninterrupted(os.stat, name, dir_fd=dir_fd, follow_symlinks=False).st_ino
        except FileNotFoundError:
            return None

    def mkdir(self, name: str, dir_fd: int) -> None:
        """Make a directory."""
        uninterrupted(os.mkdir, name, dir_fd=dir_fd)

    def rmdir(self, name: str, dir_fd: int) -> None:
        """Remove a directory."""
        uninterrupted(os.rmdir, name, dir_fd=dir_fd)

    # ---- attributes

    def read_value(self, name: str, dir_fd: int | None) -> str:
        """Read an attribute whole, in one read, without its newline; None: `name` is a path."""
        fd = os.open(name, _READ, dir_fd=dir_fd)
        try:
            value = os.read(fd, VALUE_MAX_BYTES)
        finally:
            self.close(fd)
        return str(value, _ENCODING, _ERRORS).rstrip("\n")

    def write_value(self, name: str, dir_fd: int, value: str) -> None:
        """Write an attribute in exactly one write(2), since each is a store of its own.

        Raises:
            OSError: the kernel's errno; EIO when it took a part of it only.
        """
        data = value.encode(_ENCODING, _ERRORS)
        fd = os.open(name, _WRITE, dir_fd=dir_fd)
        try:
            written = os.write(fd, data)
        except OSError:
            self.close(fd)
            raise
        with contextlib.suppress(InterruptedError):
            # Never twice: even then Linux has closed it, and the number may be in use.
            os.close(fd)
        if written != len(data):
            raise OSError(errno.EIO, f"short write: {written} of {len(data)} bytes")
