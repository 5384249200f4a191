"""Does the operations of conformance rows with system calls; standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import struct
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Protocol

from fakecluster.conformance.configfs_row import OK, Op

PAGE_BYTES = 4096
NOT_ROOT_UID = 65534
CONFIGFS_MAGIC = 0x62656570

_IN_CREATE, _IN_DELETE = 0x100, 0x200
_EVENT = struct.Struct("iIII")


class HostActions(Protocol):
    """What a row may ask of the host; raises OSError where it cannot.

    `take-port P`, `free-port P`, `listening P` (answers yes or no), `add-address A`,
    `remove-address A`, `mount R`, `umount R`, `live` (answers the nums that heartbeat, with
    blanks), `see NUMS`, `connect NUMS` (nums with commas).
    """

    def act(self, action: str, argument: str) -> str:
        """Do it; return what it answers, if it answers anything."""
        ...

    def undo(self) -> None:
        """Undo everything that was done."""
        ...


class RowOperator(Protocol):
    """A way into a configfs, as far as rows need it."""

    def do(self, op: Op) -> str:
        """Do one operation and give its answer."""
        ...

    def names(self, path: str) -> list[str]:
        """Return the names in a directory, as they come.

        Raises:
            OSError: it cannot be listed.
        """
        ...

    def undo(self) -> None:
        """Close every handle, and undo what was asked of the host."""
        ...


def op_answer(work: Callable[[], str | None]) -> str:
    """Return what a piece of work gives as an answer: `ok`, `=...` or an errno's symbol."""
    try:
        given = work()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error.errno))
    return OK if given is None else f"={given}"


