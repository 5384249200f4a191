"""A node tree that remembers: what nobody changed in a kernel reads as it did before."""

from __future__ import annotations

from collections.abc import Sequence

from fakecluster.configfs.directories import Presence
from fakecluster.configfs.items import Directory
from fakecluster.configfs.kernel import ClusterState, NodeState
from fakecluster.configfs.model import ConfigfsModel
from o2cbd.configfs.interface import NodeTree
from o2cbd.core.model import Entry, Region, Step, Tables


class RememberingTree:
    """Hands steps on to a tree on a model, and readings that it does not know the answer of.

    A simulation spends nearly all its time in readings that find what the last one found. Where
    nobody watches the reading calls or lets them fail, the answer is known: the same Tables while
    nothing was changed at all, else the same entries but for those that were. Anything out of the
    ordinary is left to the tree: half-made nodes, attributes, another cluster, no configfs.
    """

    def __init__(self, tree: NodeTree, model: ConfigfsModel) -> None:
        """Stand before `tree`, whose calls end at `model`."""
        self._tree = tree
        self._model = model
        self._known: tuple[int, str, str | None, Sequence[str], Tables] | None = None
        self._entries: dict[str, Entry] = {}

    def read(
        self, cluster: str, *, own: str | None, attributes: Sequence[str], fresh: bool
    ) -> Tables:
        """Read back the actual state, see `NodeTree.read`."""
        model, known = self._model, self._known
        if model.journal.wants("read"):
            self._known = None
            return self._tree.read(cluster, own=own, attributes=attributes, fresh=fresh)
        asked = (model.changes, cluster, own, attributes)
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
        before, self._entries = self._entries, {}
        for name, item in nodes.children.items():
            node = item.state if isinstance(item, Directory) else None
            if not isinstance(node, NodeState):
                return None
            entry = before.get(name)
            if entry is None or not _shows(entry, item.inode, node):
                entry = _entry(item.inode, node)
                if entry is None:
                    return None
            self._entries[name] = entry
        return Tables(
            clusters=(cluster,),
            entries=tuple(self._entries[name] for name in sorted(self._entries)),
            regions=_regions(state),
            live_nums=model.heartbeat.live_nums,
        )

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
    if node.num is None or node.address is None or node.port is None:
        return None
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
