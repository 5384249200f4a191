"""The node tree with its lock: one daemon a configfs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Protocol

from o2cbd.calls import CallBoard
from o2cbd.configfs.interface import NodeTree
from o2cbd.core.model import Step, Tables


class Releasable(Protocol):
    """What of a lock is used here."""

    def release(self) -> None:
        """Give it back."""
        ...


class LockedTree:
    """A `NodeTree` that is read and changed only under the lock of its configfs.

    The lock is on the `cluster` directory, which may come later than the daemon, and which is
    another one after the file system was mounted anew: each fresh reading looks whether it is.
    """

    def __init__(
        self,
        tree: NodeTree,
        configfs_path: str,
        lock: Callable[[str], Releasable],
        calls: CallBoard,
    ) -> None:
        """Touch nothing yet.

        Args:
            tree: the real one.
            configfs_path: where configfs is mounted.
            lock: locks it, or raises FileNotFoundError while there is no `cluster` directory.
            calls: where calls are declared.
        """
        self._tree = tree
        self._configfs_path = configfs_path
        self._take_lock = lock
        self._calls = calls
        self._lock: Releasable | None = None
        self._locked_as: tuple[int, int] | None = None

    def lock(self) -> None:
        """Take the lock, if it is not ours and there is something to lock.

        Raises:
            AlreadyRunningError: another process has it.
            OSError: it cannot be taken.
        """
        identity = self._identity()
        if identity == self._locked_as and self._lock is not None:
            return
        self._release()
        if identity is None:
            return
        try:
            with self._calls.declare("flock"):
                self._lock = self._take_lock(self._configfs_path)
        except FileNotFoundError:
            return
        self._locked_as = identity

    def read(
        self, cluster: str, *, own: str | None, attributes: Sequence[str], fresh: bool
    ) -> Tables:
        """Read the tables, and take the lock first where it is not held or `fresh` is asked for.

        Raises:
            AlreadyRunningError: another daemon has the lock; not an OSError.
        """
        if fresh or self._lock is None:
            self.lock()
        return self._tree.read(cluster, own=own, attributes=attributes, fresh=fresh)

    def do(self, step: Step) -> None:
        """Apply one step to the tree."""
        self._tree.do(step)

    def close(self) -> None:
        """Close the tree, then release the lock."""
        self._tree.close()
        self._release()

    def _identity(self) -> tuple[int, int] | None:
        try:
            with self._calls.declare("stat cluster"):
                found = os.stat(f"{self._configfs_path}/cluster")  # noqa: PTH116 - text stays text
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_dev, found.st_ino

    def _release(self) -> None:
        lock, self._lock, self._locked_as = self._lock, None, None
        if lock is not None:
            lock.release()
