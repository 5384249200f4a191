"""Directories and attribute files by descriptor: as few calls as can be, every errno kept.

Everything is relative to an open directory: on a file system without caches (a FUSE mount) each
path component would cost a question to its server. Names are used as they are; who calls checks
them.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import NamedTuple

from o2cbd.eintr import uninterrupted

VALUE_MAX_BYTES = 4096
"""An attribute reads as one page at most, whole at the first read of a handle."""

_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_WALK = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_WRITE = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class Listed(NamedTuple):
    """A directory entry; a tuple, since tables have hundreds."""

    name: str
    inode: int
    is_dir: bool


def open_top(path: str) -> int:
    """Open a directory by its path, symbolic links followed, for listing and for going on."""
    return uninterrupted(os.open, path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def open_list(name: str, dir_fd: int) -> int:
    """Open a directory for listing and for going on from it."""
    return uninterrupted(os.open, name, _LIST, dir_fd=dir_fd)


def open_walk(name: str, dir_fd: int) -> int:
    """Open a directory only to go on from it, which needs no right to list and costs no call."""
    return uninterrupted(os.open, name, _WALK, dir_fd=dir_fd)


def close(fd: int) -> None:
    """Close it for good, whatever close says: nothing was buffered."""
    with contextlib.suppress(OSError):
        os.close(fd)


@contextlib.contextmanager
def closing(fd: int) -> Iterator[int]:
    """Close it at the end of the with block."""
    try:
        yield fd
    finally:
        close(fd)


def listing(dir_fd: int) -> list[Listed]:
    """List a directory; the inodes come with it, without a stat."""
    return uninterrupted(_listing, dir_fd)


def _listing(dir_fd: int) -> list[Listed]:
    with os.scandir(dir_fd) as entries:
        return [
            Listed(entry.name, entry.inode(), entry.is_dir(follow_symlinks=False))
            for entry in entries
        ]


def inode_of(name: str, dir_fd: int) -> int | None:
    """Return the inode of what has that name now; None when nothing has."""
    try:
        return uninterrupted(os.stat, name, dir_fd=dir_fd, follow_symlinks=False).st_ino
    except FileNotFoundError:
        return None


def read_value(name: str, dir_fd: int | None) -> str:
    """Read an attribute whole, in one read(2), and strip its newline; None: `name` is a path."""
    fd = uninterrupted(os.open, name, _READ, dir_fd=dir_fd)
    try:
        value = uninterrupted(os.read, fd, VALUE_MAX_BYTES)
    finally:
        close(fd)
    return os.fsdecode(value).rstrip("\n")


def write_value(name: str, dir_fd: int, value: str) -> None:
    """Write an attribute in exactly one write(2), since each is a store of its own.

    Raises:
        OSError: the kernel's errno; EIO when it took a part of it only.
    """
    data = os.fsencode(value)
    fd = uninterrupted(os.open, name, _WRITE, dir_fd=dir_fd)
    try:
        written = uninterrupted(os.write, fd, data)
    except OSError:
        close(fd)
        raise
    with contextlib.suppress(InterruptedError):
        os.close(fd)  # never twice: even then Linux has closed it, and the number may be in use
    if written != len(data):
        raise OSError(errno.EIO, f"short write: {written} of {len(data)} bytes")
