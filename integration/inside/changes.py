"""Notes every change of the kernel's o2cb tables, whoever made it, by inotify.

What it cannot see: a call that failed, and a value that is written before the watch of a new
directory is in place. So it proves that something was *not* touched, and tells what was.
"""

from __future__ import annotations

import ctypes
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from integration.inside.tables import CLUSTERS

_IN_MODIFY: Final = 0x2
_IN_CREATE: Final = 0x100
_IN_DELETE: Final = 0x200
_IN_Q_OVERFLOW: Final = 0x4000
_IN_ISDIR: Final = 0x40000000
_HEADER: Final = struct.Struct("iIII")
_PIECE: Final = 1 << 16

OVERFLOWN: Final = "overflow"
"""The name of a change that stands for those which the kernel has dropped."""


class TableWatch:
    """Watches a directory `cluster` of a configfs and everything that will ever be below it."""

    def __init__(self, configfs: Path) -> None:
        """Begin now; what is there already is watched, too."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._configfs = configfs
        self._paths: dict[int, Path] = {}
        self._changes: list[dict[str, str]] = []
        self._lock = threading.Lock()
        self._fd = self._call("inotify_init1", os.O_CLOEXEC)
        self._add(configfs / "cluster")
        threading.Thread(target=self._run, daemon=True, name="changes").start()

    def changes(self) -> list[dict[str, str]]:
        """All that was noted since the beginning.

        Each has a `name`, `mkdir`, `rmdir`, `write:num` ... as the simulator's journal has it, and
        a `path` below the configfs: `/cluster/o2/node/node1`.
        """
        with self._lock:
            return list(self._changes)

    def _call(self, function: str, *arguments: int | bytes) -> int:
        result = int(getattr(self._libc, function)(*arguments))
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{function}: {os.strerror(number)}")
        return result

    def _add(self, directory: Path) -> None:
        """Watch a directory and all below; one that is gone again needs no watch."""
        mask = _IN_CREATE | _IN_DELETE | _IN_MODIFY
        try:
            watch = self._call("inotify_add_watch", self._fd, os.fsencode(directory), mask)
            self._paths[watch] = directory
            below = [path for path in directory.iterdir() if path.is_dir()]
        except FileNotFoundError:
            return
        for path in below:
            self._add(path)

    def _run(self) -> None:
        while True:
            data = os.read(self._fd, _PIECE)
            for watch, mask, name in _events(data):
                self._take(watch, mask, name)

    def _take(self, watch: int, mask: int, name: str) -> None:
        if mask & _IN_Q_OVERFLOW:
            self._note(OVERFLOWN, Path())
            return
        path = self._paths.get(watch)
        if path is None:
            return
        if mask & _IN_MODIFY:
            self._note(f"write:{name}", path / name)
        elif mask & _IN_ISDIR and mask & _IN_CREATE:
            self._note("mkdir", path / name)
            self._add(path / name)
        elif mask & _IN_ISDIR and mask & _IN_DELETE:
            self._note("rmdir", path / name)

    def _note(self, name: str, path: Path) -> None:
        shown = "/" + str(path.relative_to(self._configfs)) if path.parts else ""
        with self._lock:
            self._changes.append({"name": name, "path": shown})


def _events(data: bytes) -> Iterator[tuple[int, int, str]]:
    """The events of one read: (watch, mask, name)."""
    while data:
        watch, mask, _cookie, length = _HEADER.unpack_from(data)
        end = _HEADER.size + length
        yield watch, mask, os.fsdecode(data[_HEADER.size : end].rstrip(b"\0"))
        data = data[end:]


_watches: list[TableWatch] = []


def watch() -> None:
    """Note from now on every change of the tables; begins once."""
    if not _watches:
        _watches.append(TableWatch(CLUSTERS.parent))


def changes() -> list[dict[str, str]]:
    """All changes that were noted."""
    return [change for each in _watches for change in each.changes()]
