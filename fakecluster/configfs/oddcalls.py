"""The calls that configfs allows without a purpose, and those that it refuses."""

from __future__ import annotations

import errno
import os
import stat

from fakecluster.configfs.base import ModelBase, require
from fakecluster.configfs.directories import split
from fakecluster.configfs.items import ROOT, Attribute, Caller, Item
from fakecluster.configfs.values import Refusal

_PERMISSIONS = 0o7777


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


class OddCalls(ModelBase):
    """chmod, chown, truncate; unlink, symlink, link, mknod, rename."""

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
                raise Refusal(errno.EISDIR)
            require(item.allows(caller, 2), errno.EACCES)
            item.truncate(size_bytes)

        self._do("truncate", path, work, pid=caller.pid)

    # ---- what configfs refuses

    def unlink(self, path: str, caller: Caller = ROOT) -> None:
        """Unlink a file: never goes well."""

        def work() -> None:
            item = self._directories.removable(path, caller)
            raise Refusal(errno.EISDIR if item.is_dir else errno.EPERM)

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
                raise Refusal(errno.EPERM)
            self._directories.room_for(path, caller)
            raise Refusal(errno.EPERM)

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
            except Refusal as refusal:
                require(refusal.errno == errno.ENOENT, refusal.errno)
                self._directories.room_for(new_path, caller)
                raise Refusal(errno.EPERM) from None
            if other is item:
                return
            if item.is_dir != other.is_dir:
                raise Refusal(errno.ENOTDIR if item.is_dir else errno.EISDIR)
            raise Refusal(errno.EPERM)

        self._do("rename", path, work, data=os.fsencode(new_path), pid=caller.pid)