@contextlib.contextmanager
def not_root() -> Iterator[None]:
    """Let this thread's file system calls be somebody else's; the other threads stay root."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.setfsgid(NOT_ROOT_UID)
    libc.setfsuid(NOT_ROOT_UID)
    try:
        yield
    finally:
        libc.setfsuid(os.geteuid())
        libc.setfsgid(os.getegid())


class OsOperator:
    """The operations over `os`: a kernel's configfs, a FUSE mount, or a fake `os`."""

    def __init__(
        self,
        root: str,
        *,
        host: HostActions | None = None,
        os_module: ModuleType | Any = os,
        become: Callable[[], contextlib.AbstractContextManager[None]] = not_root,
    ) -> None:
        """Work below a root.

        Args:
            root: such as /sys/kernel/config.
            host: what can be asked of the host; None: nothing.
            os_module: `os`, or what stands for it.
            become: makes calls those of somebody who is not root.
        """
        self._root = root.rstrip("/")
        self._host = host
        self._os = os_module
        self._become = become
        self._handles: dict[str, int] = {}
        self._inodes: dict[str, int] = {}

    def do(self, op: Op) -> str:
        """Do one operation and give its answer."""
        work: Callable[[Op], str | None] = getattr(self, f"call_{op.call.replace('-', '_')}")
        with self._become() if op.not_root else contextlib.nullcontext():
            return op_answer(lambda: work(op))

    def names(self, path: str) -> list[str]:
        """Return the names in a directory, as they come."""
        return [str(name) for name in self._os.listdir(self._path(path))]

    def undo(self) -> None:
        """Close every handle, and undo what was asked of the host."""
        for fd in self._handles.values():
            with contextlib.suppress(OSError):
                self._os.close(fd)
        self._handles.clear()
        self._inodes.clear()
        if self._host is not None:
            self._host.undo()

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    # ---- the operations

    def call_mkdir(self, op: Op) -> None:
        """Make a directory."""
        self._os.mkdir(self._path(op.path))

    def call_rmdir(self, op: Op) -> None:
        """Remove a directory."""
        self._os.rmdir(self._path(op.path))

    def call_unlink(self, op: Op) -> None:
        """Unlink a file."""
        self._os.unlink(self._path(op.path))

    def call_rename(self, op: Op) -> None:
        """Rename `path` to `to`."""
        self._os.rename(self._path(op.path), self._path(op.to))

    def call_symlink(self, op: Op) -> None:
        """Make a symbolic link at `path` to `to`."""
        self._os.symlink(self._path(op.to), self._path(op.path))

    def call_link(self, op: Op) -> None:
        """Make a hard link of `path` at `to`."""
        self._os.link(self._path(op.path), self._path(op.to))

    def call_chmod(self, op: Op) -> None:
        """Set the mode in `data`, octal."""
        self._os.chmod(self._path(op.path), int(op.data, 8))

    def call_truncate(self, op: Op) -> None:
        """Truncate to the length in `data`."""
        self._os.truncate(self._path(op.path), int(op.data or "0"))

    def call_create(self, op: Op) -> None:
        """Open what may not be there with O_CREAT."""
        self._os.close(self._os.open(self._path(op.path), os.O_CREAT | os.O_WRONLY, 0o644))

    def call_put(self, op: Op, flags: int = 0) -> str | None:
        """Open for writing, write once, close."""
        fd = self._os.open(self._path(op.path), os.O_WRONLY | flags)
        try:
            return self._written(fd, op)
        finally:
            self._os.close(fd)

    def call_put_truncating(self, op: Op) -> str | None:
        """As `put`, with O_TRUNC."""
        return self.call_put(op, os.O_TRUNC)

    def call_put_appending(self, op: Op) -> str | None:
        """As `put`, with O_APPEND."""
        return self.call_put(op, os.O_APPEND)

    def _written(self, fd: int, op: Op) -> str | None:
        data = op.data.encode("latin-1")
        count = self._os.write(fd, data)
        return None if count == len(data) else f"short {count}"

    def call_get(self, op: Op) -> str:
        """Open, read whole, close."""
        fd = self._os.open(self._path(op.path), os.O_RDONLY)
        try:
            return str(self._os.read(fd, PAGE_BYTES).decode("latin-1"))
        finally:
            self._os.close(fd)

    def call_open(self, op: Op) -> None:
        """Open as in `data`: r, w or rw."""
        flags = {"r": os.O_RDONLY, "w": os.O_WRONLY, "rw": os.O_RDWR}[op.data]
        self._handles[op.handle] = self._os.open(self._path(op.path), flags)

    def call_read(self, op: Op) -> str:
        """Read from an open handle, on from where it stands."""
        return str(self._os.read(self._handles[op.handle], PAGE_BYTES).decode("latin-1"))

    def call_write(self, op: Op) -> str | None:
        """Write once to an open handle."""
        return self._written(self._handles[op.handle], op)

    def call_rewind(self, op: Op) -> None:
        """Seek to the beginning."""
        self._os.lseek(self._handles[op.handle], 0, os.SEEK_SET)

    def call_close(self, op: Op) -> None:
        """Close a handle."""
        self._os.close(self._handles.pop(op.handle))

    def call_names(self, op: Op) -> str:
        """List, sorted."""
        return " ".join(sorted(self.names(op.path)))

    def call_order(self, op: Op) -> str:
        """List, as it comes."""
        return " ".join(self.names(op.path))

    def call_kinds(self, op: Op) -> str:
        """List, sorted, directories marked by a slash, without a stat."""
        with self._os.scandir(self._path(op.path)) as entries:
            found = {str(each.name): each.is_dir(follow_symlinks=False) for each in entries}
        return " ".join(f"{name}{'/' * found[name]}" for name in sorted(found))

    def call_stat(self, op: Op) -> str:
        """Tell kind, mode, owner, and the size of a file."""
        found = self._os.stat(self._path(op.path))
        kind = "dir" if stat.S_ISDIR(found.st_mode) else "file"
        size = "" if kind == "dir" else f" {found.st_size}"
        return f"{kind} {stat.S_IMODE(found.st_mode):04o} {found.st_uid}{size}"

    def call_missing(self, op: Op) -> None:
        """Look for what is not there."""
        self._os.stat(self._path(op.path))

    def call_remember_inode(self, op: Op) -> None:
        """Remember an inode."""
        self._inodes[op.handle] = self._os.stat(self._path(op.path)).st_ino

    def call_compare_inode(self, op: Op) -> str:
        """Compare with the remembered one; stat and scandir must agree about it."""
        inode = self._os.stat(self._path(op.path)).st_ino
        parent, _, name = self._path(op.path).rpartition("/")
        with self._os.scandir(parent) as entries:
            listed = next((each.inode() for each in entries if each.name == name), None)
        if listed != inode:
            return "scandir and stat differ"
        return "same" if self._inodes[op.handle] == inode else "other"

    def call_magic(self, op: Op) -> str:
        """Tell which file system it is."""
        libc = ctypes.CDLL(None, use_errno=True)
        buffer = ctypes.create_string_buffer(256)
        if libc.statfs(os.fsencode(self._path(op.path)), buffer) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        kind = ctypes.c_long.from_buffer(buffer).value
        return "configfs" if kind == CONFIGFS_MAGIC else "other"

    def call_watch(self, op: Op) -> None:
        """Watch a directory for what is made and removed in it."""
        libc = ctypes.CDLL(None, use_errno=True)
        fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._handles[op.handle] = fd
        path = os.fsencode(self._path(op.path))
        if fd < 0 or libc.inotify_add_watch(fd, path, _IN_CREATE | _IN_DELETE) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def call_events(self, op: Op) -> str:
        """Tell what was queued; the kernel queues before the call that causes it returns."""
        try:
            data = os.read(self._handles[op.handle], PAGE_BYTES)
        except BlockingIOError:
            return ""
        found, offset = [], 0
        while offset < len(data):
            _, mask, _, length = _EVENT.unpack_from(data, offset)
            offset += _EVENT.size
            name = os.fsdecode(data[offset : offset + length].rstrip(b"\0"))
            offset += length
            found.append(f"{'create' if mask & _IN_CREATE else 'delete'} {name}")
        return ", ".join(found)

    def call_host(self, op: Op) -> str | None:
        """Let the host do something."""
        if self._host is None:
            raise OSError(errno.EOPNOTSUPP, "this place has no host to ask")
        return self._host.act(op.path, op.data) or None


CALLS = tuple(
    sorted(
        name.removeprefix("call_").replace("_", "-")
        for name in vars(OsOperator)
        if name.startswith("call_")
    )
)
"""Every operation that a row may name."""
