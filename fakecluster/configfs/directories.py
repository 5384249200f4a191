"""The tree of directories: lookup, mkdir and rmdir as the VFS and o2cb rule them."""

from __future__ import annotations

import contextlib
import enum
import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fakecluster.configfs import rules
from fakecluster.configfs.items import (
    ATTRIBUTE_MODE,
    READ_ONLY_MODE,
    ROOT,
    Attribute,
    Caller,
    Directory,
    DirectoryKind,
    Item,
)
from fakecluster.configfs.kernel import ClusterState, Kernel, NodeState, RegionState
from fakecluster.configfs.values import KernelRefusal

NAME_MAX_BYTES = 255
NODE_NAME_MAX_BYTES = 64
REGION_NAME_MAX_BYTES = 32
GLOBAL_REGIONS_MAX = 32
FIRST_INODE = 4096

Index = dict[str, Item]
Rules = Mapping[str, tuple[Any, Any]]


class Presence(enum.Enum):
    """What is found where the configfs is expected."""

    O2CB = "o2cb"
    """configfs is mounted and the module is loaded."""
    EMPTY = "empty"
    """configfs is not mounted, or the module is not loaded: an empty directory that takes
    nothing."""
    PLAIN = "plain"
    """An ordinary directory with an ordinary directory `cluster` in it."""


def split(path: str) -> tuple[str, str]:
    """Cut the last component off."""
    parent, _, name = path.rpartition("/")
    return parent or "/", name


