"""The o2cb configfs of one fake kernel: every call that the VFS could bring to it."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from fakecluster.configfs.directories import DirectoryTree, Presence, split
from fakecluster.configfs.heartbeat import Heartbeat
from fakecluster.configfs.host import FakeHost
from fakecluster.configfs.items import (
    ROOT,
    Attribute,
    Caller,
    Directory,
    DirEntry,
    Item,
    OpenAttribute,
)
from fakecluster.configfs.journal import Call, CallFault, CallJournal, is_read
from fakecluster.configfs.kernel import Kernel, Poison
from fakecluster.configfs.values import KernelRefusal, require
from fakecluster.configfs.variant import OBSERVED_6_1, STORE_MAX_BYTES, KernelVariant

ResultT = TypeVar("ResultT")

_MAKES = os.O_CREAT | os.O_EXCL
_PERMISSIONS = 0o7777


class ConfigfsModel:
    """One fake kernel's configfs. Paths begin at its root: `/cluster/C/node/N/num`.

    Every call may be made from any thread: one lock guards the whole model. A refused call raises
    OSError with the kernel's errno and has changed nothing. `journal` notes the calls, lets hooks
    see them first and makes them fail on demand.
    """

    def __init__(
        self,
        *,
        variant: KernelVariant = OBSERVED_6_1,
        addresses: Iterable[str] = (),
        owner_uid: int = 0,
        now_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        """Boot it.

        Args:
            variant: which kernels it behaves like.
            addresses: the host's, beside 127/8; `local=1` binds to one of them.
            owner_uid: whom everything belongs to.
            now_ns: the time that files bear, in nanoseconds of the epoch.
        """
        self.lock = threading.RLock()
        self.journal = CallJournal()
        self.host = FakeHost(addresses)
        self._variant = variant
        self._directories = DirectoryTree(
            Kernel(variant, self.host), owner_uid=owner_uid, now_ns=now_ns
        )
        self.heartbeat = Heartbeat(self.lock, self._directories)

    # ---- the machine

    @property
    def change_count(self) -> int:
        """Another number after everything that can change what a reading shows."""
        return self._directories.change_count

    @property
    def kernel(self) -> Kernel:
        """The state behind the directories."""
        return self._directories.kernel

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
        """Make calls fail, see `CallFault`: `fault("write:num", errno.EIO)`."""
        with self.lock:
            self.journal.arm(CallFault(call, number, count=count, path=path))

    # ---- looking

    def find(self, path: str) -> Item | None:
        """Return what has this path, None when nothing has; no call, so no hook and no fault."""
        with self.lock:
            return self._directories.index.get(path)

    def lookup(self, path: str, caller: Caller = ROOT) -> Item:
        """Walk to what has this path; no call, so no hook and no fault.

        Raises:
            OSError: ENOENT, ENOTDIR, ENAMETOOLONG or EACCES.
        """
        with self.lock:
            try:
                return self._directories.resolve(path, caller)
            except KernelRefusal as refusal:
                raise _error(refusal.errno, path) from None

    def stat(self, path: str, caller: Caller = ROOT) -> Item:
        """Return what stat tells of: what has this path."""
        return self._do(
            "stat", path, lambda: self._directories.resolve(path, caller), pid=caller.pid
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

    def open(self, path: str, flags: int = os.O_RDONLY, caller: Caller = ROOT) -> OpenAttribute:
        """Open an attribute file; O_APPEND does nothing, O_TRUNC changes what stat says of it.

        Raises:
            OSError: EACCES also for a new file with O_CREAT, and for what has no store.
        """
        return self._do("open", path, lambda: self._open(path, flags, caller), pid=caller.pid)

    def _open(self, path: str, flags: int, caller: Caller) -> OpenAttribute:
        access, truncates = flags & os.O_ACCMODE, bool(flags & os.O_TRUNC)
        wants_read, wants_write = access != os.O_WRONLY, access != os.O_RDONLY
        try:
            item = self._directories.resolve(path, caller)
        except KernelRefusal as refusal:
            if refusal.errno == errno.ENOENT and flags & os.O_CREAT:
                self._directories.room_for(path, caller)
                raise KernelRefusal(errno.EACCES) from None
            raise
        if flags & _MAKES == _MAKES:
            raise KernelRefusal(errno.EEXIST)
        if not isinstance(item, Attribute):
            raise KernelRefusal(errno.EISDIR)
        if flags & os.O_DIRECTORY:
            raise KernelRefusal(errno.ENOTDIR)
        # Root passes every mode check but the last two, which configfs makes itself.
        if (
            not item.allows(caller, 4 * wants_read + 2 * (wants_write or truncates))
            or (wants_read and not item.mode & 0o444)
            or (wants_write and not (item.writable and item.mode & 0o222))
        ):
            raise KernelRefusal(errno.EACCES)
        item.opened()
        if truncates:
            item.truncate(0)
        return OpenAttribute(item, can_read=wants_read, can_write=wants_write)

    def close(self, handle: OpenAttribute) -> None:
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

    def read(self, handle: OpenAttribute, size: int, offset: int = 0, *, pid: int = 0) -> bytes:
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

    def _generate(self, handle: OpenAttribute) -> bytes:
        require(handle.can_read, errno.EBADF)
        attribute = handle.attribute
        require(not attribute.removed or self._variant.removed_item_answers, errno.ENOENT)
        handle.value = attribute.show(self.kernel)
        return handle.value

    def write(self, handle: OpenAttribute, data: bytes, *, pid: int = 0) -> int:
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

    def _store(self, handle: OpenAttribute, data: bytes) -> int:
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

    # ---- what configfs allows without a purpose

    def chmod(self, path: str, mode: int, caller: Caller = ROOT) -> None:
        """Change the mode: it really opens or closes access, while the item lives."""

        def work() -> None:
            item = self._directories.resolve(path, caller)
            require(caller.uid in {0, item.uid}, errno.EPERM)
            item.mode = stat.S_IFMT(item.mode) | (mode & _PERMISSIONS)

        self._do("chmod", path, work, pid=caller.pid)

    def chown(self, path: str, uid: int, gid: int, caller: Caller = ROOT) -> None:
        """Change the owner; -1 leaves as it is."""

        def work() -> None:
            item = self._directories.resolve(path, caller)
            require(_may_own(item, uid, gid, caller), errno.EPERM)
            item.uid = item.uid if uid == -1 else uid
            item.gid = item.gid if gid == -1 else gid

        self._do("chown", path, work, pid=caller.pid)

    def truncate(self, path: str, size_bytes: int = 0, caller: Caller = ROOT) -> None:
        """Truncate a file: its value stays, and who has it open sees another size."""

        def work() -> None:
            item = self._directories.resolve(path, caller)
            if not isinstance(item, Attribute):
                raise KernelRefusal(errno.EISDIR)
            require(item.allows(caller, 2), errno.EACCES)
            item.truncate(size_bytes)

        self._do("truncate", path, work, pid=caller.pid)

    # ---- what configfs refuses

    def unlink(self, path: str, caller: Caller = ROOT) -> None:
        """Unlink a file: never goes well."""

        def work() -> None:
            item = self._directories.removable(path, caller)
            raise KernelRefusal(errno.EISDIR if item.is_dir else errno.EPERM)

        self._do("unlink", path, work, pid=caller.pid)

    def symlink(self, path: str, target: str, caller: Caller = ROOT) -> None:
        """Make a symbolic link: never goes well."""
        self._refuse_new("symlink", path, target, caller)

    def mknod(self, path: str, caller: Caller = ROOT) -> None:
        """Make a device or a socket: never goes well."""
        self._refuse_new("mknod", path, "", caller)

    def link(self, source: str, path: str, caller: Caller = ROOT) -> None:
        """Make a hard link: never goes well."""
        self._refuse_new("link", path, source, caller, source)

    def _refuse_new(
        self, name: str, path: str, data: str, caller: Caller, source: str = "/"
    ) -> None:
        def work() -> None:
            linked = self._directories.resolve(source, caller)
            if name == "link" and not _may_link(linked, caller):
                # protected_hardlinks, which Debian's kernels have on, is asked before rights are.
                self._directories.place_for(path, caller)
                raise KernelRefusal(errno.EPERM)
            self._directories.room_for(path, caller)
            raise KernelRefusal(errno.EPERM)

        self._do(name, path, work, data=os.fsencode(data), pid=caller.pid)

    def rename(self, path: str, new_path: str, caller: Caller = ROOT) -> None:
        """Rename: never goes well, but onto itself."""

        def work() -> None:
            # The VFS walks to both parents first, and looks for loops before it asks for rights.
            parents = [
                self._directories.directory(split(each)[0], caller) for each in (path, new_path)
            ]
            self._directories.resolve(path, caller)
            if parents[0] is not parents[1]:
                require(not new_path.startswith(f"{path}/"), errno.EINVAL)
                require(not path.startswith(f"{new_path}/"), errno.ENOTEMPTY)
            item = self._directories.removable(path, caller)
            try:
                other = self._directories.removable(new_path, caller)
            except KernelRefusal as refusal:
                require(refusal.errno == errno.ENOENT, refusal.errno)
                self._directories.room_for(new_path, caller)
                raise KernelRefusal(errno.EPERM) from None
            if other is item:
                return
            if item.is_dir != other.is_dir:
                raise KernelRefusal(errno.ENOTDIR if item.is_dir else errno.EISDIR)
            raise KernelRefusal(errno.EPERM)

        self._do("rename", path, work, data=os.fsencode(new_path), pid=caller.pid)

    # ---- the way that each call takes

    def _do(
        self, name: str, path: str, work: Callable[[], ResultT], *, data: bytes = b"", pid: int = 0
    ) -> ResultT:
        """Do a call's work, after hooks and faults, and note it; see `Call` for the arguments."""
        with self.lock:
            journal = self.journal
            call = None
            if journal.wants(name):
                call = Call(name=name, path=path, data=data, pid=pid)
            try:
                if call is not None:
                    journal.enter(call)
                    if not is_read(name):
                        self._directories.change_count += 1
                result = work()
            except KernelRefusal as refusal:
                error = _error(refusal.errno, path)
                if call is not None:
                    journal.note(call, error)
                raise error from None
            except OSError as error:
                if call is not None:
                    journal.note(call, error)
                raise
            if call is not None:
                journal.note(call, None)
            return result


def _error(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)


def _may_own(item: Item, uid: int, gid: int, caller: Caller) -> bool:
    """Return whether the caller may change the owner so: others than root only to what is theirs.

    -1 leaves as it is, which anybody may ask for.
    """
    if caller.uid == 0:
        return True
    owns = caller.uid == item.uid
    return (uid == -1 or (owns and uid == item.uid)) and (
        gid == -1 or (owns and gid in {item.gid, caller.gid})
    )


def _may_link(item: Item, caller: Caller) -> bool:
    """Return whether the caller may link what is not theirs: a file that they may write."""
    return caller.uid in {0, item.uid} or (not item.is_dir and item.allows(caller, 6))
