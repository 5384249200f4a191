"""Desired table + actual tables -> the steps that can be done now, in order, and what must wait."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from o2cbd.core.model import (
    UNSET_ADDRESS,
    AddNode,
    CreateCluster,
    Entry,
    Node,
    Pending,
    RemoveNode,
    SetAttribute,
    Step,
    Why,
)
from o2cbd.core.policy import Desired, is_right
from o2cbd.core.removals import Permits, Removal, conflicts, gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A step that was tried and is not to be tried again just now."""

    errno: int | None
    """None: it succeeded and yet the tables read as before."""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The difference between what should be and what is, as work."""

    steps: tuple[Step, ...]
    """Doable now, in this order; later rounds may follow once they are done."""
    pending: tuple[Pending, ...]
    """Wanted, and not doable now."""
    replacing: frozenset[str] = frozenset()
    """Names of the entries whose removal is to be followed by an add."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Everything that the planner compares the tables with."""

    cluster: str
    desired: Desired
    attributes: Mapping[str, str]
    permits: Permits
    refused: Mapping[Step, Refusal] = field(default_factory=lambda: MappingProxyType({}))


def plan(wanted: Wanted) -> Plan:
    """Compare and order.

    The cluster and its attributes come first, removes before adds, our own node first on the way
    up and last on the way down. A step that needs another one's success is left to the next
    round, which begins with the tables read again.
    """
    tables = wanted.permits.tables
    if wanted.cluster not in tables.clusters:
        return _plan_cluster(wanted)
    return _Round(wanted).plan()


def _plan_cluster(wanted: Wanted) -> Plan:
    step = CreateCluster(cluster=wanted.cluster)
    foreign = wanted.permits.tables.clusters
    if foreign:
        reason = (
            f"the cluster {foreign[0]} is in configfs, and a kernel holds one: it is left alone;"
            " done when it is gone"
        )
        pending = Pending(step=step, why=Why.FOREIGN_CLUSTER, reason=reason, errno=errno.ENOSPC)
        return Plan(steps=(), pending=(pending,))
    refusal = wanted.refused.get(step)
    if refusal is not None:
        return Plan(steps=(), pending=(_refused(step, refusal),))
    return Plan(steps=(step,), pending=())


