"""The real node tree: the o2cb configfs of this host, over os calls."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from types import MappingProxyType

from o2cbd.calls import CallBoard
from o2cbd.configfs import shape
from o2cbd.configfs.directories import Directories, OpenCluster
from o2cbd.configfs.entries import EntryReader
from o2cbd.configfs.files import Files, Listed, OsFiles, closing
from o2cbd.configfs.interface import NotConfigfsError
from o2cbd.configfs.refusals import check_name, refuse
from o2cbd.core.memo import same_if_equal
from o2cbd.core.model import (
    AddNode,
    CreateCluster,
    Node,
    Region,
    RemoveNode,
    SetAttribute,
    Step,
    Tables,
)

# Some 4.x kernels misnamed the file (mended in the kernel in 2017).
_ALIASES = {"heartbeat/dead_threshold": "heartbeat/threshold"}


NUM_ZERO = "0"
"""It reads as a num does that was never written."""


class OsNodeTree:
    """The tables below `<configfs>/cluster`, read and changed by path and descriptor.

    The directories that a reading opened serve the steps after it and the reading right after
    those, if they are still what they were. Every other reading opens them anew, and so does one
    after any error. The filename of an error is a whole path from `read` and for the cluster
    directory itself; for a step inside the cluster it is relative to the cluster.
    """

    def __init__(
        self,
        configfs_path: str | os.PathLike[str],
        debugfs_path: str | os.PathLike[str],
        calls: CallBoard,
        *,
        files: Files | None = None,
    ) -> None:
        """Stand on a kernel.

        Args:
            configfs_path: where configfs is, or is expected.
            debugfs_path: where debugfs is, or is expected.
            calls: where each call is declared.
            files: the calls of a kernel; None: of this host's.
        """
        self._top = os.path.join(os.fspath(configfs_path), "cluster")  # noqa: PTH118 - text stays text
        debugfs = os.fspath(debugfs_path)
        self._livenodes = os.path.join(debugfs, "o2hb", "livenodes")  # noqa: PTH118 - text stays text
        self._calls = calls
        self._files: Files = OsFiles() if files is None else files
        self._entries = EntryReader(self._files, calls)
        self._directories = Directories(self._top, self._files, calls)
        self._stepped = False
        """A step was done since the last reading."""
        self._same = same_if_equal(Tables)

    def read(
        self, cluster: str, *, own: str | None, attributes: Sequence[str], fresh: bool
    ) -> Tables:
        """Read back the actual state, see `NodeTree.read`."""
        check_name(cluster)
        if fresh or not self._stepped:
            self._directories.let_go()
        self._stepped = False
        if fresh:
            self._entries.forget()
        try:
            return self._same(self._read(cluster, own, attributes))
        except OSError:
            self._forget()
            raise

    def do(self, step: Step) -> None:
        """Do one step, see `NodeTree.do`."""
        refuse(step)
        try:
            match step:
                case CreateCluster():
                    self._create_cluster(step.cluster)
                case SetAttribute(node=None):
                    self._set_cluster_attribute(step)
                case SetAttribute(node=str(name)):
                    self._set_node_attribute(step, name)
                case AddNode():
                    self._add_node(step.cluster, step.node)
                case RemoveNode():
                    self._remove_node(step.cluster, step.node)
        except OSError:
            self._forget()
            raise
        self._stepped = True

    def remove_cluster(self, cluster: str) -> None:
        """Take an empty cluster away: the operator's word, never a step of the daemon's.

        Raises:
            OSError: the kernel's errno, ENOTEMPTY where a node or a region is in it.
        """
        check_name(cluster)
        self._forget()
        with closing(self._files, self._directories.open_top()) as top_fd:
            self._call("rmdir", f"{self._top}/{cluster}", self._files.rmdir, cluster, top_fd)

    def close(self) -> None:
        """Give back the open directories."""
        self._directories.let_go()

    def _forget(self) -> None:
        self._directories.let_go()
        self._entries.forget()

    # ---- reading

    def _read(self, cluster: str, own: str | None, attributes: Sequence[str]) -> Tables:
        directories = self._directories
        clusters = directories.look_again(cluster) or directories.look(cluster)
        opened = directories.opened
        if opened is None:
            return Tables(clusters=clusters, live_nums=self._read_live_nums())
        where = f"{self._top}/{cluster}"
        with self._calls.declare("scandir heartbeat"):
            heartbeat = self._files.listing(opened.heartbeat_fd)
        return Tables(
            clusters=clusters,
            entries=self._entries.read(opened.node_fd, f"{where}/node", own),
            attributes=MappingProxyType(self._read_attributes(opened, attributes)),
            regions=self._read_regions(opened.heartbeat_fd, heartbeat, f"{where}/heartbeat"),
            live_nums=self._read_live_nums(),
        )

    def _read_attributes(self, opened: OpenCluster, names: Sequence[str]) -> dict[str, str]:
        values: dict[str, str] = {}
        for name in names:
            check_name(name.removeprefix("heartbeat/"))
            for file in (name, _ALIASES.get(name)):
                if file is None:
                    continue
                try:
                    with self._calls.declare(f"read {file}"):
                        values[name] = self._files.read_value(file, opened.fd)
                except FileNotFoundError:
                    continue  # not on this kernel
                except OSError as error:
                    error.filename = f"{self._top}/{opened.name}/{file}"
                    raise
                break
        return values

    def _read_regions(
        self, heartbeat_fd: int, found: list[Listed], where: str
    ) -> tuple[Region, ...]:
        regions = []
        for item in sorted((item for item in found if item.is_dir), key=lambda item: item.name):
            file = f"{item.name}/pid"
            try:
                with self._calls.declare("read pid"):
                    text = self._files.read_value(file, heartbeat_fd)
            except FileNotFoundError:
                if self._directories.inode_of(item.name, heartbeat_fd) != item.inode:
                    continue
                text = ""  # a kernel without this file
            except OSError as error:
                error.filename = f"{where}/{file}"
                raise
            pid = int(text) if text.isascii() and text.isdigit() else None
            regions.append(Region(name=item.name, pid=pid))
        return tuple(regions)

    def _read_live_nums(self) -> frozenset[int] | None:
        try:
            with self._calls.declare("read livenodes"):
                text = self._files.read_value(self._livenodes, None)
            return frozenset(int(num) for num in text.split())
        except (OSError, ValueError):
            return None  # debugfs is a help, not a need

    # ---- steps

    def _create_cluster(self, cluster: str) -> None:
        files, where = self._files, f"{self._top}/{cluster}"
        self._directories.let_go()
        with closing(files, self._directories.open_top()) as top_fd:
            self._call("mkdir", where, files.mkdir, cluster, top_fd)
            if self._has_shape(cluster, top_fd):
                return
            try:
                self._call("rmdir", where, files.rmdir, cluster, top_fd)
            except OSError as error:
                code = errno.errorcode.get(error.errno or 0, str(error.errno))
                text = f"{shape.ADVICE} (rmdir of what was made there: {code})"
                raise NotConfigfsError(errno.ENODEV, text, where) from None
            raise shape.foreign(where)

    def _has_shape(self, cluster: str, top_fd: int) -> bool:
        files = self._files
        with (
            closing(
                files, self._directories.open_below(files.open_list, cluster, top_fd, self._top)
            ) as fd,
            self._calls.declare("scandir cluster"),
        ):
            return shape.is_cluster(files.listing(fd))

    def _set_cluster_attribute(self, step: SetAttribute) -> None:
        opened = self._directories.inside(step.cluster)
        # The kernel takes a fence method only with a newline.
        value = f"{step.value}\n" if step.attribute == "fence_method" else step.value
        try:
            self._write(step.attribute, opened.fd, value, step.attribute)
        except FileNotFoundError:
            alias = _ALIASES.get(step.attribute)
            if alias is None or self._directories.inode_of(alias, opened.fd) is None:
                raise
            self._write(alias, opened.fd, value, alias)

    def _set_node_attribute(self, step: SetAttribute, name: str) -> None:
        files, node_fd = self._files, self._directories.inside(step.cluster).node_fd
        where = f"node/{name}"
        with closing(
            files, self._directories.open_below(files.open_walk, name, node_fd, "node")
        ) as fd:
            if (step.attribute, step.value) == ("num", NUM_ZERO):
                self._write_zero(fd, name, node_fd)
            else:
                self._write(step.attribute, fd, step.value, f"{where}/{step.attribute}")

    def _write_zero(self, fd: int, name: str, node_fd: int) -> None:
        """Write num 0, which a reading cannot show: how the kernel takes it does."""
        key = (name, self._files.inode_of(name, node_fd) or 0)
        try:
            self._write("num", fd, NUM_ZERO, f"node/{name}/num")
        except FileExistsError:
            if not self._entries.refused_zero(key):
                raise
        else:
            self._entries.written_zero(key)

    def _add_node(self, cluster: str, node: Node) -> None:
        files, node_fd = self._files, self._directories.inside(cluster).node_fd
        where = f"node/{node.name}"
        self._call("mkdir", where, files.mkdir, node.name, node_fd)
        try:
            with closing(
                files, self._directories.open_below(files.open_walk, node.name, node_fd, "node")
            ) as fd:
                self._write("ipv4_port", fd, str(node.port), f"{where}/ipv4_port")
                self._write("ipv4_address", fd, node.address, f"{where}/ipv4_address")
                if node.num:
                    self._write("num", fd, str(node.num), f"{where}/num")
                else:
                    self._write_zero(fd, node.name, node_fd)
        except OSError as first:
            try:
                self._call("rmdir", where, files.rmdir, node.name, node_fd)
            except OSError as error:
                first.add_note(f"and the half-made node stays: {error}")
            raise

    def _remove_node(self, cluster: str, name: str) -> None:
        node_fd = self._directories.inside(cluster).node_fd
        self._call("rmdir", f"node/{name}", self._files.rmdir, name, node_fd)

    def _write(self, attribute: str, dir_fd: int, value: str, where: str) -> None:
        with self._calls.declare(f"write {attribute}"):
            try:
                self._files.write_value(attribute, dir_fd, value)
            except OSError as error:
                error.filename = where
                raise

    def _call(
        self, name: str, where: str, call: Callable[[str, int], None], target: str, dir_fd: int
    ) -> None:
        with self._calls.declare(name):
            try:
                call(target, dir_fd)
            except OSError as error:
                error.filename = where
                raise
