"""Corosync's list of configured nodes, and which of its blocks is about which running node."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

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


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
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


def blocks_of_members(
    listing: NodeList,
    addresses: Sequence[tuple[str, ...]],
    members: Iterable[int],
    local_id: int,
    recorded: Callable[[int], Collection[str]],
) -> dict[int, int]:
    """Find the block that is about each running node, by id or, failing that, by address.

    A file does not change the id of a node that runs, and may say another one: then the id that
    the node runs with is in no block, and its block has an id of nobody.

    Args:
        listing: the list.
        addresses: of each block.
        members: the ids that run.
        local_id: this host's, as corosync itself reports it.
        recorded: returns the addresses under which a running node joined.

    Returns:
        Places in the list, by the id of the member.
    """
    found: dict[int, int] = {} if listing.local is None else {local_id: listing.local}
    by_id: dict[int, int] = {}
    for place, node in enumerate(listing.nodes):
        if place != listing.local:
            by_id.setdefault(node.id, place)
    others = [member for member in members if member not in found]
    found |= {member: by_id[member] for member in others if member in by_id}
    taken = set(found.values())
    left = [place for place in range(len(listing.nodes)) if place not in taken]
    for member in others:
        if member in found or not left:
            continue
        there = set(recorded(member)) - {""}
        for place in left:
            if there.intersection(addresses[place]):
                found[member] = place
                left.remove(place)
                break
    return found
