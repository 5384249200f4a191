"""Notices of changes to one file, wherever it comes from: written, renamed over, made, removed."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, Final

from o2cbd.membership._inotify_abi import ffi

_LIBC: Any = ffi.dlopen(None)

# <linux/inotify.h>: the same on every architecture of Linux.
_IN_ATTRIB = 0x4
_IN_CLOSE_WRITE = 0x8
_IN_MOVED_FROM = 0x40
_IN_MOVED_TO = 0x80
_IN_CREATE = 0x100
_IN_DELETE = 0x200
_IN_DELETE_SELF = 0x400
_IN_MOVE_SELF = 0x800
_IN_UNMOUNT = 0x2000
_IN_Q_OVERFLOW = 0x4000
_IN_IGNORED = 0x8000
_IN_ONLYDIR = 0x1000000

_OF_ENTRIES: Final = (
    _IN_ATTRIB | _IN_CLOSE_WRITE | _IN_MOVED_FROM | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE
)
_OF_ALL: Final = _IN_DELETE_SELF | _IN_MOVE_SELF | _IN_UNMOUNT | _IN_Q_OVERFLOW | _IN_IGNORED

_EVENT: Final = struct.Struct("iIII")
"""wd, mask, cookie, length of the name that follows."""
_CHUNK_BYTES: Final = 65536


class FileWatch:
    """Watches the directories that decide what a path leads to; the descriptor stays the same."""

    def __init__(self, path: str) -> None:
        """Watch nothing yet.

        Raises:
            OSError: the kernel has no room for it (EMFILE).
        """
        self._path = path
        self._fd: int = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ffi.errno, f"inotify: {os.strerror(ffi.errno)}")
        self._names: dict[int, str | None] = {}
        """By watch the name that counts there; None: every one does."""

    def fileno(self) -> int:
        """Return the descriptor; -1 once it is closed."""
        return self._fd

    def aim(self) -> None:
        """Watch where the path leads now: call it before each reading of the file.

        Where a directory is not there yet, the nearest one above it is watched.

        Raises:
            OSError: the kernel has no room for it (ENOSPC), or it may not be watched.
        """
        real = os.path.realpath(self._path)
        if real == self._path:
            self._names = dict([self._watch(self._path)])
        else:  # a link may have several turns: whatever happens beside one of them counts
            self._names = {self._watch(path)[0]: None for path in (self._path, real)}

    def _watch(self, path: str) -> tuple[int, str]:
        directory, name = os.path.split(path)
        while True:
            mask = _OF_ENTRIES | _IN_DELETE_SELF | _IN_MOVE_SELF | _IN_ONLYDIR
            watch: int = _LIBC.inotify_add_watch(self._fd, os.fsencode(directory), mask)
            if watch >= 0:
                return watch, name
            error = OSError(ffi.errno, f"inotify: {os.strerror(ffi.errno)}", directory)
            if not isinstance(error, FileNotFoundError | NotADirectoryError) or directory == "/":
                raise error
            directory, name = os.path.split(directory)

    def changed(self) -> bool:
        """Take all events that are there, without waiting; True when the file may be another."""
        changed = False
        while self._fd >= 0:
            try:
                data = os.read(self._fd, _CHUNK_BYTES)
            except BlockingIOError:
                break
            while data:
                watch, mask, _cookie, length = _EVENT.unpack_from(data)
                name = data[_EVENT.size : _EVENT.size + length].rstrip(b"\0")
                changed = self._counts(watch, mask, os.fsdecode(name)) or changed
                data = data[_EVENT.size + length :]
        return changed

    def _counts(self, watch: int, mask: int, name: str) -> bool:
        if mask & _OF_ALL:
            return watch in self._names or bool(mask & _IN_Q_OVERFLOW)
        if watch not in self._names or self._names[watch] not in {None, name}:
            return False
        return bool(mask & ~(_IN_CREATE | _IN_ATTRIB)) or not self._is_empty()

    def _is_empty(self) -> bool:
        """True for an empty file: who made it so writes it now, and closing it is an event, too."""
        try:
            return Path(self._path).stat().st_size == 0
        except OSError:
            return False

    def close(self) -> None:
        """Give the descriptor back; may be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
