"""Desired table + actual tables -> the steps that can be done now, in order, and what must wait."""

from __future__ import annotations

import enum
import errno
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import field
from itertools import compress
from types import MappingProxyType
from typing import TypeVar

from o2cbd.core.frozen import frozen
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
from o2cbd.core.policy import Desired
from o2cbd.core.refusal import Refusal, explain
from o2cbd.core.removals import Permits, Removal, followable, gate, in_order
from o2cbd.core.reports import spell

_N = TypeVar("_N", Node, Entry)


@frozen
class Replacing:
    """What is to follow a removal."""

    node: str
    """The name of the node whose add follows."""
    after: frozenset[str]
    """The entries without whose removal the add could not follow."""


@frozen
class Plan:
    """The difference between what should be and what is, as work."""

    steps: tuple[Step, ...]
    """Doable now, in this order; later rounds may follow once they are done."""
    pending: tuple[Pending, ...]
    """Wanted, and not doable now."""
    replacing: Mapping[str, Replacing] = field(default_factory=lambda: MappingProxyType({}))
    """By entry name: the removals among the steps that an add is to follow."""


@frozen
class Wanted:
    """Everything that the planner compares the tables with."""

    cluster: str
    desired: Desired
    attributes: Mapping[str, str]
    permits: Permits
    refused: Mapping[Step, Refusal] = field(default_factory=lambda: MappingProxyType({}))


@frozen
class TableDiff:
    """Wanted nodes and the entries that are there, compared by name."""

    nodes: Mapping[str, Node]
    """The wanted ones."""
    entries: Mapping[str, Entry]
    unsatisfied: tuple[Node, ...]
    """The nodes that no entry is right for."""
    mismatched: tuple[Entry, ...]
    """The entries that are not as a wanted node should be, in the order of the reading."""

    def owners(self, node: Node) -> frozenset[str]:
        """Return the names of entries, the node's own aside, that have its num or its address.

        Whoever may have num 0 is taken to have it.
        """
        return frozenset(
            entry.name
            for entry in self.entries.values()
            if entry.name != node.name
            and (
                entry.address == node.address
                or (entry.num == node.num and not (entry.num == 0 and entry.half_made))
            )
        )


class Fit(enum.IntEnum):
    """How an entry fits the node of its name."""

    WRONG = 0
    """It cannot stay, or there is none."""
    NOT_LOCAL = 1
    """It can stay, and is to be made local."""
    RIGHT = 2


def fit_of(entry: Entry | None, node: Node) -> Fit:
    """Say how they fit; an entry that nobody wants local and that is so is wrong.

    A wanted node's address and port are none that an unset attribute reads as.
    """
    if entry is None:
        return Fit.WRONG
    stays = (
        entry.num == node.num
        and entry.num_written
        and entry.address == node.address
        and entry.port == node.port
        and (node.local or not entry.local)
    )
    if not stays:
        return Fit.WRONG
    return Fit.NOT_LOCAL if node.local and not entry.local else Fit.RIGHT


def _fits_of(entries: Sequence[Entry | None], nodes: Sequence[Node]) -> tuple[Fit, ...]:
    return tuple(map(fit_of, entries, nodes))


def by_name(rows: Iterable[_N]) -> dict[str, _N]:
    """Return nodes or entries by their names, in their order."""
    return {row.name: row for row in rows}


def compare(
    nodes: Mapping[str, Node],
    entries: Mapping[str, Entry],
    fits_of: Callable[[Sequence[Entry | None], Sequence[Node]], tuple[Fit, ...]] = _fits_of,
) -> TableDiff:
    """Find what is not as it should be.

    Args:
        nodes: the desired table, by name.
        entries: the reading, by name.
        fits_of: `fit_of` each pair, perhaps with a memory.
    """
    fits = fits_of(tuple(map(entries.get, nodes)), tuple(nodes.values()))
    unsatisfied: tuple[Node, ...] = ()
    if fits.count(Fit.RIGHT) < len(fits):
        rows = zip(nodes.values(), fits, strict=True)
        unsatisfied = tuple(node for node, fit in rows if fit is not Fit.RIGHT)
    mismatched: tuple[Entry, ...] = ()
    if len(entries) + fits.count(Fit.WRONG) > len(fits):
        well = set(compress(nodes, fits))
        mismatched = tuple(entry for name, entry in entries.items() if name not in well)
    return TableDiff(nodes=nodes, entries=entries, unsatisfied=unsatisfied, mismatched=mismatched)


