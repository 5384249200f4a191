"""Corosync's list of configured nodes, by id: their positions in it shift with every reload."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from o2cbd.core.model import NO_ADVICE, Advice
from o2cbd.membership.corosync_calls import Keys

PREFIX: Final = "nodelist.node."
_KEY = re.compile(r"nodelist\.node\.(?P<position>[0-9]+)\.(?P<key>[A-Za-z0-9_]+)")
_RING = re.compile(r"ring(?P<number>[0-9])_addr")
_WANTED = re.compile(r"nodeid|name|o2cb_address|o2cb_port|ring[0-9]_addr")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedNode:
    """A `node {}` block of corosync.conf."""

    name: str = ""
    """Its `name`, else its `ring0_addr` where that is a name; else it has none."""
    rings: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    """`ring0_addr` to `ring7_addr` by their numbers, as written: an address or a name."""
    advice: Advice = NO_ADVICE


NOT_LISTED: Final = ListedNode()


def read_nodes(keys: Keys) -> dict[int, ListedNode]:
    """Read the whole list; an entry without an id names nobody.

    Raises:
        ManagerGoneError: the connection is dead.
        CorosyncError: the reading failed.
    """
    blocks: dict[str, dict[str, str]] = {}
    found: dict[str, int] = {}
    for full in keys.names(PREFIX):
        match = _KEY.fullmatch(full)
        if match is None or _WANTED.fullmatch(match["key"]) is None:
            continue
        if match["key"] == "nodeid":
            found[match["position"]] = keys.number(full)
        else:
            blocks.setdefault(match["position"], {})[match["key"]] = keys.text(full)
    return {
        node_id: _listed(blocks.get(position, {})) for position, node_id in found.items() if node_id
    }


def _listed(block: Mapping[str, str]) -> ListedNode:
    rings = {
        int(match["number"]): text
        for key, text in block.items()
        if (match := _RING.fullmatch(key)) is not None
    }
    first = rings.get(0, "")
    return ListedNode(
        name=block.get("name") or ("" if is_numeric(first) else first),
        rings=MappingProxyType(rings),
        advice=Advice(address=block.get("o2cb_address"), port=block.get("o2cb_port")),
    )


def is_numeric(text: str) -> bool:
    """True for the text of an IPv4 or IPv6 address."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
        return True
    return False


def by_ring(node: ListedNode, addresses: Sequence[str]) -> tuple[str, ...]:
    """Put the addresses of a node's links where its rings are.

    Corosync gives them without the rings' numbers. Where there are not as many as rings, it is not
    known which is whose (up to 3.1.9 corosync leaves some out): then a ring has the address that
    is written in the configuration, or none; names are never resolved.

    Args:
        node: as configured; a node that is not has its links in their order.
        addresses: numeric, in the order of the links.
    """
    if not node.rings:
        return tuple(addresses)
    known = len(addresses) == len(node.rings)
    numbers = sorted(node.rings)
    placed = dict(zip(numbers, addresses, strict=True)) if known else {}
    for number in numbers:
        written = node.rings[number]
        placed.setdefault(number, written if is_numeric(written) else "")
    return tuple(placed.get(number, "") for number in range(numbers[-1] + 1))
