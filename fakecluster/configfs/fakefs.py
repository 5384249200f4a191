"""The second way in: a pyfakefs file system whose configfs is the model."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Callable
from typing import Any, TypeVar, cast

from pyfakefs.fake_filesystem import FakeFilesystem, FakeOsModule

from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.model_os import ModelOs

_MethodT = TypeVar("_MethodT", bound=Callable[..., Any])


def _routed(
    theirs: _MethodT, ours: Callable[..., Any], *, words: int | None = None, at: int = 0
) -> _MethodT:
    """Return a method that is the model's below the configfs, and pyfakefs's elsewhere.

    Args:
        theirs: pyfakefs's method.
        ours: that of `ModelOs`.
        words: how many positional arguments ours gets, and no others; None: all of them.
        at: which positional argument is the path or descriptor that decides.
    """

    @functools.wraps(theirs)
    def routed(self: Any, *given: Any, **named: Any) -> Any:
        configfs: ModelOs = self.configfs
        if not configfs.owns(given[at], named.get("dir_fd", named.get("dst_dir_fd"))):
            return theirs(self, *given, **named)
        if words is not None:
            return ours(configfs, *given[:words])
        return ours(configfs, *given, **named)

    return cast("_MethodT", routed)


class ModelFilesystem(FakeFilesystem):
    """A fake file system with a model mounted at `root`; below it nothing lives in pyfakefs.

    Everything else (debugfs, the mount table) is an ordinary pyfakefs file.
    """

    def __init__(self, model: ConfigfsModel, root: str = "/sys/kernel/config") -> None:
        self.configfs = ModelOs(model, root)
        super().__init__(path_separator="/")
        self.create_dir(posixpath.dirname(root))

    makedir = _routed(FakeFilesystem.makedir, ModelOs.mkdir, words=2)
    rmdir = _routed(FakeFilesystem.rmdir, ModelOs.rmdir, words=1)
    listdir = _routed(FakeFilesystem.listdir, ModelOs.listdir, words=1)
    stat = _routed(FakeFilesystem.stat, ModelOs.stat, words=1)
    exists = _routed(FakeFilesystem.exists, ModelOs.has, words=1)
    chmod = _routed(FakeFilesystem.chmod, ModelOs.chmod, words=2)
    remove = _routed(FakeFilesystem.remove, ModelOs.unlink, words=1)
    rename = _routed(FakeFilesystem.rename, ModelOs.rename, words=2)


class ModelOsModule(FakeOsModule):
    """pyfakefs's `os`, whose descriptors below the configfs are the model's."""

    filesystem: ModelFilesystem

    @property
    def configfs(self) -> ModelOs:
        """The model's part."""
        return self.filesystem.configfs

    open = _routed(FakeOsModule.open, ModelOs.open)
    close = _routed(FakeOsModule.close, ModelOs.close)
    read = _routed(FakeOsModule.read, ModelOs.read)
    write = _routed(FakeOsModule.write, ModelOs.write)
    lseek = _routed(FakeOsModule.lseek, ModelOs.lseek)
    fstat = _routed(FakeOsModule.fstat, ModelOs.fstat)
    scandir = _routed(FakeOsModule.scandir, ModelOs.scandir)
    mkdir = _routed(FakeOsModule.mkdir, ModelOs.mkdir)
    rmdir = _routed(FakeOsModule.rmdir, ModelOs.rmdir)
    stat = _routed(FakeOsModule.stat, ModelOs.stat)
    truncate = _routed(FakeOsModule.truncate, ModelOs.truncate)
    symlink = _routed(FakeOsModule.symlink, ModelOs.symlink, words=2, at=1)
    link = _routed(FakeOsModule.link, ModelOs.link, words=2, at=1)
