"""The directories and attribute files of the fake, and what a caller sees of them."""

from __future__ import annotations

import enum
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fakecluster.configfs.kernel import ClusterState, Kernel, NodeState, RegionState
from fakecluster.configfs.variant import PAGE_BYTES

DIRECTORY_MODE = stat.S_IFDIR | 0o755
ATTRIBUTE_MODE = stat.S_IFREG | 0o644
READ_ONLY_MODE = stat.S_IFREG | 0o444


class DirectoryKind(enum.Enum):
    """What a directory is."""

    ROOT = "root"
    SUBSYSTEM = "subsystem"
    CLUSTER = "cluster"
    NODES = "nodes"
    NODE = "node"
    HEARTBEAT = "heartbeat"
    REGION = "region"
    PLAIN = "plain"
    """A directory of some other file system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who makes a call."""

    uid: int = 0
    gid: int = 0
    pid: int = 0
    """0: not known, or of no importance."""


ROOT = Caller()
"""The superuser."""


@dataclass(frozen=True, slots=True)
class DirEntry:
    """One line of a directory, as readdir gives it."""

    name: str
    inode: int
    is_dir: bool


class Item:
    """What directories and attribute files have in common."""

    __slots__ = ("born_ns", "gid", "inode", "mode", "name", "parent", "path", "removed", "uid")

    def __init__(
        self, *, parent: Directory | None, name: str, inode: int, mode: int, uid: int, born_ns: int
    ) -> None:
        self.parent = parent
        self.name = name
        self.path: str = "/" if parent is None else f"{parent.path.rstrip('/')}/{name}"
        self.inode = inode
        self.mode = mode
        self.uid = uid
        self.gid = 0
        self.born_ns = born_ns
        self.removed = False

    @property
    def is_dir(self) -> bool:
        """True for a directory."""
        return stat.S_ISDIR(self.mode)

    @property
    def size(self) -> int:
        """What stat says: a page for every attribute, whatever it holds."""
        return 0 if self.is_dir else PAGE_BYTES

    @property
    def links(self) -> int:
        """The link count: none when it was removed."""
        return int(not self.removed)

    def allows(self, caller: Caller, want: int) -> bool:
        """Return whether the mode lets the caller in; `want` is of 4 read, 2 write, 1 search."""
        if caller.uid == 0:
            return True
        shift = 6 if caller.uid == self.uid else 3 if caller.gid == self.gid else 0
        return (self.mode >> shift) & want == want


class Directory(Item):
    """A directory; its children stand in the order of their making."""

    __slots__ = ("_entries", "children", "kind", "state")

    def __init__(
        self,
        *,
        kind: DirectoryKind,
        parent: Directory | None,
        name: str,
        inode: int,
        uid: int,
        born_ns: int,
        state: ClusterState | NodeState | RegionState | None = None,
    ) -> None:
        super().__init__(
            parent=parent, name=name, inode=inode, mode=DIRECTORY_MODE, uid=uid, born_ns=born_ns
        )
        self.kind = kind
        self.state = state
        self.children: dict[str, Directory | Attribute] = {}
        """Changed by `add` and `drop` alone."""
        self._entries: tuple[DirEntry, ...] | None = None

    @property
    def links(self) -> int:
        """Two, and one more for each directory below; none when it was removed."""
        if self.removed:
            return 0
        return 2 + sum(child.is_dir for child in self.children.values())

    def add(self, child: Directory | Attribute) -> None:
        """Take in a new child."""
        self.children[child.name] = child
        self.relist()

    def drop(self, child: Item) -> None:
        """Forget a child."""
        del self.children[child.name]
        self.relist()

    def relist(self) -> None:
        """List it anew when it is next asked for: a child has come, gone, or got another inode."""
        self._entries = None

    def entries(self) -> tuple[DirEntry, ...]:
        """List it, newest first: the very same while nothing in it changed."""
        if self._entries is None:
            self._entries = tuple(
                DirEntry(child.name, child.inode, child.is_dir)
                for child in reversed(self.children.values())
            )
        return self._entries


class Attribute(Item):
    """An attribute file; its value is a function of the state of the directory it stands in."""

    __slots__ = ("_cut_bytes", "_open_count", "_owner", "_show", "_store")

    def __init__(
        self,
        *,
        parent: Directory,
        name: str,
        inode: int,
        mode: int,
        uid: int,
        born_ns: int,
        show: Callable[[Kernel, Any], str],
        store: Callable[[Kernel, Any, bytes], None] | None,
    ) -> None:
        super().__init__(parent=parent, name=name, inode=inode, mode=mode, uid=uid, born_ns=born_ns)
        self._owner = parent
        self._show = show
        self._store = store
        self._open_count = 0
        self._cut_bytes: int | None = None

    @property
    def size(self) -> int:
        """What stat says: a page, whatever it holds, or what it was truncated to while open."""
        return PAGE_BYTES if self._cut_bytes is None else self._cut_bytes

    def opened(self) -> None:
        """One more handle is open."""
        self._open_count += 1

    def closed(self) -> None:
        """One less is open; with the last one goes the inode, and what truncate did to it."""
        self._open_count -= 1
        if self._open_count == 0:
            self._cut_bytes = None

    def truncate(self, size_bytes: int) -> None:
        """Set the size: seen for as long as somebody has the file open."""
        if self._open_count:
            self._cut_bytes = size_bytes

    @property
    def writable(self) -> bool:
        """True when the kernel has a store for it."""
        return self._store is not None

    def show(self, kernel: Kernel) -> bytes:
        """Generate its value."""
        return self._show(kernel, self._owner.state).encode()

    def store(self, kernel: Kernel, data: bytes) -> None:
        """Store what one write(2) brought.

        Raises:
            KernelRefusal: what the kernel says; nothing has changed.
        """
        if self._store is not None:
            self._store(kernel, self._owner.state, data)


class OpenAttribute:
    """An open attribute file: its value is generated at the first read and stays."""

    __slots__ = ("attribute", "can_read", "can_write", "value")

    def __init__(self, attribute: Attribute, *, can_read: bool, can_write: bool) -> None:
        self.attribute = attribute
        self.can_read = can_read
        self.can_write = can_write
        self.value: bytes | None = None
        """None: not generated yet, or a write came between."""
