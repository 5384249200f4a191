"""The o2cb configfs of one fake kernel: every call that the VFS could bring to it."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass

from fakecluster.configfs.base import require
from fakecluster.configfs.directories import Presence
from fakecluster.configfs.items import ROOT, Attribute, Caller, Directory, DirEntry, Handle, Item
from fakecluster.configfs.journal import Fault
from fakecluster.configfs.kernel import Kernel, Poison
from fakecluster.configfs.oddcalls import OddCalls
from fakecluster.configfs.values import Refusal
from fakecluster.configfs.variant import STORE_MAX_BYTES, KernelVariant

_MAKES = os.O_CREAT | os.O_EXCL


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What stat says."""

    inode: int
    mode: int
    links: int
    uid: int
    gid: int
    size_bytes: int
    born_ns: int


class ConfigfsModel(OddCalls):
    """One fake kernel's configfs. Paths begin at its root: `/cluster/C/node/N/num`.

    Every call may be made from any thread: one lock guards the whole model. A refused call raises
    OSError with the kernel's errno and has changed nothing. `journal` notes the calls, lets hooks
    see them first and makes them fail on demand.
    """

    # ---- the machine

    @property
    def variant(self) -> KernelVariant:
        """Which kernels it behaves like."""
        return self._variant

    @property
    def poisoned(self) -> tuple[Poison, ...]:
        """What was done that can crash a real kernel; an oracle fails when there is anything."""
        with self.lock:
            return tuple(self.kernel.poison)

    @property
    def presence(self) -> Presence:
        """What is found where the configfs is expected."""
        return self._directories.presence

    @presence.setter
    def presence(self, presence: Presence) -> None:
        with self.lock:
            self._directories.change_count += 1
            self._directories.presence = presence

    def power_cycle(self) -> None:
        """Boot anew: empty tables, module defaults; open handles are dead. Poison is kept."""
        with self.lock:
            poison = self.kernel.poison
            self.host.stop_listening()
            kernel = Kernel(self._variant, self.host)
            kernel.poison = poison
            self._directories.change_count += 1
            self._directories.forget_all(kernel)

    def drop_caches(self) -> None:
        """Let attribute files have other inodes, as they do after a drop of the kernel's caches."""
        with self.lock:
            self._directories.renew_attribute_inodes()

    def fault(
        self, call: str, number: int, count: int | None = 1, *, path: str | None = None
    ) -> None:
        """Make calls fail, see `Fault`: `fault("write:num", errno.EIO)`."""
        with self.lock:
            self.journal.arm(Fault(call, number, count=count, path=path))

    # ---- looking

    def find(self, path: str) -> Item | None:
        """Return what has this path, None when nothing has; no call, so no hook and no fault."""
        with self.lock:
            return self._directories.index.get(path)

    def stat(self, path: str, caller: Caller = ROOT) -> Status:
        """Say what stat says of a path."""
        return self._do(
            "stat", path, lambda: status_of(self._directories.resolve(path, caller)), pid=caller.pid
        )

    def scandir(self, path: str, caller: Caller = ROOT) -> Sequence[DirEntry]:
        """List a directory, newest first: the very same while nothing in it changed."""

        def work() -> Sequence[DirEntry]:
            directory = self._directories.directory(path, caller)
            require(directory.allows(caller, 4), errno.EACCES)
            return directory.entries()

        return self._do("scandir", path, work, pid=caller.pid)

    # ---- directories

    def mkdir(self, path: str, caller: Caller = ROOT) -> None:
        """Make a directory; the kernel ignores mode bits."""
        self._do("mkdir", path, lambda: self._directories.make(path, caller), pid=caller.pid)

    def rmdir(self, path: str, caller: Caller = ROOT) -> None:
        """Remove a directory."""
        self._do("rmdir", path, lambda: self._directories.remove(path, caller), pid=caller.pid)

    # ---- attribute files

    def open(self, path: str, flags: int = os.O_RDONLY, caller: Caller = ROOT) -> Handle:
        """Open an attribute file; O_APPEND does nothing, O_TRUNC changes what stat says of it.

        Raises:
            OSError: EACCES also for a new file with O_CREAT, and for what has no store.
        """
        return self._do("open", path, lambda: self._open(path, flags, caller), pid=caller.pid)

    def _open(self, path: str, flags: int, caller: Caller) -> Handle:
        access, truncates = flags & os.O_ACCMODE, bool(flags & os.O_TRUNC)
        wants_read, wants_write = access != os.O_WRONLY, access != os.O_RDONLY
        try:
            item = self._directories.resolve(path, caller)
        except Refusal as refusal:
            if refusal.errno == errno.ENOENT and flags & os.O_CREAT:
                self._directories.room_for(path, caller)
                raise Refusal(errno.EACCES) from None
            raise
        if flags & _MAKES == _MAKES:
            raise Refusal(errno.EEXIST)
        if not isinstance(item, Attribute):
            raise Refusal(errno.EISDIR)
        if flags & os.O_DIRECTORY:
            raise Refusal(errno.ENOTDIR)
        # Root passes every mode check but the last two, which configfs makes itself.
        if (
            not item.allows(caller, 4 * wants_read + 2 * (wants_write or truncates))
            or (wants_read and not item.mode & 0o444)
            or (wants_write and not (item.writable and item.mode & 0o222))
        ):
            raise Refusal(errno.EACCES)
        item.opened()
        if truncates:
            item.truncate(0)
        return Handle(item, can_read=wants_read, can_write=wants_write)

    def close(self, handle: Handle) -> None:
        """Close an attribute file; no call of the journal's, and nothing that can fail."""
        with self.lock:
            handle.attribute.closed()

    def open_directory(self, path: str, caller: Caller = ROOT) -> Directory:
        """Open a directory for reading."""

        def work() -> Directory:
            directory = self._directories.directory(path, caller)
            require(directory.allows(caller, 4), errno.EACCES)
            return directory

        return self._do("open", path, work, pid=caller.pid)

    def read(self, handle: Handle, size: int, offset: int = 0, *, pid: int = 0) -> bytes:
        """Read: the first read of a handle, or of one written to, generates the value.

        Raises:
            OSError: EBADF, or ENOENT for a removed item.
        """
        value = handle.value
        if value is None:
            attribute = handle.attribute
            value = self._do(
                f"read:{attribute.name}", attribute.path, lambda: self._generate(handle), pid=pid
            )
        return value[offset : offset + size]

    def _generate(self, handle: Handle) -> bytes:
        require(handle.can_read, errno.EBADF)
        attribute = handle.attribute
        require(not attribute.removed or self._variant.removed_item_answers, errno.ENOENT)
        handle.value = attribute.show(self.kernel)
        return handle.value

    def write(self, handle: Handle, data: bytes, *, pid: int = 0) -> int:
        """Do one complete store; the offset counts for nothing.

        Returns:
            How much was taken: 4095 bytes at most.

        Raises:
            OSError: the store's errno; EBADF, EFAULT for an empty write, ENOENT for a removed
                item.
        """
        attribute = handle.attribute
        return self._do(
            f"write:{attribute.name}",
            attribute.path,
            lambda: self._store(handle, data),
            data=data,
            pid=pid,
        )

    def _store(self, handle: Handle, data: bytes) -> int:
        require(handle.can_write, errno.EBADF)
        taken = data[:STORE_MAX_BYTES]
        if not taken:
            require(not self._variant.empty_write_errno, self._variant.empty_write_errno)
            return 0
        handle.value = None
        attribute = handle.attribute
        require(not attribute.removed or self._variant.removed_item_answers, errno.ENOENT)
        attribute.store(self.kernel, taken)
        return len(taken)

    def read_value(self, path: str, caller: Caller = ROOT) -> bytes:
        """Open, read whole and close."""
        handle = self.open(path, os.O_RDONLY, caller)
        try:
            return self.read(handle, STORE_MAX_BYTES + 1, pid=caller.pid)
        finally:
            self.close(handle)

    def unwatched_value(self, path: str) -> bytes | None:
        """Return what open and read bring root; None where somebody hears of them, or one fails."""
        with self.lock:
            item = self._directories.index.get(path)
            if self.journal.wants("read") or not isinstance(item, Attribute):
                return None
            return item.show(self.kernel) if item.mode & 0o444 else None

    def write_value(self, path: str, data: bytes, caller: Caller = ROOT) -> int:
        """Open, write once and close."""
        handle = self.open(path, os.O_WRONLY, caller)
        try:
            return self.write(handle, data, pid=caller.pid)
        finally:
            self.close(handle)


def status_of(item: Item) -> Status:
    """Return what stat says of an item."""
    return Status(
        inode=item.inode,
        mode=item.mode,
        links=item.links,
        uid=item.uid,
        gid=item.gid,
        size_bytes=item.size,
        born_ns=item.born_ns,
    )
