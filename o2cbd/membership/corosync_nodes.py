"""Corosync's list of configured nodes, and which of its blocks is about which running node."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from o2cbd.core.frozen import frozen
from o2cbd.core.model import NO_ADVICE, Advice
from o2cbd.membership.corosync_calls import Keys
from o2cbd.membership.sockaddr import numeric

PREFIX: Final = "nodelist.node."
LOCAL_POSITION: Final = "nodelist.local_node_pos"
"""Where in the list corosync has found the addresses of this host; not there after a reload that
failed, or that took this host out of the list."""

_KEY = re.compile(r"nodelist\.node\.(?P<position>[0-9]+)\.(?P<key>[A-Za-z0-9_]+)")
_RING = re.compile(r"ring(?P<number>[0-9])_addr")
_NUMBERS: Final = {"nodeid": 0, "quorum_votes": 1}
"""What stands for one that is not there."""
_WANTED = re.compile(r"nodeid|quorum_votes|name|o2cb_address|o2cb_port|o2cb_num|ring[0-9]_addr")


@frozen
class ListedNode:
    """A `node {}` block of corosync.conf."""

    id: int = 0
    """0: the list has none for it."""
    name: str = ""
    """Its `name`, else its `ring0_addr` where that is a name; else it has none."""
    rings: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    """`ring0_addr` to `ring7_addr` by their numbers, as written: an address or a name."""
    votes: int = _NUMBERS["quorum_votes"]
    advice: Advice = NO_ADVICE


@frozen
class NodeList:
    """The whole list, in its order."""

    nodes: tuple[ListedNode, ...]
    local: int | None
    """The place of this host's block, as corosync found it by its addresses."""


def read_nodes(keys: Keys) -> NodeList:
    """Read the whole list.

    Raises:
        ManagerGoneError: the connection is dead.
        CorosyncError: the reading failed.
    """
    numbers: dict[int, dict[str, int]] = {}
    texts: dict[int, dict[str, str]] = {}
    for full in keys.names(PREFIX):
        match = _KEY.fullmatch(full)
        if match is None or _WANTED.fullmatch(match["key"]) is None:
            continue
        position, key = int(match["position"]), match["key"]
        texts.setdefault(position, {})
        if key in _NUMBERS:
            numbers.setdefault(position, {})[key] = keys.number(full, _NUMBERS[key])
        else:
            texts[position][key] = keys.text(full)
    positions = sorted(texts)
    local = keys.number(LOCAL_POSITION, -1)
    return NodeList(
        nodes=tuple(_listed(numbers.get(each, {}), texts[each]) for each in positions),
        local=positions.index(local) if local in positions else None,
    )


def _listed(numbers: Mapping[str, int], texts: Mapping[str, str]) -> ListedNode:
    rings = {
        int(match["number"]): text
        for key, text in texts.items()
        if (match := _RING.fullmatch(key)) is not None
    }
    first = rings.get(0, "")
    given = {**_NUMBERS, **numbers}
    return ListedNode(
        id=given["nodeid"],
        name=texts.get("name") or ("" if numeric(first) else first),
        rings=MappingProxyType(rings),
        votes=given["quorum_votes"],
        advice=Advice(
            address=texts.get("o2cb_address"),
            port=texts.get("o2cb_port"),
            num=texts.get("o2cb_num"),
        ),
    )


@dataclass(slots=True, kw_only=True)
class Blocks:
    """Which block is about which node, by id or, failing that, by address.

    A file does not change the id of a node that runs, and may say another one: then the id that
    the node runs with is in no block, and its block has an id of nobody.
    """

    listing: NodeList
    addresses: Sequence[tuple[str, ...]]
    """Of each block."""
    found: dict[int, int] = field(default_factory=dict)
    """Places in the list, by the id of the node; each is about one node at the most."""

    def find(self, node_ids: Collection[int], recorded: Callable[[int], Collection[str]]) -> None:
        """Find the blocks of nodes, of those that are about nobody yet.

        Args:
            node_ids: with which nodes run, or ran last.
            recorded: returns the addresses with which one of them joined.
        """
        by_id: dict[int, int] = {}
        for place in self.left():
            by_id.setdefault(self.listing.nodes[place].id, place)
        lost = [node_id for node_id in node_ids if node_id not in self.found]
        self.found |= {node_id: by_id[node_id] for node_id in lost if node_id in by_id}
        for node_id in lost:
            left = () if node_id in self.found else self.left()
            there = set(recorded(node_id)) - {""} if left else set()
            places = [place for place in left if there.intersection(self.addresses[place])]
            if places:
                self.found[node_id] = places[0]

    def left(self) -> list[int]:
        """Return the places of blocks that are about nobody yet."""
        taken = set(self.found.values())
        return [place for place in range(len(self.listing.nodes)) if place not in taken]
