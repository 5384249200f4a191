"""A node tree that remembers: what nobody changed in a kernel reads as it did before."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from fakecluster.configfs.directories import Presence
from fakecluster.configfs.items import Attribute, Directory
from fakecluster.configfs.kernel import ClusterState, NodeState
from fakecluster.configfs.model import ConfigfsModel
from o2cbd.configfs.interface import NodeTree
from o2cbd.core.model import Entry, Region, Step, Tables


class RememberingTree:
    """Hands steps on to a tree on a model, and readings that it does not know the answer of.

    A simulation spends nearly all its time in readings that find what the last one found. Where
    nobody watches the reading calls or lets them fail, the answer is known: the same Tables while
    nothing was changed at all, else the same entries but for those that were. Anything out of the
    ordinary is left to the tree: half-made nodes, num 0, attributes, another cluster, no configfs.
    """

    def __init__(self, tree: NodeTree, model: ConfigfsModel) -> None:
        """Stand before `tree`, whose calls end at `model`."""
        self._tree = tree
        self._model = model
        self._known: tuple[int, str, str | None, Sequence[str], Tables] | None = None
        self._names: list[str] = []
        self._entries: list[Entry] = []
        """As of the last look, sorted by name, each under its name's place."""
        self._looked: tuple[str, int] | None = None
        """At which cluster, and after how many changes."""

    def read(
        self, cluster: str, *, own: str | None, attributes: Sequence[str], fresh: bool
    ) -> Tables:
        """Read back the actual state, see `NodeTree.read`."""
        model, known = self._model, self._known
        if model.journal.wants("read"):
            self._known = None
            return self._tree.read(cluster, own=own, attributes=attributes, fresh=fresh)
        asked = (model.changes.count, cluster, own, attributes)
        if known is not None and known[:4] == asked:
            return known[4]
        self._known = None
        tables = None if attributes else self._look(cluster)
        if tables is None:
            tables = self._tree.read(cluster, own=own, attributes=attributes, fresh=fresh)
        self._known = (*asked, tables)
        return tables

    def _look(self, cluster: str) -> Tables | None:
        """Return what a reading would give; None where only a reading can tell."""
        model = self._model
        state = model.kernel.cluster
        nodes = model.find(f"/cluster/{cluster}/node")
        if model.presence is not Presence.O2CB or state is None or not isinstance(nodes, Directory):
            return None
        names = self._touched(cluster)
        self._looked = None
        for name in {*self._names, *nodes.children} if names is None else names:
            if not self._look_at(name, nodes.children.get(name)):
                return None
        self._looked = (cluster, model.changes.count)
        return Tables(
            clusters=(cluster,),
            entries=tuple(self._entries),
            regions=_regions(state),
            live_nums=model.heartbeat.live_nums,
        )

    def _touched(self, cluster: str) -> set[str] | None:
        """Return the names of all nodes that may be others than at the last look; None: any."""
        if self._looked is None or self._looked[0] != cluster:
            return None
        places = self._model.changes.since(self._looked[1])
        above = f"/cluster/{cluster}/node/"
        if places is None or not all(place.startswith(above) for place in places):
            return None
        return {place.removeprefix(above).partition("/")[0] for place in places}

    def _look_at(self, name: str, item: Directory | Attribute | None) -> bool:
        """Bring one entry up to date; False where only a reading can tell."""
        at = bisect_left(self._names, name)
        known = at < len(self._names) and self._names[at] == name
        if item is None:
            if known:
                del self._names[at], self._entries[at]
            return True
        node = item.state if isinstance(item, Directory) else None
        if not isinstance(node, NodeState):
            return False
        if known and _shows(self._entries[at], item.inode, node):
            return True
        entry = _entry(item.inode, node)
        if entry is None:
            return False
        if known:
            self._entries[at] = entry
        else:
            self._names.insert(at, name)
            self._entries.insert(at, entry)
        return True

    def do(self, step: Step) -> None:
        """Do one step, see `NodeTree.do`."""
        self._tree.do(step)

    def close(self) -> None:
        """See `NodeTree.close`."""
        self._tree.close()


def _shows(entry: Entry, inode: int, node: NodeState) -> bool:
    return (
        entry.inode == inode
        and entry.num == node.num
        and entry.local is node.local
        and entry.address == node.address
        and entry.port == node.port
    )


def _entry(inode: int, node: NodeState) -> Entry | None:
    if not node.num or node.address is None or node.port is None:
        return None  # a num of 0 reads like one that was never written: the tree must find out
    return Entry(
        name=node.name,
        inode=inode,
        num=node.num,
        address=node.address,
        port=node.port,
        local=node.local,
    )


def _regions(cluster: ClusterState) -> tuple[Region, ...]:
    found = sorted(cluster.regions.values(), key=lambda region: region.name)
    return tuple(Region(name=region.name, pid=region.pid) for region in found)
