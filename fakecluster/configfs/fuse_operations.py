"""What the model answers to every operation that FUSE knows, with the errno of configfs."""
# ruff: noqa: ARG002 - libfuse decides which arguments an operation gets

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import mfusepy  # type: ignore[import-untyped]

from fakecluster.configfs.items import ROOT, Caller, Directory, Item, OpenAttribute
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.variant import PAGE_BYTES

NAME_MAX_BYTES = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class FuseDifference:
    """Something that a FUSE mount cannot do as configfs does it."""

    what: str
    kernel: str
    """What a kernel's configfs does."""
    fuse: str
    """What happens on a FUSE mount."""
    capability: str
    """What conformance rows call it."""


EXCEPTIONS = (
    FuseDifference(
        what="an empty write",
        kernel="EFAULT",
        fuse="succeeds: the kernel never forwards it",
        capability="empty-write",
    ),
    FuseDifference(
        what="the magic of statfs",
        kernel="0x62656570",
        fuse="FUSE's own: the kernel fills it in",
        capability="statfs",
    ),
    FuseDifference(
        what="inotify for changes that the server makes itself",
        kernel="every change comes through the VFS",
        fuse="no event: the VFS does not see it",
        capability="server-side-inotify",
    ),
    FuseDifference(
        what="fstat and openat on the descriptor of what was removed",
        kernel="fstat works as before, openat gives ENOENT",
        fuse="ENOENT (libfuse 2) or ESTALE (3): libfuse finds no path any more",
        capability="descriptor-of-the-removed",
    ),
)
"""All that is excepted from equality with a kernel; nothing else is."""


def _refuse(number: int) -> NoReturn:
    raise OSError(number, os.strerror(number))


