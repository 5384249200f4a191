"""The second way in: a pyfakefs file system whose configfs is the model."""

from __future__ import annotations

import posixpath
from typing import Any

from pyfakefs.fake_filesystem import FakeFilesystem, FakeOsModule

from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.model_os import ModelOs


class ModelFilesystem(FakeFilesystem):
    """A fake file system with a model mounted at `root`; below it nothing lives in pyfakefs.

    Everything else (debugfs, the mount table) is an ordinary pyfakefs file.
    """

    def __init__(self, model: ConfigfsModel, root: str = "/sys/kernel/config") -> None:
        self.configfs = ModelOs(model, root)
        super().__init__(path_separator="/")
        self.create_dir(posixpath.dirname(root))

    def makedir(self, dir_path: Any, mode: int = 0o777) -> None:
        """Make a directory."""
        if self.configfs.owns(dir_path):
            return self.configfs.mkdir(dir_path, mode)
        return super().makedir(dir_path, mode)

    def rmdir(self, target_directory: Any, allow_symlink: bool = False) -> None:  # noqa: FBT001, FBT002 - pyfakefs's signature
        """Remove a directory."""
        if self.configfs.owns(target_directory):
            return self.configfs.rmdir(target_directory)
        return super().rmdir(target_directory, allow_symlink)

    def listdir(self, target_directory: Any) -> list[Any]:
        """List a directory."""
        if self.configfs.owns(target_directory):
            return self.configfs.listdir(target_directory)
        return super().listdir(target_directory)

    def stat(self, entry_path: Any, follow_symlinks: bool = True) -> Any:  # noqa: FBT001, FBT002 - pyfakefs's signature
        """Say what stat says."""
        if self.configfs.owns(entry_path):
            return self.configfs.stat(entry_path)
        return super().stat(entry_path, follow_symlinks)

    def exists(self, file_path: Any, check_link: bool = False) -> bool:  # noqa: FBT001, FBT002 - pyfakefs's signature
        """Tell whether something is there; no call of the model."""
        if self.configfs.owns(file_path):
            return self.configfs.has(file_path)
        return super().exists(file_path, check_link)

    def chmod(
        self,
        path: Any,
        mode: int,
        follow_symlinks: bool = True,  # noqa: FBT001, FBT002 - pyfakefs's signature
        force_unix_mode: bool = False,  # noqa: FBT001, FBT002 - pyfakefs's signature
    ) -> None:
        """Change a mode."""
        if self.configfs.owns(path):
            return self.configfs.chmod(path, mode)
        return super().chmod(path, mode, follow_symlinks, force_unix_mode)

    def remove(self, path: Any) -> None:
        """Unlink a file."""
        if self.configfs.owns(path):
            return self.configfs.unlink(path)
        return super().remove(path)

    def rename(self, old_file_path: Any, new_file_path: Any, force_replace: bool = False) -> None:  # noqa: FBT001, FBT002 - pyfakefs's signature
        """Rename."""
        if self.configfs.owns(old_file_path):
            return self.configfs.rename(old_file_path, new_file_path)
        return super().rename(old_file_path, new_file_path, force_replace)


class ModelOsModule(FakeOsModule):
    """pyfakefs's `os`, whose descriptors below the configfs are the model's."""

    filesystem: ModelFilesystem

    @property
    def configfs(self) -> ModelOs:
        """The model's part."""
        return self.filesystem.configfs

    def open(
        self, path: Any, flags: int, mode: int | None = None, *, dir_fd: int | None = None
    ) -> int:
        """Open."""
        if self.configfs.owns(path, dir_fd):
            return self.configfs.open(path, flags, dir_fd=dir_fd)
        return int(super().open(path, flags, mode, dir_fd=dir_fd))

    def close(self, fd: int) -> None:
        """Close."""
        return self.configfs.close(fd) if self.configfs.owns(fd) else super().close(fd)

    def read(self, fd: int, n: int) -> bytes:
        """Read."""
        return self.configfs.read(fd, n) if self.configfs.owns(fd) else super().read(fd, n)

    def write(self, fd: int, contents: bytes) -> int:
        """Write."""
        if self.configfs.owns(fd):
            return self.configfs.write(fd, contents)
        return super().write(fd, contents)

    def lseek(self, fd: int, pos: int, whence: int) -> Any:
        """Seek."""
        if self.configfs.owns(fd):
            return self.configfs.lseek(fd, pos, whence)
        return super().lseek(fd, pos, whence)

    def fstat(self, fd: int) -> Any:
        """Say what stat says of a descriptor."""
        return self.configfs.fstat(fd) if self.configfs.owns(fd) else super().fstat(fd)

    def scandir(self, path: Any = ".") -> Any:
        """List a directory."""
        return self.configfs.scandir(path) if self.configfs.owns(path) else super().scandir(path)

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        """Make a directory."""
        if self.configfs.owns(path, dir_fd):
            return self.configfs.mkdir(path, mode, dir_fd=dir_fd)
        return super().mkdir(path, mode, dir_fd=dir_fd)

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        """Remove a directory."""
        if self.configfs.owns(path, dir_fd):
            return self.configfs.rmdir(path, dir_fd=dir_fd)
        return super().rmdir(path, dir_fd=dir_fd)

    def stat(self, path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> Any:
        """Say what stat says."""
        if self.configfs.owns(path, dir_fd):
            return self.configfs.stat(path, dir_fd=dir_fd)
        return super().stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    def truncate(self, path: Any, length: int) -> None:
        """Truncate a file."""
        if self.configfs.owns(path):
            return self.configfs.truncate(path, length)
        return super().truncate(path, length)

    def symlink(
        self,
        src: Any,
        dst: Any,
        target_is_directory: bool = False,  # noqa: FBT001, FBT002 - pyfakefs's signature
        *,
        dir_fd: int | None = None,
    ) -> None:
        """Make a symbolic link."""
        if self.configfs.owns(dst, dir_fd):
            return self.configfs.symlink(src, dst)
        return super().symlink(src, dst, target_is_directory, dir_fd=dir_fd)

    def link(
        self,
        src: Any,
        dst: Any,
        *,
        src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
        follow_symlinks: bool | None = None,
    ) -> None:
        """Make a hard link."""
        if self.configfs.owns(dst, dst_dir_fd):
            return self.configfs.link(src, dst)
        return super().link(
            src,
            dst,
            src_dir_fd=src_dir_fd,
            dst_dir_fd=dst_dir_fd,
            follow_symlinks=follow_symlinks,
        )
