"""The short way in: the calls of the real node tree on the model, for the simulator."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Sequence
from types import MappingProxyType

from fakecluster.configfs.items import DirEntry
from fakecluster.configfs.model import ConfigfsModel
from o2cbd.configfs import shape
from o2cbd.configfs.files import Listed
from o2cbd.configfs.refusals import check_name, refuse
from o2cbd.core.model import (
    AddNode,
    CreateCluster,
    Entry,
    Node,
    Region,
    RemoveNode,
    SetAttribute,
    Step,
    Tables,
)
from o2cbd.eintr import uninterrupted

_TOP = "/cluster"
# Some 4.x kernels misnamed the file.
_ALIASES = {"heartbeat/dead_threshold": "heartbeat/threshold"}
Key = tuple[str, int]


def listed(entries: list[DirEntry]) -> list[Listed]:
    """Return a listing in the words of the real node tree."""
    return [Listed(entry.name, entry.inode, entry.is_dir) for entry in entries]


class QuickTree:
    """A `NodeTree` that makes the calls of the real one on a model, without a file system.

    The calls and their order are those of the real adapter, so that a fault, a hook or the journal
    means the same in both; only what opens directories is left out.
    """

    def __init__(self, model: ConfigfsModel, *, debugfs: bool = True) -> None:
        """Stand on a model.

        Args:
            model: the fake kernel.
            debugfs: whether the heartbeat's live map can be read.
        """
        self._model = model
        self._debugfs = debugfs
        self._kept: dict[Key, Entry] = {}

    def read(
        self, cluster: str, *, own: str | None, attributes: Sequence[str], fresh: bool
    ) -> Tables:
        """Read back the actual state, see `NodeTree.read`."""
        check_name(cluster)
        if fresh:
            self._kept.clear()
        try:
            return self._read(cluster, own, attributes)
        except OSError:
            self._kept.clear()
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
                    self._rmdir(f"{_TOP}/{step.cluster}/node/{step.node}")
        except OSError:
            self._kept.clear()
            raise

    def close(self) -> None:
        """Nothing is held open."""

    # ---- reading

    def _read(self, cluster: str, own: str | None, attributes: Sequence[str]) -> Tables:
        try:
            found = {item.name for item in self._scandir(_TOP) if item.is_dir}
        except FileNotFoundError:
            raise shape.absent(_TOP) from None
        clusters = tuple(sorted(found))
        if cluster not in found:
            return Tables(clusters=clusters, live_nums=self._live_nums())
        where = f"{_TOP}/{cluster}"
        if not shape.is_cluster(self._scandir(where)):
            raise shape.foreign(where)
        heartbeat = self._scandir(f"{where}/heartbeat")
        return Tables(
            clusters=clusters,
            entries=self._read_entries(f"{where}/node", own),
            attributes=MappingProxyType(self._read_attributes(where, attributes)),
            regions=self._read_regions(f"{where}/heartbeat", heartbeat),
            live_nums=self._live_nums(),
        )

    def _read_entries(self, where: str, own: str | None) -> tuple[Entry, ...]:
        found = [item for item in self._scandir(where) if item.is_dir]
        # Ours first: while its `local` is 1 nobody else's can be.
        found.sort(key=lambda item: (item.name != own, item.name))
        entries: list[Entry] = []
        own_is_local = False
        for item in found:
            entry = self._read_entry(where, item, with_local=not own_is_local)
            if entry is not None:
                entries.append(entry)
                own_is_local = own_is_local or (entry.local and entry.name == own)
        self._kept = {(entry.name, entry.inode): entry for entry in entries if entry.complete}
        return tuple(sorted(entries, key=lambda entry: entry.name))

    def _read_entry(self, where: str, item: Listed, *, with_local: bool) -> Entry | None:
        path = f"{where}/{item.name}"
        kept = self._kept.get((item.name, item.inode))
        if kept is not None and not with_local:
            return dataclasses.replace(kept, local=False) if kept.local else kept
        try:
            if kept is None:
                return self._read_values(path, item, with_local=with_local)
            local = self._value(f"{path}/local") != "0"
            return kept if kept.local == local else dataclasses.replace(kept, local=local)
        except FileNotFoundError:
            if self._inode_of(path) != item.inode:
                return None
            raise

    def _read_values(self, path: str, item: Listed, *, with_local: bool) -> Entry:
        address = self._value(f"{path}/ipv4_address")
        port = int(self._value(f"{path}/ipv4_port"))
        num = int(self._value(f"{path}/num"))
        local = with_local and self._value(f"{path}/local") != "0"
        return Entry(
            name=item.name,
            inode=item.inode,
            num=num,
            address=address,
            port=port,
            local=local,
        )

    def _read_attributes(self, where: str, names: Sequence[str]) -> dict[str, str]:
        values: dict[str, str] = {}
        for name in names:
            check_name(name.removeprefix("heartbeat/"))
            for file in (name, _ALIASES.get(name)):
                if file is None:
                    continue
                try:
                    values[name] = self._value(f"{where}/{file}")
                except FileNotFoundError:
                    continue
                break
        return values

    def _read_regions(self, where: str, found: list[Listed]) -> tuple[Region, ...]:
        regions = []
        for item in sorted((item for item in found if item.is_dir), key=lambda item: item.name):
            try:
                text = self._value(f"{where}/{item.name}/pid")
            except FileNotFoundError:
                if self._inode_of(f"{where}/{item.name}") != item.inode:
                    continue
                text = ""
            regions.append(Region(name=item.name, pid=int(text) if text else None))
        return tuple(regions)

    def _live_nums(self) -> frozenset[int] | None:
        return self._model.heartbeat.live_nums if self._debugfs else None

    # ---- steps

    def _create_cluster(self, cluster: str) -> None:
        where = f"{_TOP}/{cluster}"
        if self._model.find(_TOP) is None:
            raise shape.absent(_TOP)
        uninterrupted(self._model.mkdir, where)
        if not shape.is_cluster(self._scandir(where)):
            self._rmdir(where)
            raise shape.foreign(where)

    def _set_cluster_attribute(self, step: SetAttribute) -> None:
        where = f"{_TOP}/{step.cluster}"
        # The kernel takes a fence method only with a newline.
        value = f"{step.value}\n" if step.attribute == "fence_method" else step.value
        try:
            self._write(f"{where}/{step.attribute}", value)
        except FileNotFoundError:
            alias = _ALIASES.get(step.attribute)
            if alias is None or self._inode_of(f"{where}/{alias}") is None:
                raise
            self._write(f"{where}/{alias}", value)

    def _set_node_attribute(self, step: SetAttribute, name: str) -> None:
        where = f"{_TOP}/{step.cluster}/node"
        self._write(f"{where}/{name}/{step.attribute}", step.value)

    def _add_node(self, cluster: str, node: Node) -> None:
        path = f"{_TOP}/{cluster}/node/{node.name}"
        uninterrupted(self._model.mkdir, path)
        try:
            self._write(f"{path}/ipv4_port", str(node.port))
            self._write(f"{path}/ipv4_address", node.address)
            self._write(f"{path}/num", str(node.num))
        except OSError as first:
            try:
                self._rmdir(path)
            except OSError as error:
                first.add_note(f"and the half-made node stays: {error}")
            raise

    # ---- calls

    def _scandir(self, path: str) -> list[Listed]:
        return listed(uninterrupted(self._model.scandir, path))

    def _rmdir(self, path: str) -> None:
        uninterrupted(self._model.rmdir, path)

    def _value(self, path: str) -> str:
        handle = uninterrupted(self._model.open, path)
        return os.fsdecode(uninterrupted(self._model.read, handle, 4096)).rstrip("\n")

    def _write(self, path: str, value: str) -> None:
        handle = uninterrupted(self._model.open, path, os.O_WRONLY)
        data = os.fsencode(value)
        if uninterrupted(self._model.write, handle, data) != len(data):
            raise OSError(errno.EIO, "short write", path)

    def _inode_of(self, path: str) -> int | None:
        item = self._model.find(path)
        return None if item is None else item.inode
