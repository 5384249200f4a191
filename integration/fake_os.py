"""The fake kernel's configfs behind the face of `os`, for an operator."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from fakecluster.configfs.items import ROOT, Caller, DirEntry, Handle
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.conformance.configfs_operator import OsOperator
from integration.stages import ADDRESSES, OWN

NOBODY = Caller(uid=65534, gid=65534)
CAPABILITIES = frozenset(
    {
        "root",
        "not-root",
        "empty-write",
        "bind",
        "second-address",
        "mounted",
        "heartbeat",
        "peers",
    }
)
"""What the model shows without a mount, of the rows' `CAPABILITIES`."""


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of `os.stat_result` that are compared."""

    st_mode: int
    st_nlink: int
    st_uid: int
    st_size: int
    st_ino: int


class Entry:
    """An `os.DirEntry`."""

    def __init__(self, entry: DirEntry) -> None:
        self._entry = entry
        self.name = entry.name

    def inode(self) -> int:
        """Return the inode number."""
        return self._entry.inode

    def is_dir(self, *, follow_symlinks: bool) -> bool:
        """Return whether it is a directory; there are no symbolic links."""
        del follow_symlinks
        return self._entry.is_dir


@dataclass(slots=True)
class _File:
    handle: Handle
    offset: int = 0


class FakeOs:
    """Functions of `os`, ending at a model."""

    def __init__(self, model: ConfigfsModel) -> None:
        self._model = model
        self._files: dict[int, _File] = {}
        self._next_fd = 3
        self._caller = ROOT

    @contextlib.contextmanager
    def nobody(self) -> Iterator[None]:
        """Let calls be those of somebody who is not root."""
        self._caller = NOBODY
        try:
            yield
        finally:
            self._caller = ROOT

    def mkdir(self, path: str) -> None:
        """Make a directory."""
        self._model.mkdir(path, self._caller)

    def rmdir(self, path: str) -> None:
        """Remove a directory."""
        self._model.rmdir(path, self._caller)

    def unlink(self, path: str) -> None:
        """Remove a file."""
        self._model.unlink(path, self._caller)

    def rename(self, path: str, new_path: str) -> None:
        """Rename."""
        self._model.rename(path, new_path, self._caller)

    def symlink(self, target: str, path: str) -> None:
        """Make a symbolic link."""
        self._model.symlink(path, target, self._caller)

    def link(self, source: str, path: str) -> None:
        """Make a hard link."""
        self._model.link(source, path, self._caller)

    def chmod(self, path: str, mode: int) -> None:
        """Change the mode."""
        self._model.chmod(path, mode, self._caller)

    def truncate(self, path: str, _length: int) -> None:
        """Truncate."""
        self._model.truncate(path, self._caller)

    def listdir(self, path: str) -> list[str]:
        """List the names, in the kernel's order."""
        return [entry.name for entry in self._model.scandir(path, self._caller)]

    @contextlib.contextmanager
    def scandir(self, path: str) -> Iterator[Iterator[Entry]]:
        """List a directory."""
        yield map(Entry, self._model.scandir(path, self._caller))

    def stat(self, path: str) -> Stat:
        """Tell what is there."""
        found = self._model.stat(path, self._caller)
        return Stat(found.mode, found.links, found.uid, found.size_bytes, found.inode)

    def open(self, path: str, flags: int, _mode: int = 0) -> int:
        """Open an attribute file."""
        handle = self._model.open(path, flags, self._caller)
        fd, self._next_fd = self._next_fd, self._next_fd + 1
        self._files[fd] = _File(handle)
        return fd

    def read(self, fd: int, size: int) -> bytes:
        """Read from where the last read ended."""
        file = self._files[fd]
        data = self._model.read(file.handle, size, file.offset)
        file.offset += len(data)
        return data

    def write(self, fd: int, data: bytes) -> int:
        """Store a value at once."""
        file = self._files[fd]
        count = self._model.write(file.handle, data)
        file.offset += count
        return count

    def lseek(self, fd: int, offset: int, _how: int) -> None:
        """Set where the next read begins."""
        self._files[fd].offset = offset

    def close(self, fd: int) -> None:
        """Close."""
        del self._files[fd]


class FakeHostActions:
    """`HostActions` on a fake host."""

    def __init__(self, model: ConfigfsModel) -> None:
        self._model = model
        self._ports: list[str] = []
        self._addresses: list[str] = []
        self._regions: list[str] = []

    def act(self, action: str, argument: str) -> str:
        """Do it; return what it answers, if it answers anything."""
        host, heartbeat = self._model.host, self._model.heartbeat
        match action:
            case "take-port":
                host.take_port(int(argument))
                self._ports.append(argument)
            case "free-port":
                host.free_port(int(argument))
            case "listening":
                listener = host.listener
                return "yes" if listener is not None and listener[1] == int(argument) else "no"
            case "add-address":
                host.add_address(argument)
                self._addresses.append(argument)
            case "remove-address":
                host.remove_address(argument)
            case "mount":
                heartbeat.start(argument, pid=os.getpid())
                self._regions.append(argument)
            case "umount":
                heartbeat.stop(argument)
            case "see":
                heartbeat.see(_nums(argument))
            case "connect":
                heartbeat.connect(_nums(argument))
            case _:
                raise ValueError(f"no such action: {action}")
        return ""

    def undo(self) -> None:
        """Undo everything that was done."""
        for region in self._regions:
            self._model.heartbeat.stop(region)
        for port in self._ports:
            self._model.host.free_port(int(port))
        for address in self._addresses:
            self._model.host.remove_address(address)
        self._regions, self._ports, self._addresses = [], [], []


def _nums(argument: str) -> list[int]:
    return [int(num) for num in argument.split(",")]


def fake_operator() -> OsOperator:
    """The rows' operations on a fresh fake kernel, on a host with the guest's addresses."""
    model = ConfigfsModel(addresses=[ADDRESSES[OWN]])
    fake = FakeOs(model)
    return OsOperator("/", host=FakeHostActions(model), os_module=fake, become=fake.nobody)