def plan(wanted: Wanted, diff: TableDiff | None = None) -> Plan:
    """Order what is to be done.

    Args:
        wanted: what to compare the tables with.
        diff: the comparison, where it was made; None: it is made here.

    The cluster and its attributes come first, removes before adds, our own node first on the way
    up and last on the way down. A step that needs another one's success is left to the next
    round, which begins with the tables read again.
    """
    tables = wanted.permits.tables
    if wanted.cluster not in tables.clusters:
        return _plan_cluster(wanted)
    if diff is None:
        diff = compare(by_name(wanted.desired.nodes), by_name(tables.entries))
    return _Round(wanted, diff).plan()


def _plan_cluster(wanted: Wanted) -> Plan:
    step = CreateCluster(cluster=wanted.cluster)
    foreign = wanted.permits.tables.clusters
    if foreign:
        reason = (
            f"cluster {spell(foreign[0])} is in configfs already, and a kernel holds only one:"
            " waiting for its removal; if it is unused: o2cbd flush --cluster"
            f" {spell(foreign[0])}"
        )
        pending = Pending(step=step, why=Why.FOREIGN_CLUSTER, reason=reason, errno=errno.ENOSPC)
        return Plan(steps=(), pending=(pending,))
    if not wanted.desired.has_local:
        return Plan(steps=(), pending=())  # nothing could be mounted with it
    refusal = wanted.refused.get(step)
    if refusal is not None:
        return Plan(steps=(), pending=(explain(step, refusal),))
    return Plan(steps=(step,), pending=())


