"""Caches of readings: they stand before the adapters of a simulated daemon.

Nearly all readings of a simulation are resyncs of a cluster in which nothing happens. Where a
kernel or a manager is as it was at the last reading, and no reading is watched or to fail, the
adapter would return the very same value, and is not asked. Every other reading and every step is
the adapter's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fakecluster.cman.client import Standing
from fakecluster.configfs.model import ConfigfsModel
from o2cbd.configfs.interface import NodeTree
from o2cbd.core.model import Membership, Tables
from o2cbd.membership.interface import MembershipSource


class CachedTree:
    """A node tree that reads nothing again of a kernel in which nothing has changed."""

    def __init__(self, tree: NodeTree, model: ConfigfsModel) -> None:
        """Stand before `tree`, whose calls end at `model`."""
        self._tree = tree
        self._model = model
        self._last: tuple[tuple[int, str, str | None, Sequence[str]], Tables] | None = None
        """After how many changes what was asked, and what was read."""
        self.do = tree.do
        self.close = tree.close

    def read(
        self, cluster: str, *, own: str | None, attributes: Sequence[str], fresh: bool
    ) -> Tables:
        """Read back the actual state, see `NodeTree.read`."""
        asked = (self._model.change_count, cluster, own, attributes)
        last, self._last = self._last, None
        watched = self._model.journal.wants("read")
        if last is None or last[0] != asked or watched:
            tables = self._tree.read(cluster, own=own, attributes=attributes, fresh=fresh)
            last = (asked, tables)
        self._last = None if watched else last
        return last[1]


class CachedSource:
    """A membership source that reads nothing again of a manager in which nothing has changed."""

    def __init__(self, source: MembershipSource, standing: Callable[[], Standing | None]) -> None:
        """Stand before `source`, whose answers are made of what `standing` returns."""
        self._source = source
        self._standing = standing
        self._last: tuple[Standing, Membership] | None = None
        self.fileno = source.fileno
        self.dispatch = source.dispatch
        self.reply_shutdown = source.reply_shutdown
        self.close = source.close

    def snapshot(self) -> Membership:
        """Read the whole membership, see `MembershipSource.snapshot`."""
        standing = self._standing()
        last, self._last = self._last, None
        if last is None or standing is None or not standing.same_as(last[0]):
            membership = self._source.snapshot()
            last = None if standing is None else (standing, membership)
        else:
            membership = last[1]
        self._last = last
        return membership