def _refusing(number: int) -> Callable[..., NoReturn]:
    """Return an operation that is always refused with this errno."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        _refuse(number)

    return refuse


class ConfigfsOperations(mfusepy.Operations):  # type: ignore[misc] # mfusepy is untyped
    """One mount of a model. Paths come with a leading slash, as the model has them.

    The kernel checks permissions itself (`default_permissions`), so every call reaches the model
    as root's. Not overridden are only lock and flock: without a server's answer the kernel keeps
    locks itself, as it does for configfs.
    """

    use_ns = True
    # What has a handle needs no path; it also keeps working when its path is gone.
    flag_nopath = 1
    flag_nullpath_ok = 1

    def __init__(self, model: ConfigfsModel, ready: Callable[[], None]) -> None:
        """Serve a model; `ready` is called when the kernel's first question was answered."""
        self._model = model
        self._ready = ready
        self._numbers = itertools.count(1)
        self._open: dict[int, OpenAttribute | Directory] = {}

    def init(self, path: str) -> None:
        """Note that the kernel is there."""
        self._ready()

    def _caller(self) -> Caller:
        """Return who calls, where anybody wants to know."""
        if not self._model.journal.watched:
            return ROOT
        return Caller(pid=mfusepy.fuse_get_context()[2])

    # ---- looking

    def getattr(self, path: str | None, fh: int | None = None) -> dict[str, Any]:
        """Tell what stat tells."""
        item: Item | None
        if path is not None:
            item = self._model.find(path)
            if item is None:
                self._model.lookup(path)  # says why
                _refuse(errno.ENOENT)
        else:
            opened = self._open[fh or 0]
            item = opened.attribute if isinstance(opened, OpenAttribute) else opened
        return {
            "st_mode": item.mode,
            "st_ino": item.inode,
            "st_nlink": item.links,
            "st_size": item.size,
            "st_uid": item.uid,
            "st_gid": item.gid,
            "st_mtime": item.born_ns,
            "st_ctime": item.born_ns,
            "st_atime": item.born_ns,
        }

    def opendir(self, path: str) -> int:
        """Open a directory."""
        return self._keep(self._model.open_directory(path, self._caller()))

    def readdir(self, path: str | None, fh: int) -> list[tuple[str, dict[str, int], int]]:
        """List it, newest first, with inode and type."""
        directory = self._open[fh]
        if not isinstance(directory, Directory) or directory.removed:
            _refuse(errno.ENOENT)
        above = directory.parent or directory
        dots = [(".", directory.inode), ("..", above.inode)]
        return [
            *((name, {"st_mode": stat.S_IFDIR, "st_ino": inode}, 0) for name, inode in dots),
            *(
                (
                    entry.name,
                    {
                        "st_mode": stat.S_IFDIR if entry.is_dir else stat.S_IFREG,
                        "st_ino": entry.inode,
                    },
                    0,
                )
                for entry in self._model.scandir(directory.path, self._caller())
            ),
        ]

    def releasedir(self, path: str | None, fh: int) -> int:
        """Close a directory."""
        del self._open[fh]
        return 0

    def access(self, path: str, amode: int) -> int:
        """Let the kernel judge by the mode."""
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        """Tell what simple file systems tell."""
        return {"f_bsize": PAGE_BYTES, "f_frsize": PAGE_BYTES, "f_namemax": NAME_MAX_BYTES}

    # ---- changing

    def mkdir(self, path: str, mode: int) -> int:
        """Make a directory."""
        self._model.mkdir(path, self._caller())
        return 0

    def rmdir(self, path: str) -> int:
        """Remove a directory."""
        self._model.rmdir(path, self._caller())
        return 0

    def open(self, path: str, flags: int) -> int:
        """Open an attribute."""
        return self._keep(self._model.open(path, flags, self._caller()))

    def read(self, path: str | None, size: int, offset: int, fh: int) -> bytes:
        """Read a value, whose text is made at the handle's first read."""
        return self._model.read(self._handle(fh), size, offset, pid=self._caller().pid)

    def write(self, path: str | None, data: bytes, offset: int, fh: int) -> int:
        """Store a value."""
        return self._model.write(self._handle(fh), data, pid=self._caller().pid)

    def release(self, path: str | None, fh: int) -> int:
        """Close an attribute."""
        self._model.close(self._handle(fh))
        del self._open[fh]
        return 0

    # The kernel does not ask at each close then, which succeeds, as it does on configfs.
    flush = _refusing(errno.ENOSYS)

    def _keep(self, opened: OpenAttribute | Directory) -> int:
        number = next(self._numbers)
        self._open[number] = opened
        return number

    def _handle(self, fh: int) -> OpenAttribute:
        opened = self._open[fh]
        if isinstance(opened, OpenAttribute):
            return opened
        _refuse(errno.EISDIR)

    # ---- allowed, without a purpose

    def chmod(self, path: str | None, mode: int) -> int:
        """Change the mode."""
        if path is not None:
            self._model.chmod(path, mode, self._caller())
        return 0

    def chown(self, path: str | None, uid: int, gid: int) -> int:
        """Change the owner."""
        if path is not None:
            self._model.chown(path, uid, gid, self._caller())
        return 0

    def truncate(self, path: str | None, length: int, fh: int | None = None) -> int:
        """Change nothing but the size that is told."""
        if path is not None:
            self._model.truncate(path, length, self._caller())
        return 0

    def utimens(self, path: str | None, times: tuple[int, int] | None = None) -> int:
        """Do nothing, well: nothing relies on the times of a configfs."""
        return 0

    # ---- refused

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        """Refuse a new file: EACCES. `fi` are the flags."""
        return self._keep(self._model.open(path, int(fi or 0) | os.O_CREAT, self._caller()))

    def mknod(self, path: str, mode: int, dev: int) -> int:
        """Refuse: EPERM for a device; a file is what `create` makes, EACCES."""
        if stat.S_ISREG(mode):
            self._model.open(path, os.O_CREAT, self._caller())
        self._model.mknod(path, self._caller())
        return 0

    def unlink(self, path: str) -> int:
        """Refuse: EPERM."""
        self._model.unlink(path, self._caller())
        return 0

    def rename(self, old: str, new: str) -> int:
        """Refuse: EPERM."""
        self._model.rename(old, new, self._caller())
        return 0

    def symlink(self, target: str, source: str) -> int:
        """Refuse: EPERM. `target` is the new name."""
        self._model.symlink(target, source, self._caller())
        return 0

    def link(self, target: str, source: str) -> int:
        """Refuse: EPERM. `target` is the new name."""
        self._model.link(source, target, self._caller())
        return 0

    readlink = _refusing(errno.EINVAL)  # there are no symbolic links
    fsync = fsyncdir = _refusing(errno.EINVAL)
    ioctl = _refusing(errno.ENOTTY)
    fallocate = _refusing(errno.EOPNOTSUPP)
    bmap = _refusing(errno.EINVAL)  # there are no blocks
    # The kernel asks for none of these again; its callers get EOPNOTSUPP, as on configfs.
    getxattr = setxattr = removexattr = _refusing(errno.ENOSYS)
    poll = _refusing(errno.ENOSYS)  # the kernel says then that it is always ready

    def listxattr(self, path: str) -> list[str]:
        """List none."""
        return []