class _Round:
    """One comparison; collects steps and pendings."""

    def __init__(self, wanted: Wanted, diff: TableDiff) -> None:
        self._wanted = wanted
        self._cluster = wanted.cluster
        self._tables = wanted.permits.tables
        self._diff = diff
        self._entries = diff.entries
        self._refused = wanted.refused
        self._pending: list[Pending] = []

    def plan(self) -> Plan:
        attributes = self._attributes()
        removals = self._removals()
        needs = {removal.name: self._needs(removal) for removal in removals}
        doable = in_order(self._doable(removals, needs), needs)
        going = {removal.name for removal in removals}
        rising = [node for node in self._diff.unsatisfied if node.name not in going]
        adds: list[Step] = []
        for node in sorted(rising, key=lambda one: (not one.local, one.num)):
            adds.extend(self._raise_up(node))
        return Plan(
            steps=(*attributes, *map(self._remove, doable), *adds),
            pending=tuple(self._pending),
            replacing={
                removal.name: Replacing(node=removal.replacement.name, after=needs[removal.name])
                for removal in doable
                if removal.replacement is not None
            },
        )

    # --- attributes of the cluster

    def _attributes(self) -> list[Step]:
        """Set what differs. The kernel wants idle > keepalive at every moment."""
        steps: list[Step] = []
        for name in _safe_order(self._wanted.attributes, self._tables.attributes):
            value = self._wanted.attributes[name]
            step = SetAttribute(cluster=self._cluster, node=None, attribute=name, value=value)
            is_now = self._tables.attributes.get(name)
            if is_now is None:
                reason = f"this kernel has no cluster attribute {name}; not setting it"
                self._wait(step, Why.FAILED, reason, errno.ENOENT)
            elif is_now.lower() != value.lower():
                steps.extend(self._ready([step]))
        return steps

    # --- entries that must go

    def _removals(self) -> list[Removal]:
        """Return every entry that must go.

        An entry that is only half made has no replacement: nobody knew the node by it, and its
        removal takes nothing away that must come back.
        """
        if not self._diff.mismatched:
            return []
        missing = (node for node in self._diff.unsatisfied if node.name not in self._entries)
        unseen = {node.num: node for node in missing}
        found: list[Removal] = []
        for entry in self._diff.mismatched:
            node = self._diff.nodes.get(entry.name)
            if node is not None and self._completion(entry, node) is not None:
                continue
            replacement = unseen.get(entry.num) if node is None else node
            found.append(
                Removal(
                    entry=entry,
                    replacement=None if entry.half_made else replacement,
                    local=entry.local or (node is not None and node.local),
                    zero_written=node is not None and self._holds_zero(entry, node),
                )
            )
        return found

    def _completion(self, entry: Entry, node: Node) -> list[Step] | None:
        """Return the writes that make a half-made entry whole; None where that cannot be."""
        if entry.complete or entry.local:
            return None
        if entry.port not in {0, node.port} or entry.address not in {UNSET_ADDRESS, node.address}:
            return None
        if entry.doubtful and node.num and self._diff.owners(node):
            return None  # it may be a whole node with num 0: its replacement waits for the owner
        steps: list[Step] = []
        if entry.port == 0:
            steps.append(self._set(node, "ipv4_port", str(node.port)))
        if entry.address == UNSET_ADDRESS:
            steps.append(self._set(node, "ipv4_address", node.address))
        steps.append(self._set(node, "num", str(node.num)))
        refusals = [self._refused[step] for step in steps if step in self._refused]
        if entry.half_made:
            return None if refusals else steps  # it is made new instead
        # Only EBUSY proves that its num was written after all, as 0, where another is wanted.
        return None if any(one.errno == errno.EBUSY for one in refusals) else steps

    def _holds_zero(self, entry: Entry, node: Node) -> bool:
        """True when an address was refused as written already, and none reads back."""
        if entry.address != UNSET_ADDRESS:
            return False
        refusal = self._refused.get(self._set(node, "ipv4_address", node.address))
        return refusal is not None and refusal.errno == errno.EBUSY

    def _needs(self, removal: Removal) -> frozenset[str]:
        """Return the other entries that have what the replacement needs."""
        if removal.replacement is None:
            return frozenset()
        return self._diff.owners(removal.replacement) - {removal.name}

    def _doable(
        self, removals: Iterable[Removal], needs: Mapping[str, frozenset[str]]
    ) -> Collection[Removal]:
        """Return the removals that may be done now, and note why the others wait."""
        free: list[Removal] = []
        for removal in removals:
            blocked = gate(removal, self._wanted.permits)
            if blocked is not None:
                self._wait(self._remove(removal), blocked.why, blocked.reason, blocked.errno)
            elif self._ready([self._remove(removal)]) and self._add_may_follow(removal):
                free.append(removal)
        doable, stuck = followable(free, needs)
        for removal in free:
            owner = stuck.get(removal.name)
            if owner is not None:
                reason = (
                    f"its replacement needs the num or address of {spell(owner)}, which is still"
                    f" in the table: waiting for the removal of {spell(owner)}"
                )
                self._wait(self._remove(removal), Why.REPLACEMENT_BLOCKED, reason)
        return doable.values()

    def _add_may_follow(self, removal: Removal) -> bool:
        """Note it and return False when the replacement's add is not to be tried just now."""
        if removal.replacement is None:
            return True
        add = AddNode(cluster=self._cluster, node=removal.replacement)
        if self._ready([add]):
            return True
        reason = "adding its replacement failed: keeping the old entry until that can work"
        self._wait(self._remove(removal), Why.REPLACEMENT_BLOCKED, reason)
        return False

    # --- nodes that must be there

    def _raise_up(self, node: Node) -> list[Step]:
        """Return the steps that make one wanted node whole, local=1 included."""
        entry = self._entries.get(node.name)
        steps: list[Step] = []
        if entry is None or not entry.complete:
            completion = None if entry is None else self._completion(entry, node)
            steps = completion or [AddNode(cluster=self._cluster, node=node)]
            in_the_way = self._diff.owners(node)
            if in_the_way:
                self._wait_for_removal(steps[0], in_the_way)
                return []
        if node.local and not (entry is not None and entry.local):
            local = self._set(node, "local", "1")
            # The kernel allows one; whoever else has it must go, since it is not theirs.
            others = {one.name for one in self._entries.values() if one.local}
            if others:
                self._wait_for_removal(local, others)
            else:
                steps.append(local)
        return self._ready(steps)

    # --- helpers

    def _ready(self, steps: Iterable[Step]) -> list[Step]:
        """Return the steps up to the first that is not to be tried now; what follows needs it."""
        ready: list[Step] = []
        for step in steps:
            refusal = self._refused.get(step)
            if refusal is not None:
                self._pending.append(explain(step, refusal))
                break
            ready.append(step)
        return ready

    def _set(self, node: Node, attribute: str, value: str) -> SetAttribute:
        return SetAttribute(cluster=self._cluster, node=node.name, attribute=attribute, value=value)

    def _remove(self, removal: Removal) -> RemoveNode:
        return RemoveNode(cluster=self._cluster, node=removal.name)

    def _wait_for_removal(self, step: Step, names: Iterable[str]) -> None:
        spelled = ", ".join(spell(name) for name in sorted(names))
        self._wait(step, Why.WAITS_FOR_REMOVAL, f"waiting for the removal of {spelled}")

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