class DirectoryTree:
    """Everything that has a path; raises `KernelRefusal`, knows no locks and no journal."""

    def __init__(
        self, kernel: Kernel, *, owner_uid: int = 0, now_ns: Callable[[], int] = lambda: 0
    ) -> None:
        self.kernel = kernel
        self.change_count = 0
        """Of what a reading shows; counted by whoever makes one."""
        self._owner_uid = owner_uid
        self._now_ns = now_ns
        self._next_inode = FIRST_INODE
        self._presence = Presence.O2CB
        self._trees = {presence: self._fresh_tree(presence) for presence in Presence}
        self.index: Index = self._trees[self._presence]
        """Everything that is there now, by path."""

    # ---- what is there

    @property
    def presence(self) -> Presence:
        """What is found where the configfs is expected; the kernel's tables outlive a change."""
        return self._presence

    @presence.setter
    def presence(self, presence: Presence) -> None:
        self._presence = presence
        self.index = self._trees[presence]

    def forget_all(self, kernel: Kernel) -> None:
        """Begin anew with the empty tables of this kernel."""
        for tree in self._trees.values():
            for item in tree.values():
                item.removed = True
        self.kernel = kernel
        self._trees = {presence: self._fresh_tree(presence) for presence in Presence}
        self.index = self._trees[self._presence]

    def renew_attribute_inodes(self) -> None:
        """Do what a drop of the caches does: attribute files get other inodes, directories not."""
        for item in self.index.values():
            if not item.is_dir:
                item.inode = self._inode()
            if item.parent is not None:
                item.parent.relist()

    def resolve(self, path: str, caller: Caller = ROOT) -> Item:
        """Find what has this path.

        Raises:
            KernelRefusal: ENOENT, ENOTDIR, ENAMETOOLONG, or EACCES where the caller may not search.
        """
        item = self.index.get(path)
        if item is not None and caller.uid == 0:
            return item
        here = self.index["/"]
        for name in path.strip("/").split("/") if path != "/" else ():
            if not isinstance(here, Directory):
                raise KernelRefusal(errno.ENOTDIR)
            if not here.allows(caller, 1):
                raise KernelRefusal(errno.EACCES)
            if len(os.fsencode(name)) > NAME_MAX_BYTES:
                raise KernelRefusal(errno.ENAMETOOLONG)
            child = here.children.get(name)
            if child is None:
                raise KernelRefusal(errno.ENOENT)
            here = child
        return here

    def directory(self, path: str, caller: Caller = ROOT) -> Directory:
        """Find a directory.

        Raises:
            KernelRefusal: as `resolve`; ENOTDIR for an attribute file.
        """
        item = self.resolve(path, caller)
        if not isinstance(item, Directory):
            raise KernelRefusal(errno.ENOTDIR)
        return item

    def room_for(self, path: str, caller: Caller) -> tuple[Directory, str]:
        """Find the directory where something new could stand, and its name there.

        Raises:
            KernelRefusal: as `place_for`; EACCES where the caller may not write.
        """
        parent, name = self.place_for(path, caller)
        if not parent.allows(caller, 3):
            raise KernelRefusal(errno.EACCES)
        return parent, name

    def place_for(self, path: str, caller: Caller) -> tuple[Directory, str]:
        """Find the same, whether the caller may write there or not.

        Raises:
            KernelRefusal: as `directory`; EEXIST, ENAMETOOLONG.
        """
        parent_path, name = split(path)
        parent = self.directory(parent_path, caller)
        # Only who may search the directory is told whether something stands there.
        if not parent.allows(caller, 1):
            raise KernelRefusal(errno.EACCES)
        if len(os.fsencode(name)) > NAME_MAX_BYTES:
            raise KernelRefusal(errno.ENAMETOOLONG)
        if name in parent.children or name in {"", ".", ".."}:
            raise KernelRefusal(errno.EEXIST)
        return parent, name

    def removable(self, path: str, caller: Caller) -> Item:
        """Find something whose name the caller may take away.

        Raises:
            KernelRefusal: as `resolve`; EACCES where the caller may not write, EPERM where the
                directory is sticky and neither it nor the thing is the caller's.
        """
        item = self.resolve(path, caller)
        parent = item.parent
        if parent is None:
            return item
        if not parent.allows(caller, 3):
            raise KernelRefusal(errno.EACCES)
        if parent.mode & stat.S_ISVTX and caller.uid not in {0, parent.uid, item.uid}:
            raise KernelRefusal(errno.EPERM)
        return item

    # ---- mkdir

    def make(self, path: str, caller: Caller = ROOT) -> Directory:
        """Make a directory and all that comes with it.

        Raises:
            KernelRefusal: what the VFS or o2cb says.
        """
        parent, name = self.room_for(path, caller)
        match parent.kind:
            case DirectoryKind.SUBSYSTEM:
                return self._make_cluster(parent, name)
            case DirectoryKind.NODES:
                return self._make_node(parent, name)
            case DirectoryKind.HEARTBEAT:
                return self._make_region(parent, name)
            case DirectoryKind.PLAIN:
                return self._add(DirectoryKind.PLAIN, parent, name)
            case _:
                raise KernelRefusal(errno.EPERM)

    def _make_cluster(self, parent: Directory, name: str) -> Directory:
        variant = self.kernel.variant
        if self.kernel.cluster is not None:
            raise KernelRefusal(variant.second_cluster_errno)
        state = ClusterState(
            name=name,
            idle_timeout_ms=variant.idle_timeout_ms,
            keepalive_delay_ms=variant.keepalive_delay_ms,
            reconnect_delay_ms=variant.reconnect_delay_ms,
        )
        self.kernel.cluster = state
        made = self._add(DirectoryKind.CLUSTER, parent, name, state)
        self._add_attributes(made, rules.CLUSTER_ATTRIBUTES)
        self._add(DirectoryKind.NODES, made, "node", state)
        heartbeat = self._add(DirectoryKind.HEARTBEAT, made, "heartbeat", state)
        self._add_attributes(heartbeat, rules.HEARTBEAT_ATTRIBUTES, "heartbeat/")
        return made

    def _make_node(self, parent: Directory, name: str) -> Directory:
        if len(os.fsencode(name)) > NODE_NAME_MAX_BYTES:
            raise KernelRefusal(self.kernel.variant.long_name_errno)
        state = NodeState(name=name)
        self._cluster().nodes[name] = state
        made = self._add(DirectoryKind.NODE, parent, name, state)
        self._add_attributes(made, rules.NODE_ATTRIBUTES)
        return made

    def _make_region(self, parent: Directory, name: str) -> Directory:
        if len(os.fsencode(name)) > REGION_NAME_MAX_BYTES:
            raise KernelRefusal(self.kernel.variant.long_name_errno)
        regions = self._cluster().regions
        if self.kernel.mode == "global" and len(regions) >= GLOBAL_REGIONS_MAX:
            raise KernelRefusal(errno.EFBIG)
        state = RegionState(name=name)
        regions[name] = state
        made = self._add(DirectoryKind.REGION, parent, name, state)
        self._add_attributes(made, rules.REGION_ATTRIBUTES)
        return made

    def make_region(self, name: str) -> None:
        """Make a heartbeat region, as mount.ocfs2 does, whatever is to be seen of the configfs.

        Raises:
            KernelRefusal: what o2cb says.
        """
        with self._kernel_tree():
            self.make(f"/cluster/{self._cluster().name}/heartbeat/{name}")

    def drop_region(self, name: str) -> None:
        """Remove a region whose thread has ended, as umount does."""
        with self._kernel_tree():
            self.remove(f"/cluster/{self._cluster().name}/heartbeat/{name}")

    @contextlib.contextmanager
    def _kernel_tree(self) -> Iterator[None]:
        """Work on the kernel's tables for a while."""
        shown, self.index = self.index, self._trees[Presence.O2CB]
        try:
            yield
        finally:
            self.index = shown

    def _cluster(self) -> ClusterState:
        if self.kernel.cluster is None:
            raise KernelRefusal(errno.ENOENT)
        return self.kernel.cluster

    # ---- rmdir

    def remove(self, path: str, caller: Caller = ROOT) -> None:
        """Remove a directory and all that came with it.

        Raises:
            KernelRefusal: what the VFS or o2cb says.
        """
        item = self.removable(path, caller)
        if not isinstance(item, Directory):
            raise KernelRefusal(errno.ENOTDIR)
        if item.kind is DirectoryKind.ROOT:
            raise KernelRefusal(errno.EBUSY)
        if item.kind in {DirectoryKind.SUBSYSTEM, DirectoryKind.NODES, DirectoryKind.HEARTBEAT}:
            raise KernelRefusal(errno.EPERM)
        if item.kind is DirectoryKind.PLAIN and item.children:
            raise KernelRefusal(errno.ENOTEMPTY)
        self._forget_state(item)
        self._drop(item)

    def _forget_state(self, item: Directory) -> None:
        match item.state:
            case ClusterState() as cluster:
                if cluster.nodes or cluster.regions:
                    raise KernelRefusal(errno.ENOTEMPTY)
                self.kernel.cluster = None
            case NodeState() as node:
                if self.kernel.pinned(node):
                    raise KernelRefusal(errno.EBUSY)
                self.kernel.forget_node(node)
                del self._cluster().nodes[node.name]
            case RegionState() as region:
                if region.pid is not None:
                    raise KernelRefusal(errno.EBUSY)
                del self._cluster().regions[region.name]

    def _drop(self, item: Item) -> None:
        if isinstance(item, Directory):
            for child in tuple(item.children.values()):
                self._drop(child)
        item.removed = True
        del self.index[item.path]
        if item.parent is not None:
            item.parent.drop(item)

    # ---- making items

    def _inode(self) -> int:
        self._next_inode += 1
        return self._next_inode

    def _fresh_tree(self, presence: Presence) -> Index:
        root = Directory(
            kind=DirectoryKind.ROOT,
            parent=None,
            name="",
            inode=self._inode(),
            uid=self._owner_uid,
            born_ns=self._now_ns(),
        )
        tree: Index = {"/": root}
        self.index = tree
        if presence is not Presence.EMPTY:
            kind = DirectoryKind.SUBSYSTEM if presence is Presence.O2CB else DirectoryKind.PLAIN
            self._add(kind, root, "cluster")
        return tree

    def _add(
        self,
        kind: DirectoryKind,
        parent: Directory,
        name: str,
        state: ClusterState | NodeState | RegionState | None = None,
    ) -> Directory:
        made = Directory(
            kind=kind,
            parent=parent,
            name=name,
            inode=self._inode(),
            uid=self._owner_uid,
            born_ns=self._now_ns(),
            state=state,
        )
        parent.add(made)
        self.index[made.path] = made
        return made

    def _add_attributes(self, owner: Directory, table: Rules, prefix: str = "") -> None:
        variant = self.kernel.variant
        for name, (show, store) in table.items():
            if f"{prefix}{name}" in variant.missing:
                continue
            called = variant.dead_threshold_name if name == "dead_threshold" else name
            attribute = Attribute(
                parent=owner,
                name=called,
                inode=self._inode(),
                mode=ATTRIBUTE_MODE if store else READ_ONLY_MODE,
                uid=self._owner_uid,
                born_ns=self._now_ns(),
                show=show,
                store=store,
            )
            owner.add(attribute)
            self.index[attribute.path] = attribute
