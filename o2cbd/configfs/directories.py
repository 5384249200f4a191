"""The directories of our cluster, opened once for a reading and for what follows it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from o2cbd.calls import CallBoard
from o2cbd.configfs import shape
from o2cbd.configfs.files import Files
from o2cbd.core.frozen import frozen

_UNKNOWN_INODE = -1


@frozen
class OpenCluster:
    """Our cluster's directories; they belong to `Directories`."""

    name: str
    inode: int
    top_fd: int
    """The directory that all clusters are in."""
    fd: int
    node_fd: int
    heartbeat_fd: int


class Directories:
    """Holds the directories of one cluster open, or none.

    A file system without caches, such as a FUSE mount, asks its server several times about each
    opening: what is open already, and still is what it was, saves half the questions of a reading.
    """

    def __init__(self, top: str, files: Files, calls: CallBoard) -> None:
        """Open nothing yet.

        Args:
            top: the path of the directory that all clusters are in.
            files: the calls of the kernel.
            calls: where each call is declared.
        """
        self._top = top
        self._files = files
        self._calls = calls
        self._opened: OpenCluster | None = None

    @property
    def opened(self) -> OpenCluster | None:
        """What is open now."""
        return self._opened

    def let_go(self) -> None:
        """Close whatever is open."""
        opened, self._opened = self._opened, None
        if opened is not None:
            for fd in (opened.heartbeat_fd, opened.node_fd, opened.fd, opened.top_fd):
                self._files.close(fd)

    def look(self, cluster: str) -> tuple[str, ...]:
        """Open this cluster if it is there, and return the names of all, sorted.

        Raises:
            NotConfigfsError: it is there and is no cluster of a kernel's, or nothing is mounted.
            OSError: it cannot be opened or listed.
        """
        self.let_go()
        top_fd = self.open_top()
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(self._files.close, top_fd)
            with self._calls.declare("scandir cluster"):
                found = self._inodes(top_fd)
            if cluster in found:
                self._opened = self._open_whole(top_fd, cluster, found[cluster])
                if self._opened is None:
                    del found[cluster]  # it went away while we looked
                else:
                    cleanup.pop_all()
        return tuple(sorted(found))

    def look_again(self, cluster: str) -> tuple[str, ...]:
        """Return the names of all clusters, as seen through what is open.

        Returns:
            None at all, and everything closed, where that is not this cluster as it was.
        """
        opened = self._opened
        if opened is not None and opened.name == cluster:
            with contextlib.suppress(OSError), self._calls.declare("scandir cluster"):
                found = self._inodes(opened.top_fd)
                same = found.get(cluster) == opened.inode
                if same and shape.is_cluster(self._files.listing(opened.fd)):
                    return tuple(sorted(found))
        self.let_go()
        return ()

    def inside(self, cluster: str) -> OpenCluster:
        """Return this cluster's directories, opened unless they are.

        Raises:
            OSError: it cannot be opened, ENOENT where it is not there.
        """
        opened = self._opened
        if opened is not None and opened.name == cluster:
            return opened
        self.let_go()
        top_fd = self.open_top()
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(self._files.close, top_fd)
            fd = self.open_below(self._files.open_list, cluster, top_fd, self._top)
            cleanup.callback(self._files.close, fd)
            opened = self._opened = self._open_groups(top_fd, fd, cluster, _UNKNOWN_INODE)
            cleanup.pop_all()
        return opened

    def open_top(self) -> int:
        """Open the directory that all clusters are in; the caller closes it.

        Raises:
            NotConfigfsError: there is none.
            OSError: it cannot be opened.
        """
        try:
            with self._calls.declare("open cluster"):
                return self._files.open_top(self._top)
        except FileNotFoundError:
            raise shape.absent(self._top) from None
        except NotADirectoryError:
            raise shape.foreign(self._top) from None

    def open_below(
        self, opener: Callable[[str, int], int], name: str, dir_fd: int, where: str
    ) -> int:
        """Open what has this name there, with `where` for the error; the caller closes it.

        Raises:
            OSError: it cannot be opened.
        """
        with self._calls.declare(f"open {name}"):
            try:
                return opener(name, dir_fd)
            except OSError as error:
                error.filename = f"{where}/{name}"
                raise

    def inode_of(self, name: str, dir_fd: int) -> int | None:
        """Return the inode of what has this name there now; None when nothing has."""
        with self._calls.declare(f"stat {name}"):
            return self._files.inode_of(name, dir_fd)

    def _inodes(self, fd: int) -> dict[str, int]:
        """Return the inode of each directory inside, by its name."""
        return {item.name: item.inode for item in self._files.listing(fd) if item.is_dir}

    def _open_whole(self, top_fd: int, cluster: str, inode: int) -> OpenCluster | None:
        """Open a cluster if it has the right shape; None when it is gone meanwhile."""
        files = self._files
        with contextlib.ExitStack() as cleanup:
            try:
                fd = self.open_below(files.open_list, cluster, top_fd, self._top)
            except FileNotFoundError:
                return None
            cleanup.callback(files.close, fd)
            with self._calls.declare("scandir cluster"):
                found = files.listing(fd)
            if shape.is_cluster(found):
                opened = self._open_groups(top_fd, fd, cluster, inode)
                cleanup.pop_all()
                return opened
        if self.inode_of(cluster, top_fd) != inode:
            return None
        raise shape.foreign(f"{self._top}/{cluster}")

    def _open_groups(self, top_fd: int, fd: int, cluster: str, inode: int) -> OpenCluster:
        """Open what is inside; on an error `top_fd` and `fd` stay the caller's."""
        files, where = self._files, f"{self._top}/{cluster}"
        node_fd = self.open_below(files.open_list, "node", fd, where)
        try:
            heartbeat_fd = self.open_below(files.open_list, "heartbeat", fd, where)
        except BaseException:
            files.close(node_fd)
            raise
        return OpenCluster(
            name=cluster,
            inode=inode,
            top_fd=top_fd,
            fd=fd,
            node_fd=node_fd,
            heartbeat_fd=heartbeat_fd,
        )