class _Round:
    """One comparison; collects steps and pendings."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._cluster = wanted.cluster
        self._tables = wanted.permits.tables
        self._entries = {entry.name: entry for entry in self._tables.entries}
        self._nodes = {node.name: node for node in wanted.desired.nodes}
        self._pending: list[Pending] = []

    def plan(self) -> Plan:
        attributes = self._attributes()
        removals = self._removals()
        removes = self._allowed(removals)
        going = {removal.entry.name for removal in removals}
        adds: list[Step] = []
        for node in sorted(self._nodes.values(), key=lambda one: (not one.local, one.num)):
            if node.name not in going:
                adds.extend(self._raise_up(node, going))
        return Plan(
            steps=(*attributes, *removes, *adds),
            pending=tuple(self._pending),
            replacing=frozenset(one.entry.name for one in removals if one.replacement is not None),
        )

    def _attributes(self) -> list[Step]:
        """Set what differs. The kernel wants idle > keepalive at every moment."""
        steps: list[Step] = []
        for name in _safe_order(self._wanted.attributes, self._tables.attributes):
            step = SetAttribute(
                cluster=self._cluster,
                node=None,
                attribute=name,
                value=self._wanted.attributes[name],
            )
            is_now = self._tables.attributes.get(name)
            if is_now is None:
                reason = (
                    f"this kernel has no cluster attribute {name}: it stays as the kernel has it"
                )
                self._wait(step, Why.FAILED, reason, errno.ENOENT)
            elif is_now.lower() != step.value.lower():
                steps.extend(self._ready(step))
        return steps

    def _removals(self) -> list[Removal]:
        """Return every entry that must go; peers by name, our own last."""
        unseen_nums = {
            node.num: node for node in self._nodes.values() if node.name not in self._entries
        }
        found: list[Removal] = []
        for entry in self._entries.values():
            node = self._nodes.get(entry.name)
            if node is not None and (
                self._is_well(entry, node) or self._completion(entry, node) is not None
            ):
                continue
            local = entry.local or (node is not None and node.local)
            replacement = node
            if node is None and entry.complete:
                replacement = unseen_nums.get(entry.num)
            found.append(Removal(entry=entry, replacement=replacement, local=local))
        return sorted(found, key=lambda removal: (removal.local, removal.entry.name))

    @staticmethod
    def _is_well(entry: Entry, node: Node) -> bool:
        return is_right(entry, node) and (node.local or not entry.local)

    def _completion(self, entry: Entry, node: Node) -> list[Step] | None:
        """Return the writes that make a half-made entry whole; None where that cannot be."""
        if entry.complete or entry.local:
            return None
        if entry.port not in {0, node.port} or entry.address not in {UNSET_ADDRESS, node.address}:
            return None
        values = [("num", str(node.num))]
        if entry.address == UNSET_ADDRESS:
            values.insert(0, ("ipv4_address", node.address))
        if entry.port == 0:
            values.insert(0, ("ipv4_port", str(node.port)))
        steps: list[Step] = [
            SetAttribute(cluster=self._cluster, node=node.name, attribute=name, value=value)
            for name, value in values
        ]
        busy = (self._wanted.refused.get(step) for step in steps)
        if any(refusal is not None and refusal.errno == errno.EBUSY for refusal in busy):
            return None  # its num was written after all, as 0
        return steps

    def _allowed(self, removals: list[Removal]) -> list[Step]:
        """Return the removals that may be done now, and note why the others wait."""
        open_: dict[str, Removal] = {}
        for removal in removals:
            step = RemoveNode(cluster=self._cluster, node=removal.entry.name)
            refusal = self._wanted.refused.get(step)
            blocked = gate(removal, self._wanted.permits)
            if blocked is not None:
                self._wait(step, blocked.why, blocked.reason, blocked.errno)
            elif refusal is not None:
                self._pending.append(_refused(step, refusal))
            else:
                open_[removal.entry.name] = removal
        while True:  # each turn takes at least one away
            stuck = [
                (removal, owner)
                for removal in open_.values()
                if (owner := self._blocker(removal, open_)) is not None
            ]
            if not stuck:
                return [RemoveNode(cluster=self._cluster, node=name) for name in open_]
            for removal, owner in stuck:
                del open_[removal.entry.name]
                step = RemoveNode(cluster=self._cluster, node=removal.entry.name)
                reason = (
                    f"its replacement needs the num or address of {owner}, which is still there:"
                    f" waits for removal of {owner}"
                )
                self._wait(step, Why.REPLACEMENT_BLOCKED, reason)

    def _blocker(self, removal: Removal, open_: Mapping[str, Removal]) -> str | None:
        """Return the name of an entry that would keep the replacement out."""
        if removal.replacement is None:
            return None
        owners = conflicts(removal.replacement, self._entries)
        return next(
            (owner.name for owner in owners if owner.name not in open_ and owner != removal.entry),
            None,
        )

    def _raise_up(self, node: Node, going: set[str]) -> list[Step]:
        """Return the steps that make one wanted node whole, local=1 included."""
        entry = self._entries.get(node.name)
        if entry is not None and entry.complete:
            steps: list[Step] = []
        else:
            steps = self._making(node, entry)
            owners = conflicts(node, self._entries)
            if owners:
                self._wait_for_removal(steps[0], owners[0].name)
                return []
        if node.local and not (entry is not None and entry.local):
            local = SetAttribute(
                cluster=self._cluster, node=node.name, attribute="local", value="1"
            )
            other = next((one.name for one in self._entries.values() if one.local), None)
            if other is not None and other in going:
                self._wait_for_removal(local, other)
            else:
                steps = [*steps, local]
        ready: list[Step] = []
        for step in steps:
            now = self._ready(step)
            ready.extend(now)
            if not now:
                break  # what follows needs it
        return ready

    def _making(self, node: Node, entry: Entry | None) -> list[Step]:
        completion = None if entry is None else self._completion(entry, node)
        return completion or [AddNode(cluster=self._cluster, node=node)]

    def _ready(self, step: Step) -> list[Step]:
        refusal = self._wanted.refused.get(step)
        if refusal is None:
            return [step]
        self._pending.append(_refused(step, refusal))
        return []

    def _wait_for_removal(self, step: Step, owner: str) -> None:
        self._wait(step, Why.WAITS_FOR_REMOVAL, f"waits for removal of {owner}")

    def _wait(self, step: Step, why: Why, reason: str, number: int | None = None) -> None:
        self._pending.append(Pending(step=step, why=why, reason=reason, errno=number))


def _safe_order(wanted: Mapping[str, str], actual: Mapping[str, str]) -> list[str]:
    """Order by name, but idle_timeout_ms first where it is raised and last where it is lowered."""
    names = sorted(wanted)
    idle = "idle_timeout_ms"
    if idle in wanted:
        names.remove(idle)
        is_now = actual.get(idle, "0")
        raised = int(wanted[idle]) > (int(is_now) if is_now.isdigit() else 0)
        names.insert(0 if raised else len(names), idle)
    return names


def _refused(step: Step, refusal: Refusal) -> Pending:
    if refusal.errno is None:
        reason = (
            "the kernel took the write and kept its old value (a heartbeat region is there?)"
            if isinstance(step, SetAttribute)
            else "it was done, and the tables read as before: is somebody else changing them?"
        )
        return Pending(step=step, why=Why.IGNORED, reason=reason)
    symbol = errno.errorcode.get(refusal.errno, str(refusal.errno))
    if isinstance(step, RemoveNode) and refusal.errno == errno.EBUSY:
        return Pending(
            step=step,
            why=Why.PINNED,
            reason="rmdir gives EBUSY: something in the kernel still pins it; done when that ends",
            errno=refusal.errno,
        )
    where = f" at {refusal.detail}" if refusal.detail else ""
    hint = _HINTS.get((type(step), refusal.errno), "tried again with growing pauses")
    return Pending(
        step=step, why=Why.FAILED, reason=f"{symbol}{where}: {hint}", errno=refusal.errno
    )


_HINTS: Mapping[tuple[type, int], str] = MappingProxyType(
    {
        (SetAttribute, errno.EADDRNOTAVAIL): "this node's address is on no interface of this host;"
        " done when it is",
        (SetAttribute, errno.EADDRINUSE): "another program has this node's port;"
        " done when it is free",
        (AddNode, errno.EACCES): "no permission; run as root",
        (CreateCluster, errno.EACCES): "no permission; run as root",
        (RemoveNode, errno.EACCES): "no permission; run as root",
    }
)
