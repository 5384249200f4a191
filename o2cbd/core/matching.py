"""Wanted nodes and the entries that are there, held against each other by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from o2cbd.core.gap import gap
from o2cbd.core.model import Entry, Node

_NOBODY: AbstractSet[str] = frozenset()


class Matching:
    """Compares one desired table after the other with one reading after the other.

    A table is long and a change is small: only nodes and entries that are other values than the
    last time are looked at again. What comes of it is the same as from a comparison of everything.
    """

    def __init__(self) -> None:
        """Begin with nothing wanted and nothing there."""
        self._seen_nodes: Sequence[Node] = ()
        self._seen_entries: Sequence[Entry] = ()
        self._nodes: dict[str, Node] = {}
        self._entries: dict[str, Entry] = {}
        self._owners: dict[int | str, set[str]] = {}
        """Who has a num or an address: the names of the entries."""
        self._unwell: set[str] = set()
        self._missing: set[str] = set()
        self._local: set[str] = set()

    def update(self, nodes: Sequence[Node], entries: Sequence[Entry]) -> None:
        """Take in the next desired table and the next reading; names are unique in each."""
        touched: set[str] = set()
        start, before_end, now_end = gap(self._seen_nodes, nodes)
        for node in self._seen_nodes[start:before_end]:
            touched.add(node.name)
            del self._nodes[node.name]
        for node in nodes[start:now_end]:
            touched.add(node.name)
            self._nodes[node.name] = node
        start, before_end, now_end = gap(self._seen_entries, entries)
        for entry in self._seen_entries[start:before_end]:
            touched.add(entry.name)
            del self._entries[entry.name]
            self._disown(entry)
        for entry in entries[start:now_end]:
            touched.add(entry.name)
            self._entries[entry.name] = entry
            for claim in _claims_of(entry):
                self._owners.setdefault(claim, set()).add(entry.name)
        self._seen_nodes, self._seen_entries = nodes, entries
        for name in touched:
            self._look_again(name)

    def _disown(self, entry: Entry) -> None:
        for claim in _claims_of(entry):
            names = self._owners[claim]
            names.discard(entry.name)
            if not names:
                del self._owners[claim]

    def _look_again(self, name: str) -> None:
        node, entry = self._nodes.get(name), self._entries.get(name)
        well = node is not None and entry is not None and _is_well(node, entry)
        for names, belongs in (
            (self._unwell, entry is not None and not well),
            (self._missing, node is not None and not well),
            (self._local, node is not None and node.local),
        ):
            if belongs:
                names.add(name)
            else:
                names.discard(name)

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The wanted nodes by name."""
        return self._nodes

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The entries by name."""
        return self._entries

    def unwell(self) -> list[Entry]:
        """Return the entries that are not as some wanted node should be, by name."""
        return [self._entries[name] for name in sorted(self._unwell)]

    def unsettled(self) -> list[Node]:
        """Return the wanted nodes that no entry is right for, and our own, in no order."""
        return [self._nodes[name] for name in self._missing | self._local]

    def owners(self, node: Node) -> frozenset[str]:
        """Return the names of entries, the node's own aside, that have its num or its address.

        Whoever may have num 0 is taken to have it.
        """
        by_num = self._owners.get(node.num, _NOBODY)
        by_address = self._owners.get(node.address, _NOBODY)
        return frozenset((by_num | by_address) - {node.name})


def _claims_of(entry: Entry) -> tuple[int | str, ...]:
    """Return what an entry has that no other may have; no num that certainly is not written."""
    unwritten = entry.num == 0 and entry.half_made
    return (entry.address,) if unwritten else (entry.num, entry.address)


def _is_well(node: Node, entry: Entry) -> bool:
    """True when the entry can stay as it is; whether our own is local is looked at apart.

    A wanted node's address and port are none that an unset attribute reads as.
    """
    return (
        entry.num == node.num
        and entry.num_written
        and entry.address == node.address
        and entry.port == node.port
        and (node.local or not entry.local)
    )
